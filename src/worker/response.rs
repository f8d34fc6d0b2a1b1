//! What the origin answers: captured and stored, or left alone.

use super::request::Head;
use super::{Outside, Worker};
use crate::bans::Admission;
use crate::config::{Auth, BodyKey, Freshness, Rule, SetCookie};
use crate::echo;
use crate::entry::Entry;
use crate::http::{Headers, ResponseDirectives, date, tags};
use crate::memory::Held;
use crate::metrics::{Metric, RefreshEnd, Status, Tier};
use crate::reason::NotStored;
use crate::rfc9111::cache_status::{self, Outcome};
use crate::rfc9111::{freshness, invalidation, selection, storage, validation};
use crate::time::Instant;
use crate::transaction::{Asked, Command, Draft, Fetching, Filling, Passing, Phase, Turn, Verdict};
use std::rc::Rc;
use std::time::Duration;

/// Fields that speak of the exact bytes of a body; wrong once a caller's value is cut out of it.
const OF_EXACT_BYTES: [&str; 7] =
    ["etag", "digest", "content-digest", "repr-digest", "content-md5", "signature", "signature-input"];

impl Worker {
    /// The origin's response head is here, or Envoy's own in its place.
    pub(super) fn respond(
        &mut self,
        mut fetching: Fetching,
        headers: Headers,
        end: bool,
        from_origin: bool,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let status = status(&headers);
        // To a call, Envoy's own word for an origin that is not there looks like the origin's.
        let from_origin = from_origin && !(fetching.asked.background && matches!(status, Some(502..=504)));
        let waited = outside.now.mono.since(fetching.sent.mono).as_millis();
        self.observe(Metric::OriginMillis, u64::try_from(waited).unwrap_or(u64::MAX));
        self.hide(&headers);
        if let Some(step) = self.not_modified(&fetching, &headers, from_origin, outside) {
            return step;
        }
        if let Some(step) = self.instead_of_error(&fetching, status, outside) {
            return step;
        }
        let _ = self.count_fetch(&fetching);
        self.hear_head(&mut fetching, &headers, from_origin, outside);
        let judged = judge(&fetching, &headers, end, from_origin, outside);
        let judged = judged.and_then(|(entry, expected)| Ok((self.set_aside(entry, expected)?, expected)));
        self.say_forwarded(&fetching, status, judged.as_ref().err().copied());
        match judged {
            Ok((entry, expected)) => self.begin_fill(fetching.asked, entry, expected, end, fetching.sent.mono, outside),
            Err(reason @ (NotStored::NoLifetime | NotStored::Status)) if may_pass(status) => {
                self.drop_fill(&fetching.asked, reason, false, outside.now.mono)
            }
            Err(reason) => self.drop_fill(&fetching.asked, reason, reason.is_lasting(), outside.now.mono),
        }
    }

    /// The answer streams through to the client, and is captured.
    pub(super) fn begin_fill(
        &mut self,
        asked: Asked,
        entry: Entry,
        expected: Option<u64>,
        end: bool,
        begun: Instant,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let filling = Filling { asked, entry, expected, begun, received: outside.now.mono };
        self.remember_vary(&filling);
        if end { self.finish(filling, outside) } else { fill_on(filling) }
    }

    /// What the origin said to this cache alone does not reach clients.
    pub(super) fn hide(&mut self, headers: &Headers) {
        let ours = tags::FOR_US.into_iter().filter(|name| headers.contains(name));
        self.commands.extend(ours.map(Command::HideHeader));
    }

    /// Counts a request that went to the origin, once its answer is here or its client gone.
    pub(super) fn count_fetch(&mut self, fetching: &Fetching) -> (Option<Phase>, Verdict) {
        if fetching.asked.background {
            return (None, Verdict::Continue);
        }
        let rule = fetching.asked.draft.ruled.symbol;
        self.count(Metric::Requests { rule, status: Status::Miss, tier: Tier::Origin });
        self.count(Metric::Forwarded { rule, reason: fetching.reason });
        (None, Verdict::Continue)
    }

    /// The answer to a request that was left alone.
    pub(super) fn passed(&mut self, passing: Passing, headers: &Headers) -> (Option<Phase>, Verdict) {
        self.hide(headers);
        let outcome =
            Outcome::Forwarded { reason: passing.reason, status: status(headers), stored: false, not_stored: None };
        let member = cache_status::member(&self.force.config.name, &outcome);
        self.say(member, format!("pass;{}", passing.reason.as_str()));
        (None, Verdict::Continue)
    }

    pub(super) fn say_forwarded(&mut self, fetching: &Fetching, status: Option<u16>, not_stored: Option<NotStored>) {
        let reason = fetching.reason;
        let outcome = Outcome::Forwarded { reason, status, stored: not_stored.is_none(), not_stored };
        self.say(self.cache_status(&fetching.asked, &outcome), format!("miss;{}", reason.as_str()));
    }

    fn say(&mut self, member: String, state: String) {
        self.commands.push(Command::ResponseHeader("cache-status", member));
        self.commands.push(Command::State(state));
    }

    fn remember_vary(&mut self, filling: &Filling) {
        let names: Vec<String> = filling.entry.selecting.iter().map(|(name, _)| name.clone()).collect();
        self.vary.insert(filling.asked.draft.ruled.symbol, names);
    }

    /// Reserves room for a body of known length. All answers being captured together may take as much as L1.
    pub(super) fn set_aside(&self, mut entry: Entry, expected: Option<u64>) -> Result<Entry, NotStored> {
        let length = expected.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if self.captured.saturating_add(length) > self.force.config.memory.max_bytes {
            return Err(NotStored::Crowded);
        }
        entry.body.reserve_exact(length);
        Ok(entry)
    }

    /// A piece of the body passes by.
    pub(super) fn capture(&mut self, mut filling: Filling, bytes: &[u8], now: Instant) -> (Option<Phase>, Verdict) {
        filling.entry.body.extend_from_slice(bytes);
        if filling.entry.body.len() > filling.asked.draft.ruled.rule.max_response {
            return self.drop_fill(&filling.asked, NotStored::TooLarge, true, now);
        }
        if self.captured.saturating_add(filling.entry.body.capacity()) > self.force.config.memory.max_bytes {
            return self.drop_fill(&filling.asked, NotStored::Crowded, false, now);
        }
        fill_on(filling)
    }

    /// The answer is not stored. If the next one will not be either (`lasting`), nobody waits for it.
    pub(super) fn drop_fill(
        &mut self,
        asked: &Asked,
        reason: NotStored,
        lasting: bool,
        now: Instant,
    ) -> (Option<Phase>, Verdict) {
        self.count(Metric::NotStored { rule: asked.draft.ruled.symbol, reason });
        if lasting {
            self.not_for_others(asked, now);
        }
        if asked.background { self.end_refresh(asked, RefreshEnd::Failed) } else { (None, Verdict::Continue) }
    }

    /// The body is complete: into L1, and into L2 behind the client's back.
    pub(super) fn finish(&mut self, filling: Filling, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        let Filling { asked, entry, expected, received, begun } = filling;
        // It has aged while it came in.
        let initial_age = entry.initial_age.saturating_add(outside.now.mono.since(received));
        let entry = match complete(Entry { initial_age, ..entry }, expected, &asked) {
            Ok(mut entry) => {
                entry.body.shrink_to_fit();
                entry
            }
            Err(reason) => return self.drop_fill(&asked, reason, reason.is_lasting(), outside.now.mono),
        };
        let forgotten = !Self::remembers(begun, outside.now.mono);
        if forgotten || self.admission(&entry, asked.uri, &asked.draft.ruled) == Admission::Banned {
            self.flights.unplace(asked.draft.stream);
            return self.drop_fill(&asked, NotStored::Overtaken, false, outside.now.mono);
        }
        let fill = self.fill(&asked, &entry, outside);
        let held = Held { fill, ..Held::new(Rc::new(entry), &asked, begun, outside.now.mono) };
        self.keep(asked.key.digest(), held.clone());
        self.end_flight(asked.draft.stream, &Turn::Answer(held, Tier::Origin));
        if asked.background { self.end_refresh(&asked, RefreshEnd::Replaced) } else { (None, Verdict::Continue) }
    }
}

fn fill_on(filling: Filling) -> (Option<Phase>, Verdict) {
    (Some(Phase::Filling(Box::new(filling))), Verdict::Continue)
}

pub(super) fn status(headers: &Headers) -> Option<u16> {
    std::str::from_utf8(headers.get(":status")?).ok()?.parse().ok()
}

/// Judges a response by its head: the entry but for its body, and how long that must be.
pub(super) fn judge(
    fetching: &Fetching,
    headers: &Headers,
    end: bool,
    from_origin: bool,
    outside: &Outside<'_>,
) -> Result<(Entry, Option<u64>), NotStored> {
    if !from_origin {
        return Err(NotStored::NotFromOrigin);
    }
    if fetching.asked.overtaken {
        return Err(NotStored::Overtaken);
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
    let keeps_cookies = rule.set_cookie == SetCookie::Store;
    let delay = outside.now.mono.since(fetching.sent.mono);
    let entry = Entry {
        key: key.text().to_owned(),
        selecting: selection::selecting(&draft.headers, &selection::vary_names(headers)?),
        status,
        headers: dated(storage::storable_headers(headers, keeps_cookies, stripped)?, outside),
        body: Vec::new(),
        cuts: Vec::new(),
        targeted: targeted(headers),
        directives,
        unmodified: freshness::unmodified_for(headers, outside.now.wall),
        tags: tags::of(headers, &group_host(draft)).ok_or(NotStored::Tags)?,
        explicit: freshness::explicit_lifetime(headers, &directives, outside.now.wall),
        initial_age: freshness::initial_age(headers, fetching.sent.wall, outside.now.wall, delay),
        position: fetching.position.clone(),
        made_in: delay,
    };
    lives(entry, rule)
}

/// The host that groups belong to, in its normal form.
pub(super) fn group_host(draft: &Draft) -> String {
    let head = Head::read(&draft.headers);
    String::from_utf8_lossy(&invalidation::normal_host(head.host, head.scheme)).into_owned()
}

/// Whether a status says that the origin is in trouble, or that this client has the answer already, rather than what it
/// answers to others.
fn may_pass(status: Option<u16>) -> bool {
    matches!(status, Some(304 | 429 | 500..=599))
}

/// RFC 9110 §6.6.1: "A recipient with a clock that receives a response message without a Date header field MUST record
/// the time it was received and append a corresponding Date header field to the message's header section if it is
/// cached".
///
/// One that cannot be read is none.
pub(super) fn dated(mut headers: Vec<(String, String)>, outside: &Outside<'_>) -> Vec<(String, String)> {
    headers.retain(|(name, value)| name != "date" || date::parse(value.as_bytes()).is_some());
    if !headers.iter().any(|(name, _)| name == "date") {
        headers.push(("date".to_owned(), date::write(outside.now.wall)));
    }
    headers
}

/// What the origin says to this cache alone, on one line; nothing where it cannot be read, as then it does not count.
pub(super) fn targeted(headers: &Headers) -> Option<String> {
    let lines = headers.all("cdn-cache-control").map(|line| std::str::from_utf8(line).ok());
    lines.collect::<Option<Vec<&str>>>().filter(|lines| !lines.is_empty()).map(|lines| lines.join(", "))
}

/// The request as the standard's rules on storing see it.
pub(super) fn request(asked: &Asked) -> storage::Request<'_> {
    let draft = &asked.draft;
    storage::Request {
        method: asked.method(),
        headers: &draft.headers,
        directives: draft.directives,
        credentialed: draft.credentialed,
        shared: matches!(draft.ruled.rule.auth, Auth::Shared),
        body_keyed: !matches!(draft.ruled.rule.key.body, BodyKey::None),
        keeps_cookies: draft.ruled.rule.set_cookie == SetCookie::Store,
    }
}

/// An answer without a lifetime is not stored; nor is one that is stale on arrival, unless it can be validated or a
/// window for stale answers is still open.
fn lives(entry: Entry, rule: &Rule) -> Result<Entry, NotStored> {
    let rule = &rule.freshness;
    let validator = !validation::conditions(&entry.headers, false).is_empty();
    let known = storage::heuristically_cacheable(entry.status) || entry.directives.public;
    match entry.said(rule) {
        None if !validator || !entry.directives.no_cache || !known => Err(NotStored::NoLifetime),
        Some(lifetime) if !validator && useful(&entry, rule, lifetime) <= entry.initial_age => Err(NotStored::Expired),
        _ => Ok(entry),
    }
}

/// How long from its birth an entry may serve somebody: while it is fresh, and in the longer of its windows.
pub(super) fn useful(entry: &Entry, rule: &Freshness, lifetime: Duration) -> Duration {
    lifetime.saturating_add(entry.while_revalidating(rule).max(entry.if_error(rule)))
}

/// Closes an entry whose body is complete.
fn complete(entry: Entry, expected: Option<u64>, asked: &Asked) -> Result<Entry, NotStored> {
    if asked.overtaken {
        return Err(NotStored::Overtaken);
    }
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
