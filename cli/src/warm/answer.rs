//! What an answer says of the cache: warm now, or not, or ask again.

use std::time::Duration;

use fingerprint_cache::http::date;
use fingerprint_cache::time::Timestamp;

/// What became of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The cache had it.
    Hit,
    /// The origin was asked, and the cache has it now; `true` where another request asked for it.
    Fetched(bool),
    /// The answer is good and the cache does not have it: why, as far as it says.
    Unstored(String),
    /// There is no good answer.
    Failed(String),
}

/// What one try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is nothing more to be done.
    Done(Outcome),
    /// It may go better later.
    Again {
        /// What went wrong.
        why: String,
        /// How long the origin wants to be left alone, if it says so.
        after: Option<Duration>,
        /// Whether that is said of all requests, not of this one alone.
        all: bool,
    },
}

/// What our cache says in `Cache-Status` (RFC 9211).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    hit: bool,
    stored: bool,
    collapsed: bool,
    fwd: Option<String>,
    detail: Option<String>,
}

/// What of an answer is looked at.
pub struct Seen<'a> {
    /// The status.
    pub status: u16,
    /// The lines of `Cache-Status`.
    pub cache_status: Vec<&'a str>,
    /// `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// Now, by the clock of this machine.
    pub now: Timestamp,
}

/// Judges an answer; `cache` is the name our cache goes by.
pub fn judge(seen: &Seen<'_>, cache: &str) -> Verdict {
    let why = || format!("status {}", seen.status);
    match seen.status {
        200..400 => Verdict::Done(outcome(told(&seen.cache_status, cache))),
        408 | 429 | 500 | 502..=504 => {
            let all = matches!(seen.status, 429 | 503);
            Verdict::Again { why: why(), after: seen.retry_after.and_then(|text| wait(text, seen.now)), all }
        }
        _ => Verdict::Done(Outcome::Failed(why())),
    }
}

fn outcome(told: Option<Told>) -> Outcome {
    let Some(told) = told else {
        return Outcome::Unstored("no Cache-Status: is the cache on this way?".to_owned());
    };
    match told {
        Told { hit: true, .. } => Outcome::Hit,
        // Whoever waits for another's fetch gets its answer because it may be stored.
        Told { stored, collapsed, .. } if stored || collapsed => Outcome::Fetched(collapsed),
        Told { detail, fwd, .. } => Outcome::Unstored(detail.or(fwd).unwrap_or_else(|| "not stored".to_owned())),
    }
}

/// RFC 9110 §10.2.3: `Retry-After` is a number of seconds or a date.
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    Some(date::parse(text.as_bytes())?.since(now))
}

/// The member of our cache; of several the last, which is nearest to us.
fn told(lines: &[&str], cache: &str) -> Option<Told> {
    let members = lines.iter().flat_map(|line| split(line, ','));
    let ours = members.filter(|member| split(member, ';').next().map(str::trim) == Some(cache)).last()?;
    let mut told = Told::default();
    for parameter in split(ours, ';').skip(1) {
        let (name, value) = parameter.trim().split_once('=').unwrap_or((parameter.trim(), ""));
        let value = || Some(value.trim_matches('"').to_owned());
        match name {
            "hit" => told.hit = true,
            "stored" => told.stored = true,
            "collapsed" => told.collapsed = true,
            "fwd" => told.fwd = value(),
            "detail" => told.detail = value(),
            _ => {}
        }
    }
    Some(told)
}

/// Cuts at a character, but not inside quotes.
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let plain = !escaped;
        escaped = quoted && plain && character == '\\';
        if character == '"' && plain {
            quoted = !quoted;
        }
        character == at && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, cache_status: &str) -> Verdict {
        judge(&Seen { status, cache_status: vec![cache_status], retry_after: None, now: Timestamp(0) }, "c")
    }

    fn done(cache_status: &str) -> Outcome {
        match judged(200, cache_status) {
            Verdict::Done(outcome) => outcome,
            again => panic!("{again:?}"),
        }
    }

    #[test]
    fn cache_status_tells_what_is_warm() {
        assert_eq!(done("c; hit; ttl=9; detail=l2"), Outcome::Hit);
        assert_eq!(done("c; fwd=uri-miss; fwd-status=200; stored"), Outcome::Fetched(false));
        assert_eq!(done("c; fwd=stale; fwd-status=304; stored; ttl=60"), Outcome::Fetched(false));
        assert_eq!(done("c; fwd=uri-miss; fwd-status=200; collapsed"), Outcome::Fetched(true));
        assert_eq!(
            done("c; fwd=uri-miss; fwd-status=200; detail=set_cookie"),
            Outcome::Unstored("set_cookie".to_owned())
        );
        assert_eq!(done("c; fwd=bypass"), Outcome::Unstored("bypass".to_owned()));
        assert!(matches!(done("other; hit"), Outcome::Unstored(why) if why.contains("no Cache-Status")));
    }

    #[test]
    fn of_several_caches_ours_counts_and_of_ours_the_nearest() {
        assert_eq!(done("c; fwd=uri-miss; stored, other; fwd=uri-miss"), Outcome::Fetched(false));
        assert_eq!(done("c; fwd=bypass, c; hit"), Outcome::Hit);
        assert_eq!(done(r#"c; hit; key="a,\"c; fwd=bypass;""#), Outcome::Hit);
    }

    #[test]
    fn what_may_go_better_later_is_asked_again() {
        for (status, all) in [(429, true), (503, true), (500, false), (502, false), (504, false), (408, false)] {
            let again = Verdict::Again { why: format!("status {status}"), after: None, all };
            assert_eq!(judged(status, "c; hit"), again);
        }
        for status in [400, 401, 404, 501] {
            assert_eq!(judged(status, "c; hit"), Verdict::Done(Outcome::Failed(format!("status {status}"))));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(wait(" 120 ", Timestamp(0)), Some(Duration::from_secs(120)));
        assert_eq!(wait("Thu, 01 Jan 1970 00:01:00 GMT", Timestamp(20_000)), Some(Duration::from_secs(40)));
        assert_eq!(wait("Thu, 01 Jan 1970 00:01:00 GMT", Timestamp(90_000)), Some(Duration::ZERO));
        assert_eq!(wait("soon", Timestamp(0)), None);
    }
}
