//! What is written to L1 and L2. The fills under way to L2 are bounded in number and together in size: what is over goes
//! unwritten, so a slow Redis cannot pile up bodies in memory.

use super::response::useful;
use super::{Outside, Worker};
use crate::codec;
use crate::config::Redis;
use crate::entry::Entry;
use crate::memory::Held;
use crate::metrics::{L2End, LeaseEnd, Metric};
use crate::reason::L2Failure;
use crate::redis::{self, Call, Lease};
use crate::time::Instant;
use crate::token::Token;
use crate::transaction::{Asked, Command, Ruled};
use std::rc::Rc;
use std::time::Duration;

/// How many may be under way.
const MOST: usize = 64;
/// One that has not ended by now never will: the root that sent it is gone, and its callback with it.
const LOST: Duration = Duration::from_secs(60);

/// The fills under way, each with its beginning and its bytes.
#[derive(Default)]
pub(super) struct Fills(Vec<(Instant, usize)>);

impl Fills {
    /// Books a fill of `bytes`; `false` when it would be one too many, or all together larger than `room`, in bytes.
    pub(super) fn admit(&mut self, bytes: usize, room: usize, now: Instant) -> bool {
        self.0.retain(|(since, _)| now.since(*since) < LOST);
        let taken = self.0.iter().fold(bytes, |sum, (_, bytes)| sum.saturating_add(*bytes));
        let admitted = self.0.len() < MOST && taken <= room;
        if admitted {
            self.0.push((now, bytes));
        }
        admitted
    }

    /// Books that a fill of `bytes` has ended, well or not.
    pub(super) fn ended(&mut self, bytes: usize) {
        if let Some(at) = self.0.iter().position(|(_, known)| *known == bytes) {
            self.0.remove(at);
        }
    }
}

impl Worker {
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

    /// Writes an entry to L2 behind the client's back, with the lease that it was asked for under. The fill that it will
    /// be there, or `None`: then whoever comes next may ask for the lease.
    pub(super) fn fill(&mut self, asked: &Asked, entry: &Entry, outside: &mut Outside<'_>) -> Option<Token> {
        let granted = self.flights.take_lease(asked.draft.stream)?;
        let call = self.filling(asked, entry, &granted.lease, outside);
        if call.is_none() {
            self.release(&granted);
        }
        self.commands.push(Command::Write(Box::new(call?)));
        Some(granted.lease.token)
    }

    fn filling(&mut self, asked: &Asked, entry: &Entry, lease: &Lease, outside: &mut Outside<'_>) -> Option<Call> {
        let place = self.place(asked)?;
        let life = self.life(entry, &asked.draft.ruled, outside.random)?;
        let (room, now) = (self.force.config.memory.max_bytes, outside.now.mono);
        // Without its lookup's position no ban could keep out what was fetched before it.
        let fenced = !entry.position.epoch.is_empty() && self.breaker.closed(outside.shared);
        let bytes = if fenced { codec::encode(entry) } else { None };
        let Some(bytes) = bytes.filter(|bytes| self.fills.admit(bytes.len(), room, now)) else {
            self.count_l2("fill", L2End::Dropped);
            return None;
        };
        Some(redis::fill(&place, &entry.selecting, life, &entry.position, lease, bytes))
    }

    /// How long L2 keeps an entry: no longer than it is fresh or may be served stale, nor than the operator says; the
    /// latter is spread by 5 % either way, so that what was stored together does not leave together. What has to be
    /// asked for each time is kept for its validator. `None` when there is nothing to keep.
    fn life(&self, entry: &Entry, ruled: &Ruled, random: u64) -> Option<Duration> {
        const LEAST: Duration = Duration::from_secs(1);
        let rule = &ruled.rule.freshness;
        let spread = 0.95 + 0.1 * random as f64 / u64::MAX as f64;
        let most = self.force.config.redis.as_ref()?.ttl.mul_f64(spread);
        let useful = useful(entry, rule, entry.lifetime(rule)).saturating_sub(entry.initial_age);
        let life = if entry.directives.no_cache { most } else { useful.min(most) };
        Some(life).filter(|life| *life >= LEAST)
    }

    /// Something written to L2 has ended. With [`L2Failure::NoScript`] it is sent again, once, with the script's text.
    pub fn written(&mut self, call: Call, reply: Result<&[u8], L2Failure>, outside: &mut Outside<'_>) {
        let op = call.script.name;
        if reply.map(redis::is_unknown_script) == Ok(true) && !call.whole {
            self.count_l2(op, L2End::Failed(L2Failure::NoScript));
            return self.commands.push(Command::Write(Box::new(Call { whole: true, ..call })));
        }
        let end = match op {
            "fill" => self.filled(&call, reply, outside),
            "publish" => self.published(&call, reply, outside.now.mono),
            "sync" => self.read(&call, reply, outside),
            _ => self.leased(reply),
        };
        let absent = matches!(end, L2End::Failed(failure) if failure.is_absence());
        // The log is read whatever the breaker says: that it can be closes it, that it cannot is no news.
        if op != "sync" || !absent {
            self.book(!absent, outside);
        }
        self.count_l2(op, end);
    }

    fn filled(&mut self, call: &Call, reply: Result<&[u8], L2Failure>, outside: &Outside<'_>) -> L2End {
        self.fills.ended(call.body.as_ref().map_or(0, Vec::len));
        match reply.and_then(redis::read_fill) {
            Ok(true) => {
                let hash = call.keys.first().cloned().unwrap_or_default();
                self.tell_filled(&hash, outside);
                L2End::Ok
            }
            Ok(false) => {
                self.count(Metric::Leases { end: LeaseEnd::Lost });
                L2End::Fenced
            }
            Err(failure) => {
                self.give_back(call, failure);
                L2End::Failed(failure)
            }
        }
    }

    /// A fill that was refused before it began has left its lease: others would wait for nothing.
    fn give_back(&mut self, call: &Call, failure: L2Failure) {
        let token = call.arguments.get(4).and_then(|token| Token::parse(token));
        if let (Some(key), Some(token), false) = (call.keys.get(1), token, failure.is_absence()) {
            let lease = Lease { key: key.clone(), token };
            self.commands.push(Command::Write(Box::new(redis::release(&lease))));
        }
    }

    /// A lease was renewed, given back, or marked as one that nobody needs.
    fn leased(&mut self, reply: Result<&[u8], L2Failure>) -> L2End {
        let kept = reply.and_then(redis::read_lease);
        kept.map_or_else(L2End::Failed, |kept| if kept { L2End::Ok } else { L2End::Miss })
    }
}

impl Held {
    /// An entry as it comes in now, asked for when it was `begun`.
    pub(super) fn new(entry: Rc<Entry>, asked: &Asked, begun: Instant, now: Instant) -> Self {
        let age_then = entry.initial_age;
        let (rule, uri) = (asked.draft.ruled.symbol, asked.uri);
        Self { entry, age_then, since: now, rule, uri, begun, fill: None, checked: Rc::default(), stale: None }
    }
}

/// The longest that an entry is kept in L2.
pub(super) fn longest(redis: &Redis) -> Duration {
    redis.ttl.mul_f64(1.05)
}
