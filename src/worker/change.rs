//! Invalidation (RFC 9111 §4.4): an unsafe request that succeeds makes what is stored of its URI untrue.

use super::request::{Head, asked, key, uri};
use super::response::{judge, status};
use super::{Outside, Worker};
use crate::config::BodyKey;
use crate::http::{Headers, tags};
use crate::metrics::{L2End, Metric};
use crate::notice::{Notice, Op, Scope};
use crate::position::Position;
use crate::reason::{Forward, L2Failure, NotStored};
use crate::redis::{self, Call};
use crate::rfc9111::invalidation;
use crate::time::Instant;
use crate::transaction::{Asked, Changing, Command, Draft, Fetching, Phase, Verdict};
use std::rc::Rc;

/// How many groups one answer may invalidate by name.
const MOST_GROUPS: usize = 64;

impl Worker {
    /// §4.4: "A cache MUST invalidate the target URI (Section 7.1 of [HTTP]) when it receives a non-error status code in
    /// response to an unsafe request method (including methods whose safety is unknown)."
    pub(super) fn changed(
        &mut self,
        changing: Changing,
        headers: Headers,
        end: bool,
        from_origin: bool,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let succeeded = from_origin && status(&headers).is_some_and(invalidation::succeeded);
        if !succeeded {
            return (None, Verdict::Continue);
        }
        let uris = self.affected(&changing, &headers);
        let groups = tags::invalidated(&headers, &host(&changing.headers));
        if uris.is_empty() && groups.is_empty() {
            return (None, Verdict::Continue);
        }
        self.invalidate(uris, groups, outside);
        let represented = self.represented(changing, &headers, outside);
        match represented.map(|fetching| (judge(&fetching, &headers, end, from_origin, outside), fetching)) {
            Some((Ok((entry, expected)), fetching)) if entry.explicit.is_some() => {
                match self.set_aside(entry, expected) {
                    Ok(entry) => {
                        self.own.add(fetching.asked.uri, &fetching.position);
                        self.begin_fill(fetching.asked, entry, expected, end, fetching.sent.mono, outside)
                    }
                    Err(reason) => self.drop_fill(&fetching.asked, reason, false, outside.now.mono),
                }
            }
            Some((Ok(_), fetching)) => self.drop_fill(&fetching.asked, NotStored::NoLifetime, false, outside.now.mono),
            Some((Err(reason), fetching)) => self.drop_fill(&fetching.asked, reason, false, outside.now.mono),
            None => (None, Verdict::Continue),
        }
    }

    /// The URIs of a successful unsafe request, each as every rule that may have stored something of it writes it.
    fn affected(&self, changing: &Changing, response: &Headers) -> Vec<u128> {
        let head = Head::read(&changing.headers);
        let mut uris = Vec::new();
        for target in invalidation::affected(head.scheme, head.host, head.target, response) {
            uris.extend(self.uris(&target.host, &target.target));
        }
        uris.sort_unstable();
        uris.dedup();
        uris
    }

    /// A URI as each rule writes it that may have stored something of it.
    pub(super) fn uris(&self, host: &[u8], target: &[u8]) -> Vec<u128> {
        let (path, _) = crate::key::split_target(target);
        let rules = self.force.rules.iter().filter(|ruled| ruled.rule.matches_uri(host, path));
        rules.map(|ruled| crate::key::uri(&ruled.rule, host, target)).collect()
    }

    /// Drops what is stored of these URIs in this worker, keeps what is under way from being stored, and publishes that,
    /// with the groups that are invalid too (RFC 9875 §3).
    pub(super) fn invalidate(&mut self, uris: Vec<u128>, groups: Vec<String>, outside: &mut Outside<'_>) {
        let removed = self.memory.invalidate(&uris);
        self.count_removed(&removed);
        self.phases.values_mut().for_each(|phase| overtake_those(phase, &uris));
        let scopes = [("uri", uris.len()), ("tag", groups.len())];
        for (scope, _) in scopes.into_iter().filter(|(_, count)| *count > 0) {
            self.count(Metric::Invalidations { scope });
        }
        let tag = |tag| Notice { op: Op::Invalidate, scope: Scope::Tag(tag) };
        // More than fits into a call is everything.
        let many = groups.len() > MOST_GROUPS;
        let groups = if many { vec![] } else { groups };
        let notices: Vec<Notice> = uris
            .iter()
            .copied()
            .map(Notice::of_uri)
            .chain(groups.into_iter().map(tag))
            .chain(many.then_some(Notice::EVERYTHING))
            .collect();
        let Some(redis) = self.force.config.redis.as_ref() else {
            return self.heed_alone(notices, outside.now.mono);
        };
        // Whatever the breaker says: nobody waits for it, and what is not said now is never said.
        let call = redis::publish(redis, &notices, redis::LONGEST);
        self.commands.push(Command::Write(Box::new(call)));
        // The call ends in time, one way or the other; should its root be gone before, nobody says which.
        let until = outside.now.mono.after(redis.timeout.saturating_mul(2));
        self.unheard.add(&uris, outside.now.mono, until);
    }

    /// L2 has taken notices in. If not, this worker does not believe what it says of these URIs for as long as anything
    /// from before may be there.
    pub(super) fn published(&mut self, call: &Call, reply: Result<&[u8], L2Failure>, now: Instant) -> L2End {
        let (end, uris) = (reply.and_then(redis::read_publish), redis::published_uris(call));
        let notices = redis::published(call);
        let longest = self.redis().map(super::fills::longest).unwrap_or_default();
        let call = self.redis().map(|redis| redis.timeout.saturating_mul(2)).unwrap_or_default();
        match end {
            Ok(_) => self.unheard.heard(&uris, now, now.after(call)),
            Err(_) => self.unheard.failed(&uris, now.after(longest)),
        }
        end.map_or_else(L2End::Failed, |at| {
            self.own.publish(&uris, notices, &at);
            self.move_on();
            L2End::Ok
        })
    }

    /// Up to where this worker has read.
    fn log_end(&self) -> Position {
        self.following.follower.position().cloned().unwrap_or_default()
    }

    /// RFC 9110 §9.3.3: "Responses to POST requests are only cacheable when they include explicit freshness information
    /// (Section 4.2.1 of [CACHING]) and a Content-Location header field that has the same value as the POST's target URI
    /// (Section 8.7). A cached POST response can be reused to satisfy a later GET or HEAD request."
    ///
    /// As an answer to that GET, where a rule is for it.
    fn represented(&self, changing: Changing, response: &Headers, outside: &Outside<'_>) -> Option<Fetching> {
        let Changing { headers, sent, overtaken, stream, position, .. } = changing;
        let head = Head::read(&headers);
        let fits = !overtaken
            && head.method == "POST"
            && status(response) == Some(200)
            && invalidation::represents_target(head.scheme, head.host, head.target, response);
        fits.then_some(())?;
        let (path, _) = crate::key::split_target(head.target);
        let ruled = self.force.rules.iter().find(|ruled| ruled.rule.matches("GET", head.host, path))?;
        let ruled = Rc::clone(ruled);
        (ruled.rule.key.body == BodyKey::None).then_some(())?;
        let as_get = |name: &str, value: &[u8]| if name == ":method" { b"GET".to_vec() } else { value.to_vec() };
        let as_get: Vec<_> = headers.iter().map(|(name, value)| (name.to_owned(), as_get(name, value))).collect();
        let headers = Headers::from_pairs(as_get);
        let credentialed = crate::rfc9111::storage::credentialed(&headers, &ruled.rule.credentials);
        let (directives, started) = (crate::http::RequestDirectives::of(&headers), sent.mono);
        let draft =
            Draft { ruled, headers, directives, credentialed, conditional: false, ranged: false, started, stream };
        let key = key(&draft, outside).build();
        let asked = Asked { uri: uri(&draft), ..asked(draft, key, Vec::new()) };
        Some(Fetching {
            asked,
            reason: Forward::UriMiss,
            held: None,
            validating: false,
            // Alone, this worker has heard of its own invalidation by now.
            position: if self.redis().is_some() { position } else { self.log_end() },
            sent,
        })
    }
}

/// Keeps what a phase may bring of these URIs from being stored.
fn overtake_those(phase: &mut Phase, uris: &[u128]) {
    let concerned = match &*phase {
        Phase::Changing(changing) => changing.uris.iter().any(|uri| uris.contains(uri)),
        _ => asked_of(phase).is_some_and(|asked| uris.contains(&asked.uri)),
    };
    if concerned {
        overtake(phase);
    }
}

/// Keeps what a phase may bring from being stored.
pub(super) fn overtake(phase: &mut Phase) {
    if let Phase::Changing(changing) = phase {
        changing.overtaken = true;
    }
    let _ = asked_of(phase).map(|asked| asked.overtaken = true);
}

/// The host in its normal form.
fn host(headers: &Headers) -> String {
    let head = Head::read(headers);
    String::from_utf8_lossy(&invalidation::normal_host(head.host, head.scheme)).into_owned()
}

/// The request in a phase that may bring something to be stored.
pub(super) fn asked_of(phase: &mut Phase) -> Option<&mut Asked> {
    match phase {
        Phase::Lookup(looking) => Some(&mut looking.asked),
        Phase::Waiting(waiting) => Some(&mut waiting.asked),
        Phase::Polling(polling) => Some(&mut polling.looking.asked),
        Phase::Parked(parked) => Some(&mut parked.looking.asked),
        Phase::Refreshing(refreshing) => Some(&mut refreshing.asked),
        Phase::Fetching(fetching) => Some(&mut fetching.asked),
        Phase::Filling(filling) => Some(&mut filling.asked),
        _ => None,
    }
}
