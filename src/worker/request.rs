//! From the request's head to the verdict of L1.

use super::standing::Standing;
use super::{HELD_BACK, Outside, Worker};
use crate::config::{BodyKey, ClientDirectives, Projection, Rule};
use crate::echo::Echo;
use crate::http::{Headers, RequestDirectives, path};
use crate::key::{self, KeyBuilder, PrimaryKey};
use crate::memory::{Found, Held};
use crate::metrics::{Metric, Tier};
use crate::projection;
use crate::reason::Forward;
use crate::rfc9111::{invalidation, storage};
use crate::time::Instant;
use crate::transaction::{Asked, Changing, Draft, Passing, Phase, Reading, Ruled, Stream, Verdict};
use sha2::{Digest, Sha256};
use std::rc::Rc;

/// What one walk over the header map finds, for all that is asked of nearly every request.
#[derive(Default)]
pub(super) struct Head<'a> {
    pub(super) method: &'a str,
    pub(super) scheme: &'a [u8],
    pub(super) host: &'a [u8],
    pub(super) target: &'a [u8],
    length: Option<&'a [u8]>,
    speaks: bool,
    conditional: bool,
    ranged: bool,
    upgrade: bool,
    precondition: bool,
    encoded: bool,
    expects: bool,
}

impl<'a> Head<'a> {
    pub(super) fn read(headers: &'a Headers) -> Self {
        let mut head = Self::default();
        for (name, value) in headers.iter() {
            match name {
                ":method" => head.method = std::str::from_utf8(value).unwrap_or_default(),
                ":scheme" => head.scheme = value,
                ":authority" => head.host = value,
                ":path" => head.target = value,
                "content-length" => head.length = Some(value),
                "cache-control" | "pragma" => head.speaks = true,
                "range" => head.ranged = true,
                "upgrade" => head.upgrade = true,
                "if-none-match" | "if-modified-since" => head.conditional = true,
                "if-match" | "if-unmodified-since" => head.precondition = true,
                "content-encoding" => head.encoded = true,
                "expect" => head.expects = true,
                _ => {}
            }
        }
        head
    }

    /// Why this request is none for a cache, whatever is stored.
    fn refusal(&self, rule: &Rule, end: bool) -> Option<Forward> {
        let (path, _) = key::split_target(self.target);
        let cases = [
            (self.upgrade, Forward::Upgrade),
            (self.precondition, Forward::Precondition),
            (path::is_ambiguous(path) && !rule.matches.names_path(path), Forward::AmbiguousPath),
            (!end && rule.key.body == BodyKey::None, Forward::UnexpectedBody),
        ];
        cases.into_iter().find(|(applies, _)| *applies).map(|(_, reason)| reason)
    }
}

impl Worker {
    pub(super) fn begin(
        &mut self,
        stream: Stream,
        headers: Headers,
        end: bool,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let head = Head::read(&headers);
        let Some(ruled) = self.ruled(&head) else {
            if invalidation::is_safe(head.method) {
                return (None, Verdict::Continue);
            }
            let position = self.following.follower.position().cloned().unwrap_or_default();
            let uris = self.uris(&invalidation::normal_host(head.host, head.scheme), head.target);
            let changing = Changing { headers, sent: outside.now, stream, position, uris, overtaken: false };
            return (Some(Phase::Changing(Box::new(changing))), Verdict::Continue);
        };
        let body_keyed = !matches!(ruled.rule.key.body, BodyKey::None);
        if let Some(reason) = head.refusal(&ruled.rule, end) {
            return self.pass(ruled.symbol, reason, None);
        }
        let heard = head.speaks && ruled.rule.client_directives == ClientDirectives::Honor;
        let directives = if heard { RequestDirectives::of(&headers) } else { RequestDirectives::default() };
        if directives.no_store {
            return self.pass(ruled.symbol, Forward::RequestNoStore, None);
        }
        let refused = if body_keyed { self.unreadable(&ruled, &head) } else { None };
        if let Some(reason) = refused {
            return self.pass(ruled.symbol, reason, None);
        }
        // RFC 9110 §13.2.1, §14.2: conditions and ranges are about representations, so GET's and HEAD's alone.
        let (conditional, ranged) = (head.conditional && !body_keyed, head.ranged && head.method == "GET");
        let credentialed = storage::credentialed(&headers, &ruled.rule.credentials);
        let started = outside.now.mono;
        let draft = Draft { ruled, headers, directives, credentialed, conditional, ranged, started, stream };
        match (body_keyed, end) {
            (false, _) => {
                let key = key(&draft, outside).build();
                self.ask(asked(draft, key, Vec::new()), outside)
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
        if self.withheld.contains(&ruled.symbol) || (head.expects && self.unexpected_bodies) {
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
    ///
    /// Or the client waits for a 100 that only the origin gives (`proxy_100_continue` is set): then nobody is to blame, and
    /// whoever waits for one is not made to wait again.
    pub(super) fn give_up_body(&mut self, reading: Reading, outside: &Outside<'_>) -> (Option<Phase>, Verdict) {
        let expects = reading.draft.headers.contains("expect");
        self.unexpected_bodies |= expects;
        let let_go = (!expects).then_some(outside.now.mono);
        self.pass(reading.draft.ruled.symbol, Forward::BodyWithheld, let_go)
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
            Ok((key, echoes)) => self.ask(asked(draft, key, echoes), outside),
            Err(reason) => self.pass(draft.ruled.symbol, reason, None),
        }
    }

    /// Asks L1, and where that does not settle it, L2 or the origin.
    fn ask(&mut self, mut asked: Asked, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        let now = outside.now.mono;
        let (reason, held) = match self.memory.find(&asked.key, &asked.draft.headers, now) {
            Found::Nothing => (Forward::UriMiss, None),
            Found::OtherVariant => (Forward::VaryMiss, None),
            Found::Entry(held) => {
                let held = held.clone();
                match self.judge_held(&asked, held, now) {
                    (Ok(()), Some(held)) if self.goes_early(&asked, &held, outside) => {
                        return self.refresh_early(asked, held, outside);
                    }
                    (Ok(()), Some(held)) => return self.hit(&asked, &held, Tier::L1, outside),
                    (verdict, held) => (verdict.err().unwrap_or(Forward::UriMiss), held),
                }
            }
        };
        asked.uri = uri(&asked.draft);
        if let Some(held) = held.as_ref().filter(|_| reason == Forward::Stale)
            && self.goes_stale(&mut asked, held, outside.now)
        {
            return self.hit(&asked, held, Tier::L1, outside);
        }
        self.look(asked, reason, held, outside)
    }

    /// Whether what L1 holds may answer, and what of it can be made use of if not.
    fn judge_held(&mut self, asked: &Asked, held: Held, now: Instant) -> (Result<(), Forward>, Option<Held>) {
        let held = match self.standing(&held, &asked.draft.ruled, now) {
            Standing::Good => held,
            Standing::Refreshed(since) => held.stale_from(since),
            Standing::Suspended => return (Err(Forward::Suspended), Some(held)),
            Standing::Banned => {
                let removed = self.memory.discard(asked.key.digest(), &held);
                self.count_removed(&removed);
                return (Err(Forward::Invalidated), None);
            }
        };
        (held.may_answer(now, &asked.asking()), Some(held))
    }
}

pub(super) fn asked(draft: Draft, key: PrimaryKey, echoes: Vec<Echo>) -> Asked {
    Asked {
        draft,
        key,
        echoes,
        uri: 0,
        lead: None,
        background: false,
        slot: None,
        overtaken: false,
        patience: None,
        rounds: 0,
    }
}

/// The URI that a request is about, as its rule tells URIs apart.
pub(super) fn uri(draft: &Draft) -> u128 {
    let head = Head::read(&draft.headers);
    key::uri(&draft.ruled.rule, &invalidation::normal_host(head.host, head.scheme), head.target)
}

/// The part of the key that the head gives.
pub(super) fn key(draft: &Draft, outside: &Outside<'_>) -> KeyBuilder {
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
