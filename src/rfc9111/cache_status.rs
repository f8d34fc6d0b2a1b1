//! RFC 9211, the `Cache-Status` header: what this cache did with a request, as one member of a list.

use crate::reason::{Forward, NotStored};

/// What this cache did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered by itself.
    Hit {
        /// Remaining freshness lifetime in seconds, negative when stale.
        ttl: i64,
        /// Where the entry was: `l1` or `l2`.
        tier: &'static str,
    },
    /// It sent the request on.
    Forwarded {
        /// Why.
        reason: Forward,
        /// The status of the origin's answer, where there was one.
        status: Option<u16>,
        /// Whether that answer is being stored.
        stored: bool,
        /// Why it is not.
        not_stored: Option<NotStored>,
    },
    /// It asked the origin, whose 304 made the stored answer fresh again.
    Revalidated {
        /// Why it asked.
        reason: Forward,
        /// Remaining freshness lifetime in seconds.
        ttl: i64,
    },
    /// It asked the origin, which failed, and gave the stale answer instead.
    InsteadOfError {
        /// Why it asked.
        reason: Forward,
        /// The status of the failure.
        status: u16,
        /// Remaining freshness lifetime in seconds; negative, unless it asked before it had to.
        ttl: i64,
    },
    /// It gave what the origin had answered to another request under way. RFC 9211 §2.6: `collapsed` says whether "this
    /// request was collapsed together with one or more other forward requests".
    Collapsed {
        /// Why it would have asked.
        reason: Forward,
        /// The status of the answer.
        status: u16,
        /// Remaining freshness lifetime in seconds.
        ttl: i64,
    },
    /// It had nothing to answer with, and the client did not want the origin to be asked.
    Nothing,
}

/// Room for what follows the name, so that a member is one allocation.
const ROOM: usize = 96;

/// The member for `cache`, which has to be a token that begins with a letter (the configuration sees to that).
pub fn member(cache: &str, outcome: &Outcome) -> String {
    let mut text = String::with_capacity(cache.len() + ROOM);
    text.push_str(cache);
    match *outcome {
        Outcome::Hit { ttl, tier } => {
            text.push_str("; hit; ttl=");
            push_integer(&mut text, ttl);
            text.push_str("; detail=");
            text.push_str(tier);
        }
        Outcome::Forwarded { reason, status, stored, not_stored } => {
            push_forward(&mut text, reason, status, stored);
            push_detail(&mut text, reason, not_stored);
        }
        Outcome::Revalidated { reason, ttl } => {
            push_forward(&mut text, reason, Some(304), true);
            text.push_str("; ttl=");
            push_integer(&mut text, ttl);
            push_detail(&mut text, reason, None);
        }
        Outcome::InsteadOfError { reason, status, ttl } => {
            push_forward(&mut text, reason, Some(status), false);
            text.push_str("; ttl=");
            push_integer(&mut text, ttl);
            text.push_str("; detail=");
            text.push_str(if reason == Forward::Stale { "stale_if_error" } else { reason.as_str() });
        }
        Outcome::Collapsed { reason, status, ttl } => {
            push_forward(&mut text, reason, Some(status), true);
            text.push_str("; collapsed; ttl=");
            push_integer(&mut text, ttl);
            push_detail(&mut text, reason, None);
        }
        Outcome::Nothing => text.push_str("; detail=only_if_cached"),
    }
    text
}

/// A member with its `key` (RFC 9211 §2.7, "a representation of the cache key"), which has to be printable ASCII without
/// quotes and backslashes.
pub fn with_key(member: String, key: &str) -> String {
    member + "; key=\"" + key + "\""
}

fn push_forward(text: &mut String, reason: Forward, status: Option<u16>, stored: bool) {
    text.push_str("; fwd=");
    text.push_str(reason.fwd());
    if let Some(status) = status {
        text.push_str("; fwd-status=");
        push_integer(text, i64::from(status));
    }
    if stored {
        text.push_str("; stored");
    }
}

/// One word on what `fwd` leaves open. A pass: why. Otherwise: why it is not stored, which is what one would like to change;
/// else the reason, where `fwd` is a coarser one.
fn push_detail(text: &mut String, reason: Forward, not_stored: Option<NotStored>) {
    let refusal = not_stored.filter(|_| reason.is_miss());
    let coarse = !matches!(reason, Forward::UriMiss | Forward::VaryMiss | Forward::Stale);
    let detail = refusal.map(NotStored::as_str).or_else(|| coarse.then(|| reason.as_str()));
    if let Some(detail) = detail {
        text.push_str("; detail=");
        text.push_str(detail);
    }
}

/// Writes a structured-field integer: at most 15 digits (RFC 9651 §3.3.1). By hand, because a hit passes here.
fn push_integer(text: &mut String, number: i64) {
    if number < 0 {
        text.push('-');
    }
    push_digits(text, number.unsigned_abs().min(999_999_999_999_999));
}

fn push_digits(text: &mut String, number: u64) {
    if number >= 10 {
        push_digits(text, number / 10);
    }
    text.push(char::from_digit((number % 10) as u32, 10).unwrap_or('0'));
}

/// The whole header value: `existing`, which the caches nearer to the origin wrote, then this cache's `member`.
///
/// RFC 9211 §2: "The first member represents the cache closest to the origin server, and the last member represents the
/// cache closest to the user".
pub fn appended(existing: Option<&str>, member: &str) -> String {
    match existing.map(str::trim).filter(|earlier| !earlier.is_empty()) {
        Some(earlier) => [earlier, ", ", member].concat(),
        None => member.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn told(reason: Forward, status: Option<u16>, not_stored: Option<NotStored>) -> String {
        let stored = not_stored.is_none() && status.is_some();
        let outcome = Outcome::Forwarded { reason, status, stored, not_stored };
        member("c", &outcome)
    }

    #[test]
    fn answers_from_the_cache_are_told() {
        let hit = |ttl, tier| member("c", &Outcome::Hit { ttl, tier });
        assert_eq!(hit(297, "l1"), "c; hit; ttl=297; detail=l1");
        assert_eq!(hit(-5, "l2"), "c; hit; ttl=-5; detail=l2");
        assert_eq!(hit(0, "l1"), "c; hit; ttl=0; detail=l1");
        let revalidated = |reason| member("c", &Outcome::Revalidated { reason, ttl: 60 });
        assert_eq!(revalidated(Forward::Stale), "c; fwd=stale; fwd-status=304; stored; ttl=60");
        let asked = "c; fwd=request; fwd-status=304; stored; ttl=60; detail=request_no_cache";
        assert_eq!(revalidated(Forward::RequestNoCache), asked);
        let instead = |reason, ttl| member("c", &Outcome::InsteadOfError { reason, status: 503, ttl });
        assert_eq!(instead(Forward::Stale, -7), "c; fwd=stale; fwd-status=503; ttl=-7; detail=stale_if_error");
        assert_eq!(instead(Forward::EarlyRefresh, 7), "c; fwd=miss; fwd-status=503; ttl=7; detail=early_refresh");
        let collapsed = |reason| member("c", &Outcome::Collapsed { reason, status: 200, ttl: 60 });
        assert_eq!(collapsed(Forward::UriMiss), "c; fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60");
        let invalidated = "c; fwd=miss; fwd-status=200; stored; collapsed; ttl=60; detail=invalidated";
        assert_eq!(collapsed(Forward::Invalidated), invalidated);
        assert_eq!(member("c", &Outcome::Nothing), "c; detail=only_if_cached");
    }

    #[test]
    fn the_key_is_shown_as_a_string() {
        assert_eq!(with_key("c; hit".to_owned(), "profiles:ab"), "c; hit; key=\"profiles:ab\"");
    }

    #[test]
    fn forwarding_is_told() {
        use Forward::*;
        let ok = Some(200);
        for (reason, status, not_stored, expected) in [
            (UriMiss, ok, None, "uri-miss; fwd-status=200; stored"),
            (VaryMiss, None, None, "vary-miss"),
            (RequestNoCache, ok, None, "request; fwd-status=200; stored; detail=request_no_cache"),
            (BodyUnlisted, None, None, "bypass; detail=body_unlisted"),
            (UriMiss, ok, Some(NotStored::SetCookie), "uri-miss; fwd-status=200; detail=set_cookie"),
            (Stale, Some(500), Some(NotStored::Status), "stale; fwd-status=500; detail=status"),
            (Credentials, ok, Some(NotStored::Authorization), "miss; fwd-status=200; detail=authorization"),
            (BodyUnlisted, ok, Some(NotStored::Method), "bypass; fwd-status=200; detail=body_unlisted"),
        ] {
            assert_eq!(told(reason, status, not_stored), format!("c; fwd={expected}"));
        }
    }

    #[test]
    fn integers_stay_within_structured_fields() {
        let ttl = |ttl| member("c", &Outcome::Hit { ttl, tier: "l1" }).replace("; detail=l1", "");
        assert!(ttl(i64::MAX).ends_with("ttl=999999999999999"));
        assert!(ttl(i64::MIN).ends_with("ttl=-999999999999999"));
        assert!(ttl(10).ends_with("ttl=10"));
        assert!(ttl(1_234_567_890).ends_with("ttl=1234567890"));
    }

    /// One allocation: no member outgrows the room it was given.
    #[test]
    fn every_member_fits() {
        for reason in Forward::ALL {
            for refusal in NotStored::ALL {
                let outcome = Outcome::Forwarded { reason, status: Some(599), stored: true, not_stored: Some(refusal) };
                let text = member("c", &outcome);
                assert!(text.len() <= ROOM && text.capacity() == 1 + ROOM, "{text}");
            }
        }
        let hit = member("c", &Outcome::Hit { ttl: i64::MIN, tier: "l1" });
        assert!(hit.len() <= ROOM && hit.capacity() == 1 + ROOM, "{hit}");
    }

    #[test]
    fn members_are_appended_after_those_of_other_caches() {
        assert_eq!(appended(None, "c; hit"), "c; hit");
        assert_eq!(appended(Some(" "), "c; hit"), "c; hit");
        assert_eq!(
            appended(Some("origin; hit; ttl=9, \"cdn\"; fwd=uri-miss"), "c; hit"),
            "origin; hit; ttl=9, \"cdn\"; fwd=uri-miss, c; hit"
        );
    }
}
