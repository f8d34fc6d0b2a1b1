//! What L2 answers, and what goes on to the origin.

use super::{Outside, Worker, validate};
use crate::codec;
use crate::entry::Entry;
use crate::memory::Held;
use crate::metrics::{L2End, Metric, RefreshEnd, Tier};
use crate::position::Position;
use crate::reason::{Forward, L2Failure};
use crate::redis::{self, Lookup, Place};
use crate::rfc9111::selection;
use crate::time::Instant;
use crate::transaction::{Asked, Command, Fetching, Looking, Phase, Verdict};
use std::rc::Rc;
use std::time::Duration;

impl Worker {
    /// Asks L2, where there is one that answers; else the origin.
    pub(super) fn look(
        &mut self,
        asked: Asked,
        reason: Forward,
        stale: Option<Held>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let Some(place) = self.place(&asked) else {
            return self.fetch(asked, reason, stale, None, outside);
        };
        if !self.breaker.admits(outside.shared, outside.now.common()) {
            return self.fetch(asked, reason, stale, None, outside);
        }
        let names = self.vary.get(&asked.draft.ruled.symbol).map(Vec::as_slice).unwrap_or_default();
        let selecting = selection::selecting(&asked.draft.headers, names);
        let call = redis::lookup(&place, &selecting);
        self.commands.push(Command::Lookup(Box::new(call.clone())));
        let sent = outside.now.mono;
        let looking = Looking { asked, reason, stale, selecting, call, again: false, sent };
        (Some(Phase::Lookup(Box::new(looking))), Verdict::Pause)
    }

    pub(super) fn place(&self, asked: &Asked) -> Option<Place> {
        let config = &self.force.config;
        let rule = &asked.draft.ruled.rule.name;
        config.redis.as_ref().map(|redis| redis::place(redis, config, rule, &asked.key, asked.uri))
    }

    /// L2 has answered, or not.
    pub(super) fn looked(
        &mut self,
        looking: Looking,
        reply: Result<&[u8], L2Failure>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let millis = outside.now.mono.since(looking.sent).as_millis();
        self.observe(Metric::L2Millis, u64::try_from(millis).unwrap_or(u64::MAX));
        match reply.and_then(redis::read_lookup) {
            Ok(found) => {
                self.book(true, outside);
                self.found(looking, found, outside)
            }
            Err(L2Failure::NoScript) if !looking.call.whole => self.send_whole(looking, outside),
            Err(failure) => {
                self.book(!failure.is_absence(), outside);
                self.count_l2("lookup", L2End::Failed(failure));
                self.origin(looking, None, outside)
            }
        }
    }

    fn send_whole(&mut self, mut looking: Looking, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        self.count_l2("lookup", L2End::Failed(L2Failure::NoScript));
        looking.call.whole = true;
        self.send(looking, outside)
    }

    fn send(&mut self, mut looking: Looking, outside: &Outside<'_>) -> (Option<Phase>, Verdict) {
        looking.sent = outside.now.mono;
        self.commands.push(Command::Lookup(Box::new(looking.call.clone())));
        (Some(Phase::Lookup(Box::new(looking))), Verdict::Pause)
    }

    fn found(
        &mut self,
        mut looking: Looking,
        found: Lookup<'_>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let position = match found {
            Lookup::Hit(position, since, bytes) => {
                return self.found_entry(looking, position, since, bytes, outside);
            }
            Lookup::OtherVary(_, names) if !looking.again => return self.ask_again(looking, names, outside),
            Lookup::OtherVary(position, _) | Lookup::OtherVariant(position) => {
                looking.reason = Forward::VaryMiss;
                position
            }
            Lookup::Miss(position) => position,
        };
        self.count_l2("lookup", L2End::Miss);
        self.origin(looking, Some(position), outside)
    }

    /// The variants are told apart by other headers than this worker thought: the same question, once more.
    fn ask_again(
        &mut self,
        mut looking: Looking,
        names: Vec<String>,
        outside: &Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        self.count_l2("lookup", L2End::Ok);
        let Some(place) = self.place(&looking.asked) else {
            return self.origin(looking, None, outside);
        };
        looking.again = true;
        looking.selecting = selection::selecting(&looking.asked.draft.headers, &names);
        looking.call = redis::lookup(&place, &looking.selecting);
        self.vary.insert(looking.asked.draft.ruled.symbol, names);
        self.send(looking, outside)
    }

    fn found_entry(
        &mut self,
        looking: Looking,
        position: Position,
        since: Duration,
        bytes: &[u8],
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let asked = &looking.asked;
        let entry = codec::decode(bytes).ok().filter(|entry| belongs(entry, asked));
        let Some(entry) = entry else {
            self.count_l2("lookup", L2End::Failed(L2Failure::Corrupt));
            return self.origin(looking, Some(position), outside);
        };
        self.count_l2("lookup", L2End::Ok);
        if self.outdated(asked, since, looking.sent, outside.now.mono) {
            return self.origin(looking, Some(position), outside);
        }
        // Older by the time in Redis and, to be on the safe side, by the whole round trip. A fill that lay in a socket
        // while Redis was paused came in late: then its Date knows better.
        let now = outside.now.mono;
        let resident = entry.initial_age.saturating_add(since).saturating_add(now.since(looking.sent));
        let age_then = resident.max(outside.now.wall.since(entry.date()));
        let held = Held { age_then, ..Held::new(Rc::new(entry), asked, outside) };
        match held.entry.may_answer(age_then, &asked.asking()) {
            Ok(()) => {
                self.keep(asked.key.digest(), held.clone());
                self.hit(&looking.asked, &held, Tier::L2, outside)
            }
            Err(reason) => self.found_stale(looking, held, reason, position, outside),
        }
    }

    /// Whether what L2 gave may not be used: its URI was invalidated meanwhile, or is being; or it has been there for
    /// longer than this configuration allows, and so perhaps longer than bans are kept.
    fn outdated(&mut self, asked: &Asked, since: Duration, sent: Instant, now: Instant) -> bool {
        let Some(redis) = self.force.config.redis.as_ref() else { return true };
        let longest = super::fills::longest(redis);
        asked.overtaken || since > longest || self.unheard.doubts(asked.uri, sent, now)
    }

    /// L2 has what may not answer without the origin, or only while somebody asks it.
    fn found_stale(
        &mut self,
        mut looking: Looking,
        held: Held,
        reason: Forward,
        position: Position,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        if reason == Forward::Stale && self.goes_stale(&mut looking.asked, &held, outside.now) {
            self.keep(looking.asked.key.digest(), held.clone());
            return self.hit(&looking.asked, &held, Tier::L2, outside);
        }
        let now = outside.now.mono;
        looking.reason = reason;
        let younger = looking.stale.as_ref().is_none_or(|stale| held.age(now) < stale.age(now));
        looking.stale = if younger { Some(held) } else { looking.stale };
        self.origin(looking, Some(position), outside)
    }

    fn origin(
        &mut self,
        looking: Looking,
        position: Option<Position>,
        outside: &Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        self.fetch(looking.asked, looking.reason, looking.stale, position, outside)
    }

    pub(super) fn abandon(&mut self, looking: &Looking) -> (Option<Phase>, Verdict) {
        self.count_l2("lookup", L2End::Abandoned);
        if looking.asked.background {
            return self.end_refresh(&looking.asked, RefreshEnd::Failed);
        }
        (None, Verdict::Continue)
    }

    /// Sends the request on to the origin, with our own condition where a stored answer could be confirmed.
    pub(super) fn fetch(
        &mut self,
        asked: Asked,
        reason: Forward,
        stale: Option<Held>,
        position: Option<Position>,
        outside: &Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        if asked.draft.directives.only_if_cached {
            return self.nothing(&asked);
        }
        let held = stale.filter(|_| !asked.overtaken);
        let conditions = held.as_ref().map(|held| validate::conditions(&asked, reason, held)).unwrap_or_default();
        let validating = !conditions.is_empty();
        let verdict = if asked.background {
            let Some(call) = self.origin_call(&asked, conditions) else {
                return self.end_refresh(&asked, RefreshEnd::Failed);
            };
            self.commands.push(Command::CallOrigin(Box::new(call)));
            Verdict::Pause
        } else {
            if validating {
                self.commands.extend(validate::replacing(&asked, conditions));
            }
            Verdict::Continue
        };
        let position = position.unwrap_or_default();
        let fetching = Fetching { asked, reason, held, validating, position, sent: outside.now };
        (Some(Phase::Fetching(Box::new(fetching))), verdict)
    }
}

/// Whether an entry from L2 is what was asked for: under this very key, for these very values.
fn belongs(entry: &Entry, asked: &Asked) -> bool {
    // Each value is cut out once; more cuts than values would make a large answer out of a small entry.
    let echoed = entry.cuts.len() <= asked.echoes.len() && entry.cuts.iter().all(|cut| cut.echo < asked.echoes.len());
    entry.key == asked.key.text() && echoed && selection::matches(&entry.selecting, &asked.draft.headers)
}
