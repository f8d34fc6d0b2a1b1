//! What the origin answers: confirmed, captured and stored, or left alone.

use super::{Outside, Worker};
use crate::config::{Auth, BodyKey, Rule};
use crate::echo;
use crate::entry::Entry;
use crate::http::{Headers, ResponseDirectives, date};
use crate::memory::Held;
use crate::metrics::{Metric, Status, Tier};
use crate::reason::{Forward, NotStored};
use crate::rfc9111::cache_status::{self, Outcome};
use crate::rfc9111::{freshness, selection, storage, validation};
use crate::transaction::{Asked, Command, Fetching, Filling, Passing, Phase, Verdict};
use std::rc::Rc;
use std::time::Duration;

/// Fields that speak of the exact bytes of a body; wrong once a caller's value is cut out of it.
const OF_EXACT_BYTES: [&str; 7] =
    ["etag", "digest", "content-digest", "repr-digest", "content-md5", "signature", "signature-input"];

/// Our own condition for a stored answer, where we may set one: a GET without a condition of the client's, a reason
/// that the origin's confirmation would remove, and no caller's value that the confirmation's headers could hold.
pub(super) fn conditions(asked: &Asked, reason: Forward, held: &Held) -> Vec<(&'static str, String)> {
    let curable = matches!(reason, Forward::Stale | Forward::RequestNoCache | Forward::RequestMaxAge);
    let ours = asked.method() == "GET"
        && held.entry.cuts.is_empty()
        && !validation::client_has_condition(&asked.draft.headers);
    if curable && ours { validation::conditions(&held.entry.headers) } else { Vec::new() }
}

impl Worker {
    /// The origin's response head is here, or Envoy's own in its place.
    pub(super) fn respond(
        &mut self,
        fetching: Fetching,
        headers: Headers,
        end: bool,
        from_origin: bool,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let status = status(&headers);
        let waited = outside.now.mono.since(fetching.sent.mono).as_millis();
        self.observe(Metric::OriginMillis, u64::try_from(waited).unwrap_or(u64::MAX));
        // Whoever says 304 says it to our condition: the client set none, and must not see it.
        if let (Some(held), Some(304)) = (fetching.validating.clone(), status) {
            let fresh = if from_origin { freshened(&fetching, &held, &headers, outside) } else { None };
            return self.confirmed(&fetching, &held, fresh, outside);
        }
        let _ = self.count_fetch(&fetching);
        let judged = judge(&fetching, &headers, end, from_origin, outside);
        let judged = judged.and_then(|(entry, expected)| Ok((self.set_aside(entry, expected)?, expected)));
        self.say_forwarded(fetching.reason, status, judged.as_ref().err().copied());
        match judged {
            Ok((entry, expected)) => {
                let filling = Filling { asked: fetching.asked, entry, expected, received: outside.now.mono };
                self.remember_vary(&filling);
                if end { self.finish(filling, outside) } else { fill_on(filling) }
            }
            Err(reason) => self.drop_fill(fetching.asked.draft.ruled.symbol, reason),
        }
    }

    /// RFC 9111 §4.3.4: a 304 to our own condition. The stored answer goes out, with the news of the 304 where there are
    /// any that may be kept.
    fn confirmed(
        &mut self,
        fetching: &Fetching,
        held: &Held,
        fresh: Option<Held>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let asked = &fetching.asked;
        let rule = asked.draft.ruled.symbol;
        self.count(Metric::Requests { rule, status: Status::Revalidated, tier: Tier::Origin });
        self.count(Metric::Forwarded { rule, reason: fetching.reason });
        if let Some(fresh) = &fresh {
            self.fill(asked, &fresh.entry, outside);
            self.keep(asked.key.digest(), fresh.clone());
        }
        let stored = fresh.is_some();
        let held = fresh.unwrap_or_else(|| held.clone());
        let age = held.age(outside.now.mono);
        let ttl = seconds(held.entry.lifetime(&asked.draft.ruled.rule.freshness)) - seconds(age);
        let outcome = if stored {
            Outcome::Revalidated { ttl }
        } else {
            Outcome::Forwarded { reason: fetching.reason, status: Some(304), stored, not_stored: None }
        };
        match self.answer(asked, &held, age, &outcome, "revalidated;origin") {
            Some(answer) => (None, Verdict::Reply(Box::new(answer))),
            None => (None, Verdict::Continue),
        }
    }

    /// Counts a request that went to the origin, once its answer is here or its client gone.
    pub(super) fn count_fetch(&mut self, fetching: &Fetching) -> (Option<Phase>, Verdict) {
        let rule = fetching.asked.draft.ruled.symbol;
        self.count(Metric::Requests { rule, status: Status::Miss, tier: Tier::Origin });
        self.count(Metric::Forwarded { rule, reason: fetching.reason });
        (None, Verdict::Continue)
    }

    /// The answer to a request that was left alone.
    pub(super) fn passed(&mut self, passing: Passing, headers: &Headers) -> (Option<Phase>, Verdict) {
        let outcome =
            Outcome::Forwarded { reason: passing.reason, status: status(headers), stored: false, not_stored: None };
        self.say(&outcome, format!("pass;{}", passing.reason.as_str()));
        (None, Verdict::Continue)
    }

    fn say_forwarded(&mut self, reason: Forward, status: Option<u16>, not_stored: Option<NotStored>) {
        let outcome = Outcome::Forwarded { reason, status, stored: not_stored.is_none(), not_stored };
        self.say(&outcome, format!("miss;{}", reason.as_str()));
    }

    fn say(&mut self, outcome: &Outcome, state: String) {
        let member = cache_status::member(&self.force.config.name, outcome);
        self.commands.push(Command::ResponseHeader("cache-status", member));
        self.commands.push(Command::State(state));
    }

    fn remember_vary(&mut self, filling: &Filling) {
        let names: Vec<String> = filling.entry.selecting.iter().map(|(name, _)| name.clone()).collect();
        self.vary.insert(filling.asked.draft.ruled.symbol, names);
    }

    /// Reserves room for a body of known length. All answers being captured together may take as much as L1.
    fn set_aside(&self, mut entry: Entry, expected: Option<u64>) -> Result<Entry, NotStored> {
        let length = expected.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if self.captured.saturating_add(length) > self.force.config.memory.max_bytes {
            return Err(NotStored::Crowded);
        }
        entry.body.reserve_exact(length);
        Ok(entry)
    }

    /// A piece of the body passes by.
    pub(super) fn capture(&mut self, mut filling: Filling, bytes: &[u8]) -> (Option<Phase>, Verdict) {
        filling.entry.body.extend_from_slice(bytes);
        if filling.entry.body.len() > filling.asked.draft.ruled.rule.max_response {
            return self.drop_fill(filling.asked.draft.ruled.symbol, NotStored::TooLarge);
        }
        if self.captured.saturating_add(filling.entry.body.capacity()) > self.force.config.memory.max_bytes {
            return self.drop_fill(filling.asked.draft.ruled.symbol, NotStored::Crowded);
        }
        fill_on(filling)
    }

    pub(super) fn drop_fill(&mut self, rule: u16, reason: NotStored) -> (Option<Phase>, Verdict) {
        self.count(Metric::NotStored { rule, reason });
        (None, Verdict::Continue)
    }

    /// The body is complete: into L1, and into L2 behind the client's back.
    pub(super) fn finish(&mut self, filling: Filling, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        let Filling { asked, entry, expected, received } = filling;
        // It has aged while it came in.
        let initial_age = entry.initial_age.saturating_add(outside.now.mono.since(received));
        let entry = match complete(Entry { initial_age, ..entry }, expected, &asked) {
            Ok(mut entry) => {
                entry.body.shrink_to_fit();
                entry
            }
            Err(reason) => return self.drop_fill(asked.draft.ruled.symbol, reason),
        };
        self.fill(&asked, &entry, outside);
        let held = Held {
            age_then: entry.initial_age,
            entry: Rc::new(entry),
            since: outside.now.mono,
            rule: asked.draft.ruled.symbol,
        };
        self.keep(asked.key.digest(), held);
        (None, Verdict::Continue)
    }
}

fn fill_on(filling: Filling) -> (Option<Phase>, Verdict) {
    (Some(Phase::Filling(Box::new(filling))), Verdict::Continue)
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn status(headers: &Headers) -> Option<u16> {
    std::str::from_utf8(headers.get(":status")?).ok()?.parse().ok()
}

/// Judges a response by its head: the entry but for its body, and how long that must be.
fn judge(
    fetching: &Fetching,
    headers: &Headers,
    end: bool,
    from_origin: bool,
    outside: &Outside<'_>,
) -> Result<(Entry, Option<u64>), NotStored> {
    if !from_origin {
        return Err(NotStored::NotFromOrigin);
    }
    let entry = head(fetching, headers, outside)?;
    let expected = expected(headers, end)?;
    let most = u64::try_from(fetching.asked.draft.ruled.rule.max_response).unwrap_or(u64::MAX);
    if expected.is_some_and(|length| length > most) {
        return Err(NotStored::TooLarge);
    }
    Ok((entry, expected))
}

/// How long the body must be. Without a length it must be chunked: only then does its end prove it whole.
fn expected(headers: &Headers, end: bool) -> Result<Option<u64>, NotStored> {
    let mut lengths = headers.list("content-length");
    let length = lengths.next().map(|text| std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()));
    match (length, end) {
        (Some(None), _) => Err(NotStored::NotWhole),
        (Some(Some(length)), false) => Ok(Some(length)),
        (Some(Some(0)) | None, true) => Ok(Some(0)),
        (Some(Some(_)), true) => Err(NotStored::NotWhole),
        (None, false) => headers.contains("transfer-encoding").then_some(None).ok_or(NotStored::NotWhole),
    }
}

/// The entry but for its body, where the standard and the rule allow one.
fn head(fetching: &Fetching, headers: &Headers, outside: &Outside<'_>) -> Result<Entry, NotStored> {
    let Asked { draft, key, .. } = &fetching.asked;
    let rule = &draft.ruled.rule;
    let directives = ResponseDirectives::of(headers);
    let status = status(headers).ok_or(NotStored::Status)?;
    storage::may_store(&request(&fetching.asked), &storage::Response { status, headers, directives })?;
    let echoing = matches!(&rule.key.body, BodyKey::Json(projection) if !projection.echo.is_empty());
    if echoing && headers.contains("content-encoding") {
        return Err(NotStored::EchoAmbiguous);
    }
    let stripped = |name: &str| rule.strips(name) || (echoing && OF_EXACT_BYTES.contains(&name));
    let delay = outside.now.mono.since(fetching.sent.mono);
    let entry = Entry {
        key: key.text().to_owned(),
        selecting: selection::selecting(&draft.headers, &selection::vary_names(headers)?),
        status,
        headers: dated(storage::storable_headers(headers, stripped)?, outside),
        body: Vec::new(),
        cuts: Vec::new(),
        directives,
        explicit: freshness::explicit_lifetime(headers, &directives, outside.now.wall),
        initial_age: freshness::initial_age(headers, fetching.sent.wall, outside.now.wall, delay),
        position: fetching.position.clone(),
    };
    lives(entry, rule)
}

/// RFC 9110 §6.6.1: "A recipient with a clock that receives a response message without a Date header field MUST record
/// the time it was received and append a corresponding Date header field to the message's header section if it is
/// cached".
///
/// One that cannot be read is none.
fn dated(mut headers: Vec<(String, String)>, outside: &Outside<'_>) -> Vec<(String, String)> {
    headers.retain(|(name, value)| name != "date" || date::parse(value.as_bytes()).is_some());
    if !headers.iter().any(|(name, _)| name == "date") {
        headers.push(("date".to_owned(), date::write(outside.now.wall)));
    }
    headers
}

/// The request as the standard's rules on storing see it.
fn request(asked: &Asked) -> storage::Request<'_> {
    let draft = &asked.draft;
    storage::Request {
        method: asked.method(),
        headers: &draft.headers,
        directives: draft.directives,
        credentialed: draft.credentialed,
        shared: matches!(draft.ruled.rule.auth, Auth::Shared),
        body_keyed: !matches!(draft.ruled.rule.key.body, BodyKey::None),
    }
}

/// An answer without a lifetime is not stored; nor is one that is stale on arrival and cannot be validated.
fn lives(entry: Entry, rule: &Rule) -> Result<Entry, NotStored> {
    let freshness = &rule.freshness;
    let said = freshness.override_.or(entry.explicit).or(freshness.default);
    let validator = !validation::conditions(&entry.headers).is_empty();
    match said {
        None if !validator || !entry.directives.no_cache => Err(NotStored::NoLifetime),
        Some(lifetime) if lifetime <= entry.initial_age && !validator => Err(NotStored::Expired),
        _ => Ok(entry),
    }
}

/// Closes an entry whose body is complete.
fn complete(entry: Entry, expected: Option<u64>, asked: &Asked) -> Result<Entry, NotStored> {
    let length = u64::try_from(entry.body.len()).unwrap_or(u64::MAX);
    if expected.is_some_and(|expected| expected != length) {
        return Err(NotStored::NotWhole);
    }
    match &asked.draft.ruled.rule.key.body {
        BodyKey::Json(projection) if !projection.echo.is_empty() => {
            let template = echo::cut(entry.body, &entry.headers, &projection.echo, &asked.echoes)?;
            Ok(Entry { body: template.body, cuts: template.cuts, ..entry })
        }
        _ => Ok(entry),
    }
}

/// The stored answer with the fields of the 304, its age reckoned anew; `None` when the 304 speaks of another answer
/// or of one that may no longer be stored.
fn freshened(fetching: &Fetching, held: &Held, headers: &Headers, outside: &Outside<'_>) -> Option<Held> {
    if !validation::answers(&held.entry.headers, headers) {
        return None;
    }
    let rule = &fetching.asked.draft.ruled.rule;
    let update = dated(storage::storable_headers(headers, |name| rule.strips(name)).ok()?, outside);
    let merged = validation::freshened(&held.entry.headers, &update);
    let all: Headers = merged.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    let directives = ResponseDirectives::of(&all);
    let response = storage::Response { status: held.entry.status, headers: &all, directives };
    storage::may_store(&request(&fetching.asked), &response).ok()?;
    // A 304 that tells the variants apart by other headers belongs to another set of entries.
    let names = selection::vary_names(&all).ok()?;
    names.iter().eq(held.entry.selecting.iter().map(|(name, _)| name)).then_some(())?;
    let delay = outside.now.mono.since(fetching.sent.mono);
    let entry = Entry {
        headers: merged,
        directives,
        explicit: freshness::explicit_lifetime(&all, &directives, outside.now.wall),
        initial_age: freshness::initial_age(headers, fetching.sent.wall, outside.now.wall, delay),
        position: fetching.position.clone(),
        ..(*held.entry).clone()
    };
    let age_then = entry.initial_age;
    Some(Held { entry: Rc::new(entry), age_then, since: outside.now.mono, rule: held.rule })
}
