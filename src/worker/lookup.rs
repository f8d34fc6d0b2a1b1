//! What L2 answers.
//!
//! One look into L2 is one call as a rule. It takes another when the variants are told apart by other headers than
//! assumed, or when what L2 has may not be used: then it names that, and gets another answer or the lease.

use super::standing::Standing;
use super::wait::{FIRST_PAUSE, may_fill};
use super::{Outside, Worker};
use crate::codec;
use crate::entry::Entry;
use crate::memory::Held;
use crate::metrics::{L2End, Metric, RefreshEnd, Tier};
use crate::position::Position;
use crate::reason::{Forward, L2Failure};
use crate::redis::{self, Call, Lease, Lookup, Place, Want};
use crate::rfc9111::selection;
use crate::time::Instant;
use crate::token::Token;
use crate::transaction::{Asked, Command, Granted, Looking, Parked, Phase, Stream, Turn, Verdict};
use std::rc::Rc;
use std::time::Duration;

/// How many calls one look may take.
const MOST_CALLS: u8 = 4;

/// What a hit in L2 says.
struct Hit<'a> {
    at: Position,
    since: Duration,
    fill: Option<Token>,
    bytes: &'a [u8],
}

impl Worker {
    /// Asks L2, where there is one that answers; else the origin.
    pub(super) fn ask_l2(
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
            return self.without_l2(asked, reason, stale, outside);
        }
        let names = self.vary.get(&asked.draft.ruled.symbol).map(Vec::as_slice).unwrap_or_default();
        let selecting = selection::selecting(&asked.draft.headers, names);
        // What is suspended is not refused: L2 may say that it is still so.
        let refused = stale.as_ref().filter(|_| reason != Forward::Suspended).and_then(|held| held.fill);
        let call = self.question(&asked, &place, &selecting, refused, outside);
        let looking =
            Looking { asked, reason, stale, selecting, call, calls: 0, sent: outside.now.mono, pause: FIRST_PAUSE };
        self.send(looking, outside)
    }

    /// The call for a look. It asks for the lease too, where the origin's answer may be one to store.
    fn question(
        &mut self,
        asked: &Asked,
        place: &Place,
        selecting: &[(String, Option<String>)],
        refused: Option<Token>,
        outside: &Outside<'_>,
    ) -> Call {
        let stream = asked.draft.stream;
        // The same token again: should its lease have been granted unheard, it is granted again.
        let known = self.flights.lease(stream);
        let held = known.is_some_and(|granted| granted.held || (granted.position.is_some() && granted.is_owed()));
        let token = may_fill(asked).then(|| known.map_or(Token(outside.random), |granted| granted.lease.token));
        if let Some(token) = token {
            let lease = Lease { key: redis::lease_key(place, selecting), token };
            self.flights.grant(stream, Granted { lease, position: None, since: outside.now.mono, unheld: false, held });
        }
        redis::lookup(place, selecting, &Want { token, lease: self.force.config.fill.lease, refused })
    }

    pub(super) fn place(&self, asked: &Asked) -> Option<Place> {
        let config = &self.force.config;
        let rule = &asked.draft.ruled.rule.name;
        config.redis.as_ref().map(|redis| redis::place(redis, config, rule, &asked.key))
    }

    /// Asks L2 once more, for what was asked before.
    pub(super) fn ask_l2_as(&mut self, looking: Looking, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        let refused = looking.stale.as_ref().filter(|_| looking.reason != Forward::Suspended);
        let refused = refused.and_then(|held| held.fill);
        self.ask_l2_but(looking, refused, outside)
    }

    /// Asks L2 once more, for anything but one fill.
    fn ask_l2_but(
        &mut self,
        mut looking: Looking,
        refused: Option<Token>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let Some(place) = self.place(&looking.asked) else {
            return self.origin(looking, None, outside);
        };
        let selecting = std::mem::take(&mut looking.selecting);
        looking.call = self.question(&looking.asked, &place, &selecting, refused, outside);
        looking.selecting = selecting;
        self.send(looking, outside)
    }

    fn send(&mut self, mut looking: Looking, outside: &Outside<'_>) -> (Option<Phase>, Verdict) {
        looking.sent = outside.now.mono;
        looking.calls = looking.calls.saturating_add(1);
        self.commands.push(Command::Lookup(Box::new(looking.call.clone())));
        (Some(Phase::Lookup(Box::new(looking))), Verdict::Pause)
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
        match reply.and_then(|reply| Ok((redis::read_lookup(reply)?, reply))) {
            Ok((found, reply)) => {
                self.book(true, outside);
                self.found(looking, found, reply, outside)
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

    fn found(
        &mut self,
        mut looking: Looking,
        found: Lookup<'_>,
        reply: &[u8],
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let at = match found {
            Lookup::Hit { at, .. } if !self.following.follower.knows(&at) => return self.park(looking, reply, outside),
            Lookup::Hit { at, since, fill, bytes } => {
                return self.found_entry(looking, Hit { at, since, fill, bytes }, outside);
            }
            Lookup::OtherVary(_, names) if looking.calls < MOST_CALLS => {
                return self.ask_again(looking, names, outside);
            }
            Lookup::OtherVary(at, _) => {
                looking.reason = Forward::VaryMiss;
                at
            }
            Lookup::Filling { left, other, .. } => {
                self.count_l2("lookup", L2End::Miss);
                looking.reason = missed(looking.reason, other);
                return self.wait_elsewhere(looking, left, outside);
            }
            Lookup::Uncacheable { .. } if looking.asked.background => {
                self.flights.take_lease(looking.asked.draft.stream);
                self.count_l2("lookup", L2End::Miss);
                return self.end_refresh(&looking.asked, RefreshEnd::Failed);
            }
            Lookup::Uncacheable { at } => {
                self.granted(&looking, &at, true, outside.now.mono);
                self.nobody_waits(&looking.asked, outside.now.mono);
                at
            }
            Lookup::Led { at, other } => {
                self.granted(&looking, &at, false, outside.now.mono);
                looking.reason = missed(looking.reason, other);
                at
            }
            Lookup::Miss { at, other } => {
                looking.reason = missed(looking.reason, other);
                at
            }
        };
        self.count_l2("lookup", L2End::Miss);
        self.origin(looking, Some(at), outside)
    }

    /// The lease is this request's, or there is none to have: it may fill.
    fn granted(&mut self, looking: &Looking, at: &Position, unheld: bool, now: Instant) {
        let stream = looking.asked.draft.stream;
        if let Some(granted) = self.flights.take_lease(stream) {
            self.flights.grant(stream, Granted { position: Some(at.clone()), since: now, unheld, ..granted });
        }
    }

    /// L2 says that the answer is for nobody else.
    fn nobody_waits(&mut self, asked: &Asked, now: Instant) {
        let stream = asked.draft.stream;
        if let Some(wanted) = self.flights.led(stream) {
            self.flights.mark(wanted, now.after(self.force.config.fill.uncacheable), now);
        }
        self.end_flight(stream, &Turn::Alone);
    }

    /// It fills nothing. A lease that it has from whoever went first is given back.
    fn let_go(&mut self, stream: Stream) {
        if let Some(granted) = self.flights.take_lease(stream).filter(|granted| granted.held) {
            self.release(&granted);
        }
    }

    /// The variants are told apart by other headers than this worker thought: those who wait ask anew, and so does this
    /// one.
    fn ask_again(
        &mut self,
        looking: Looking,
        names: Vec<String>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        self.count_l2("lookup", L2End::Ok);
        self.vary.insert(looking.asked.draft.ruled.symbol, names.clone());
        let selecting = selection::selecting(&looking.asked.draft.headers, &names);
        let stream = looking.asked.draft.stream;
        if self.flights.led(stream).is_some() {
            self.end_flight(stream, &Turn::Again);
            // Those for whom its answer is meant wait for it still.
            let wanted = self.wanted(&looking.asked);
            self.flights.lead(wanted, stream);
        }
        self.ask_l2_as(Looking { selecting, ..looking }, outside)
    }

    fn found_entry(
        &mut self,
        mut looking: Looking,
        hit: Hit<'_>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let asked = &looking.asked;
        let entry = codec::decode(hit.bytes).ok().filter(|entry| belongs(entry, asked));
        let Some(entry) = entry else {
            self.count_l2("lookup", L2End::Failed(L2Failure::Corrupt));
            return self.another(looking, hit, outside);
        };
        self.count_l2("lookup", L2End::Ok);
        if self.outdated(asked, hit.since, looking.sent, outside.now.mono) {
            return self.another(looking, hit, outside);
        }
        // Older by the time in Redis and, to be on the safe side, by the whole round trip. A fill that lay in a socket
        // while Redis was paused came in late: then its Date knows better.
        let now = outside.now.mono;
        let resident = entry.initial_age.saturating_add(hit.since).saturating_add(now.since(looking.sent));
        let age_then = resident.max(outside.now.wall.since(entry.date()));
        let held = Held { age_then, fill: hit.fill, ..Held::new(Rc::new(entry), asked, looking.sent, now) };
        let held = match self.standing(&held, &asked.draft.ruled, now) {
            Standing::Good => held,
            Standing::Refreshed(since) => held.stale_from(since),
            Standing::Banned | Standing::Suspended => {
                looking.reason = Forward::Invalidated;
                return self.another(looking, hit, outside);
            }
        };
        match held.may_answer(now, &asked.asking()) {
            Ok(()) => {
                self.keep(asked.key.digest(), held.clone());
                self.end_flight(asked.draft.stream, &Turn::Answer(held.clone(), Tier::L2));
                self.let_go(asked.draft.stream);
                self.hit(&looking.asked, &held, Tier::L2, outside)
            }
            Err(reason) => self.found_stale(looking, held, reason, hit, outside),
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
        hit: Hit<'_>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let led = looking.asked.lead.is_some();
        let serves = reason == Forward::Stale && self.goes_stale(&mut looking.asked, &held, outside.now);
        if serves || (!led && looking.asked.lead.is_some()) {
            // Others are served it while somebody asks: those who wait need not.
            self.keep(looking.asked.key.digest(), held.clone());
            self.end_flight(looking.asked.draft.stream, &Turn::Answer(held.clone(), Tier::L2));
        }
        if serves {
            self.let_go(looking.asked.draft.stream);
            return self.hit(&looking.asked, &held, Tier::L2, outside);
        }
        let now = outside.now.mono;
        looking.reason = reason;
        let younger = looking.stale.as_ref().is_none_or(|stale| held.age(now) <= stale.age(now));
        looking.stale = if younger { Some(held) } else { looking.stale };
        self.another(looking, hit, outside)
    }

    /// What L2 has will not do: another answer, or the lease for one.
    fn another(&mut self, looking: Looking, hit: Hit<'_>, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        if looking.calls >= MOST_CALLS || !may_fill(&looking.asked) {
            return self.origin(looking, Some(hit.at), outside);
        }
        // What is none of our fills has no name: any refusal is one of it.
        let refused = hit.fill.unwrap_or(Token(outside.random));
        self.ask_l2_but(looking, Some(refused), outside)
    }

    /// The log is further on than this worker knows: first it is read.
    fn park(&mut self, looking: Looking, reply: &[u8], outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        self.read_log(false, outside);
        let parked = Parked { looking, reply: reply.to_vec(), since: outside.now.mono };
        (Some(Phase::Parked(Box::new(parked))), Verdict::Pause)
    }

    /// The log was read, or should have been.
    pub(super) fn unparked(&mut self, parked: Parked, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        let Parked { looking, reply, since } = parked;
        let limit = self.redis().map(|redis| redis.timeout.saturating_mul(2)).unwrap_or_default();
        match redis::read_lookup(&reply) {
            Ok(Lookup::Hit { at, since, fill, bytes }) if self.following.follower.knows(&at) => {
                self.found_entry(looking, Hit { at, since, fill, bytes }, outside)
            }
            Ok(Lookup::Hit { .. }) if outside.now.mono.since(since) < limit => {
                self.read_log(false, outside);
                (Some(Phase::Parked(Box::new(Parked { looking, reply, since }))), Verdict::Pause)
            }
            _ => {
                self.count_l2("lookup", L2End::Unread);
                self.let_go(looking.asked.draft.stream);
                self.origin(looking, None, outside)
            }
        }
    }
}

fn missed(reason: Forward, other: bool) -> Forward {
    if other && reason == Forward::UriMiss { Forward::VaryMiss } else { reason }
}

/// Whether an entry from L2 is what was asked for: under this very key, for these very values.
fn belongs(entry: &Entry, asked: &Asked) -> bool {
    // Each value is cut out once; more cuts than values would make a large answer out of a small entry.
    let echoed = entry.cuts.len() <= asked.echoes.len() && entry.cuts.iter().all(|cut| cut.echo < asked.echoes.len());
    entry.key == asked.key.text() && echoed && selection::matches(&entry.selecting, &asked.draft.headers)
}
