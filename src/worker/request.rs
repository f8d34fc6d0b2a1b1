//! From the request's head to the verdict of L1.

use super::{HELD_BACK, Outside, Worker};
use crate::config::{BodyKey, Projection};
use crate::echo::{self, Echo};
use crate::http::{Headers, RequestDirectives};
use crate::key::{KeyBuilder, PrimaryKey};
use crate::memory::{Found, Held};
use crate::metrics::{Metric, Status, Tier};
use crate::projection;
use crate::reason::Forward;
use crate::rfc9111::cache_status::{self, Outcome};
use crate::rfc9111::storage;
use crate::transaction::{Answer, Asked, Draft, Passing, Phase, Reading, Ruled, Verdict};
use sha2::{Digest, Sha256};
use std::rc::Rc;
use std::time::Duration;

/// What one walk over the header map finds, for all that is asked of nearly every request.
#[derive(Default)]
struct Head<'a> {
    method: &'a str,
    scheme: &'a [u8],
    host: &'a [u8],
    target: &'a [u8],
    length: Option<&'a [u8]>,
    speaks: bool,
    range: bool,
    upgrade: bool,
    precondition: bool,
    encoded: bool,
}

impl<'a> Head<'a> {
    fn read(headers: &'a Headers) -> Self {
        let mut head = Self::default();
        for (name, value) in headers.iter() {
            match name {
                ":method" => head.method = std::str::from_utf8(value).unwrap_or_default(),
                ":scheme" => head.scheme = value,
                ":authority" => head.host = value,
                ":path" => head.target = value,
                "content-length" => head.length = Some(value),
                "cache-control" | "pragma" => head.speaks = true,
                "range" => head.range = true,
                "upgrade" => head.upgrade = true,
                "if-match" | "if-unmodified-since" | "if-range" => head.precondition = true,
                "content-encoding" => head.encoded = true,
                _ => {}
            }
        }
        head
    }

    /// Why this request is none for a cache, whatever is stored.
    fn refusal(&self, body_keyed: bool, end: bool) -> Option<Forward> {
        let cases = [
            (self.upgrade, Forward::Upgrade),
            (self.range, Forward::Range),
            (self.precondition, Forward::Precondition),
            (!end && !body_keyed, Forward::UnexpectedBody),
        ];
        cases.into_iter().find(|(applies, _)| *applies).map(|(_, reason)| reason)
    }
}

impl Worker {
    pub(super) fn begin(&mut self, headers: Headers, end: bool, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        let head = Head::read(&headers);
        let Some(ruled) = self.ruled(&head) else { return (None, Verdict::Continue) };
        let body_keyed = !matches!(ruled.rule.key.body, BodyKey::None);
        let directives = if head.speaks { RequestDirectives::of(&headers) } else { RequestDirectives::default() };
        if let Some(reason) = head.refusal(body_keyed, end) {
            return self.pass(ruled.symbol, reason, None);
        }
        if directives.no_store {
            return self.pass(ruled.symbol, Forward::RequestNoStore, None);
        }
        let refused = if body_keyed { self.unreadable(&ruled, &head) } else { None };
        if let Some(reason) = refused {
            return self.pass(ruled.symbol, reason, None);
        }
        let credentialed = storage::credentialed(&headers);
        let draft = Draft { ruled, headers, directives, credentialed, started: outside.now.mono };
        match (body_keyed, end) {
            (false, _) => {
                let key = key(&draft, outside).build();
                self.ask(Asked { draft, key, echoes: Vec::new() }, outside)
            }
            (true, true) => self.keyed(draft, &[], outside),
            (true, false) => (Some(Phase::ReadingBody(Box::new(Reading { draft, seen: false }))), Verdict::Pause),
        }
    }

    fn ruled(&self, head: &Head<'_>) -> Option<Rc<Ruled>> {
        let (path, _) = crate::key::split_target(head.target);
        self.force.rules.iter().find(|ruled| ruled.rule.matches(head.method, head.host, path)).cloned()
    }

    /// Why the body of this request need not be waited for.
    fn unreadable(&self, ruled: &Ruled, head: &Head<'_>) -> Option<Forward> {
        if self.withheld.contains(&ruled.symbol) {
            return Some(Forward::BodyWithheld);
        }
        if head.encoded && matches!(ruled.rule.key.body, BodyKey::Json(_)) {
            return Some(Forward::BodyEncoded);
        }
        let length = head.length.and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
        length.filter(|length| *length > ruled.rule.key.max_body).map(|_| Forward::BodyTooLarge)
    }

    pub(super) fn read_body(
        &mut self,
        mut reading: Reading,
        length: usize,
        bytes: Option<&[u8]>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        self.delivered = true;
        let Draft { ruled, .. } = &reading.draft;
        if length > ruled.rule.key.max_body {
            return self.pass(ruled.symbol, Forward::BodyTooLarge, None);
        }
        match bytes {
            Some(bytes) if bytes.len() == length => self.keyed(reading.draft, bytes, outside),
            // The host could not give all of it: the key of a part would be another request's.
            Some(_) => {
                self.count(Metric::Unexpected { reason: "body_incomplete" });
                self.pass(ruled.symbol, Forward::Unexpected, None)
            }
            None => {
                reading.seen = true;
                (Some(Phase::ReadingBody(Box::new(reading))), Verdict::Pause)
            }
        }
    }

    /// The body did not come while the request was paused: either the client is slow, or the host does not hand
    /// bodies over before the head has gone on (`allow_on_headers_stop_iteration` is not set).
    pub(super) fn give_up_body(&mut self, reading: Reading, outside: &Outside<'_>) -> (Option<Phase>, Verdict) {
        self.pass(reading.draft.ruled.symbol, Forward::BodyWithheld, Some(outside.now.mono))
    }

    /// A body that comes at once when its request is let go was there all the time: the host held it back and will do
    /// so again, so this rule's requests are not paused any more. A slow client's body comes when it comes, which may be
    /// just then; but where a body has ever come in time, the host is not to blame.
    pub(super) fn late_body(&mut self, mut passing: Passing, outside: &Outside<'_>) -> (Option<Phase>, Verdict) {
        let held_back = passing.let_go.take().is_some_and(|at| outside.now.mono.since(at) < HELD_BACK);
        if held_back && !self.delivered && self.withheld.insert(passing.rule) {
            self.count(Metric::Unexpected { reason: "body_withheld" });
        }
        (Some(Phase::Passing(passing)), Verdict::Continue)
    }

    fn keyed(&mut self, draft: Draft, body: &[u8], outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        match keyed(&draft, body, outside) {
            Ok((key, echoes)) => self.ask(Asked { draft, key, echoes }, outside),
            Err(reason) => self.pass(draft.ruled.symbol, reason, None),
        }
    }

    /// Asks L1, and where that does not settle it, L2 or the origin.
    fn ask(&mut self, asked: Asked, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        let now = outside.now.mono;
        let (reason, stale) = match self.memory.find(&asked.key, &asked.draft.headers, now) {
            Found::Nothing => (Forward::UriMiss, None),
            Found::OtherVariant => (Forward::VaryMiss, None),
            Found::Entry(held) => {
                let held = held.clone();
                match held.entry.may_answer(held.age(now), &asked.asking()) {
                    Ok(()) => return self.hit(&asked, &held, Tier::L1, outside),
                    Err(reason) => (reason, Some(held)),
                }
            }
        };
        if asked.draft.directives.no_cache {
            return self.fetch(asked, Forward::RequestNoCache, stale, None, outside);
        }
        self.look(asked, reason, stale, outside)
    }

    /// Answers from the cache.
    pub(super) fn hit(
        &mut self,
        asked: &Asked,
        held: &Held,
        tier: Tier,
        outside: &Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let age = held.age(outside.now.mono);
        let left = seconds(held.entry.lifetime(&asked.draft.ruled.rule.freshness)) - seconds(age);
        let outcome = Outcome::Hit { ttl: left, tier: tier.as_str() };
        let state = if matches!(tier, Tier::L1) { "hit;l1" } else { "hit;l2" };
        let Some(answer) = self.answer(asked, held, age, &outcome, state) else {
            self.count(Metric::Unexpected { reason: "echo_missing" });
            return self.pass(asked.draft.ruled.symbol, Forward::Unexpected, None);
        };
        self.count(Metric::Requests { rule: asked.draft.ruled.symbol, status: Status::Hit, tier });
        (None, Verdict::Reply(Box::new(answer)))
    }

    /// The answer in this caller's own words; `None` when a value to put back is missing, which keys rule out.
    pub(super) fn answer(
        &self,
        asked: &Asked,
        held: &Held,
        age: Duration,
        outcome: &Outcome,
        state: &'static str,
    ) -> Option<Answer> {
        let entry = Rc::clone(&held.entry);
        let body =
            if entry.cuts.is_empty() { None } else { Some(echo::splice(&entry.body, &entry.cuts, &asked.echoes)?) };
        let cache_status = cache_status::member(&self.force.config.name, outcome);
        let (age, started) = (age.as_secs(), asked.draft.started);
        Some(Answer { entry, body, age, cache_status, state, started })
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// The part of the key that the head gives.
fn key(draft: &Draft, outside: &Outside<'_>) -> KeyBuilder {
    let head = Head::read(&draft.headers);
    let Ruled { rule, revision, .. } = &*draft.ruled;
    let key = KeyBuilder::new(rule, *revision, head.method, head.host, head.target);
    let key = key.scheme(head.scheme).headers(&rule.key.headers, &draft.headers);
    rule.key.properties.iter().fold(key, |key, path| key.property(path, (outside.property)(path).as_deref()))
}

/// The whole key, and the caller's own values.
fn keyed(draft: &Draft, body: &[u8], outside: &Outside<'_>) -> Result<(PrimaryKey, Vec<Echo>), Forward> {
    let key = key(draft, outside);
    match &draft.ruled.rule.key.body {
        BodyKey::None => Ok((key.build(), Vec::new())),
        BodyKey::Whole => Ok((key.body(&Sha256::digest(body), &draft.headers).build(), Vec::new())),
        BodyKey::Json(projection) => projected(key, draft, body, projection),
    }
}

fn projected(
    key: KeyBuilder,
    draft: &Draft,
    body: &[u8],
    projection: &Projection,
) -> Result<(PrimaryKey, Vec<Echo>), Forward> {
    let projected = projection::project(body, projection)?;
    let key = key.body(&Sha256::digest(projected.canonical.as_bytes()), &draft.headers);
    let echoes = projection.echo.iter().zip(&projected.echoes);
    let key = echoes.fold(key, |key, (pointer, echo)| key.echo(&pointer.to_string(), echo.kind()));
    Ok((key.build(), projected.echoes))
}
