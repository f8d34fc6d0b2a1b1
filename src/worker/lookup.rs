//! What L2 answers, and what is written to it.

use super::{Outside, Worker};
use crate::codec;
use crate::entry::Entry;
use crate::memory::Held;
use crate::metrics::{L2End, Metric, Tier};
use crate::position::Position;
use crate::reason::{Forward, L2Failure};
use crate::redis::{self, Call, Lookup};
use crate::rfc9111::selection;
use crate::transaction::{Asked, Command, Fetching, Looking, Phase, Ruled, Verdict};
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
        let Some((hash, log)) = self.place(&asked) else {
            return self.fetch(asked, reason, stale, None, outside);
        };
        if !self.breaker.admits(outside.shared, outside.now.common()) {
            return self.fetch(asked, reason, stale, None, outside);
        }
        let names = self.vary.get(&asked.draft.ruled.symbol).map(Vec::as_slice).unwrap_or_default();
        let selecting = selection::selecting(&asked.draft.headers, names);
        let call = redis::lookup(hash, log, &selecting);
        self.commands.push(Command::Lookup(Box::new(call.clone())));
        let sent = outside.now.mono;
        let looking = Looking { asked, reason, stale, selecting, call, again: false, sent };
        (Some(Phase::Lookup(Box::new(looking))), Verdict::Pause)
    }

    fn place(&self, asked: &Asked) -> Option<(String, String)> {
        let config = &self.force.config;
        let redis = config.redis.as_ref()?;
        let hash = redis::key(redis, config, &asked.draft.ruled.rule.name, &asked.key);
        Some((hash, redis::log(redis)))
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
        let Some((hash, log)) = self.place(&looking.asked) else {
            return self.origin(looking, None, outside);
        };
        looking.again = true;
        looking.selecting = selection::selecting(&looking.asked.draft.headers, &names);
        looking.call = redis::lookup(hash, log, &looking.selecting);
        self.vary.insert(looking.asked.draft.ruled.symbol, names);
        self.send(looking, outside)
    }

    fn found_entry(
        &mut self,
        mut looking: Looking,
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
        // Older by the time in Redis and, to be on the safe side, by the whole round trip. A fill that lay in a socket
        // while Redis was paused came in late: then its Date knows better.
        let now = outside.now.mono;
        let resident = entry.initial_age.saturating_add(since).saturating_add(now.since(looking.sent));
        let age_then = resident.max(outside.now.wall.since(entry.date()));
        let rule = asked.draft.ruled.symbol;
        let held = Held { entry: Rc::new(entry), age_then, since: now, rule };
        match held.entry.may_answer(age_then, &asked.asking()) {
            Ok(()) => {
                self.keep(asked.key.digest(), held.clone());
                self.hit(&looking.asked, &held, Tier::L2, outside)
            }
            Err(reason) => {
                looking.reason = reason;
                let younger = looking.stale.as_ref().is_none_or(|stale| held.age(now) < stale.age(now));
                looking.stale = if younger { Some(held) } else { looking.stale };
                self.origin(looking, Some(position), outside)
            }
        }
    }

    fn origin(
        &mut self,
        looking: Looking,
        position: Option<Position>,
        outside: &Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        self.fetch(looking.asked, looking.reason, looking.stale, position, outside)
    }

    pub(super) fn abandon(&mut self) -> (Option<Phase>, Verdict) {
        self.count_l2("lookup", L2End::Abandoned);
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
        let conditions = stale.as_ref().map(|held| super::response::conditions(&asked, reason, held));
        let conditions = conditions.unwrap_or_default();
        let validating = stale.filter(|_| !conditions.is_empty());
        self.commands.extend(conditions.into_iter().map(|(name, value)| Command::RequestHeader(name, value)));
        let position = position.unwrap_or_default();
        let fetching = Fetching { asked, reason, validating, position, sent: outside.now };
        (Some(Phase::Fetching(Box::new(fetching))), Verdict::Continue)
    }

    /// Takes an entry into L1.
    pub(super) fn keep(&mut self, digest: u128, held: Held) {
        let (rule, bytes, before) = (held.rule, held.entry.weight(), self.memory.entries());
        let removed = self.memory.insert(digest, held);
        // One in, some out: what is there now beyond what was and left must be the new one.
        if self.memory.entries() + removed.len() > before {
            self.count_held(rule, 1, bytes);
        }
        self.count_removed(&removed);
    }

    /// Writes an entry to L2 behind the client's back.
    pub(super) fn fill(&mut self, asked: &Asked, entry: &Entry, outside: &mut Outside<'_>) {
        let Some((hash, _)) = self.place(asked) else { return };
        let Some(life) = self.life(entry, &asked.draft.ruled, outside.random) else { return };
        let (room, now) = (self.force.config.memory.max_bytes, outside.now.mono);
        let bytes = if self.breaker.closed(outside.shared) { codec::encode(entry) } else { None };
        let Some(bytes) = bytes.filter(|bytes| self.fills.admit(bytes.len(), room, now)) else {
            return self.count_l2("fill", L2End::Dropped);
        };
        let call = redis::fill(hash, &entry.selecting, life, bytes);
        self.commands.push(Command::Fill(Box::new(call)));
    }

    /// How long L2 keeps an entry: no longer than it is fresh, nor than the operator says; the latter is spread by
    /// 5 % either way, so that what was stored together does not leave together. `None` when there is nothing to keep.
    fn life(&self, entry: &Entry, ruled: &Ruled, random: u32) -> Option<Duration> {
        const LEAST: Duration = Duration::from_secs(1);
        let fresh = entry.lifetime(&ruled.rule.freshness).saturating_sub(entry.initial_age);
        let spread = 0.95 + 0.1 * f64::from(random) / f64::from(u32::MAX);
        let most = self.force.config.redis.as_ref()?.ttl.mul_f64(spread);
        let usable = !entry.directives.no_cache;
        Some(fresh.min(most)).filter(|life| usable && *life >= LEAST)
    }

    /// A fill has ended. With [`L2Failure::NoScript`] it is sent again, once, with the script's text.
    pub fn filled(&mut self, call: Call, reply: Result<&[u8], L2Failure>, outside: &mut Outside<'_>) {
        let end = reply.and_then(redis::read_fill);
        if end == Err(L2Failure::NoScript) && !call.whole {
            self.count_l2("fill", L2End::Failed(L2Failure::NoScript));
            return self.commands.push(Command::Fill(Box::new(Call { whole: true, ..call })));
        }
        self.fills.ended(call.body.as_ref().map_or(0, Vec::len));
        self.book(end.err().is_none_or(|failure| !failure.is_absence()), outside);
        self.count_l2("fill", end.map_or_else(L2End::Failed, |()| L2End::Ok));
    }
}

/// Whether an entry from L2 is what was asked for: under this very key, for these very values.
fn belongs(entry: &Entry, asked: &Asked) -> bool {
    // Each value is cut out once; more cuts than values would make a large answer out of a small entry.
    let echoed = entry.cuts.len() <= asked.echoes.len() && entry.cuts.iter().all(|cut| cut.echo < asked.echoes.len());
    entry.key == asked.key.text() && echoed && selection::matches(&entry.selecting, &asked.draft.headers)
}
