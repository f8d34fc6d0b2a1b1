//! Waiting for answers that others ask for: another request of this worker, another worker or pod.
//!
//! Nobody waits longer than `fill.wait`, all waits together. Then a request goes to the origin by itself.

use super::standing::Standing;
use super::{Outside, Worker};
use crate::config::Auth;
use crate::memory::Held;
use crate::metrics::{LeaseEnd, Metric, RefreshEnd, Status, Tier};
use crate::reason::Forward;
use crate::rfc9111::cache_status::Outcome;
use crate::rfc9111::selection;
use crate::time::Instant;
use crate::transaction::{Asked, Command, Granted, Looking, Phase, Polling, Stream, Turn, Verdict, Waiting};
use std::time::Duration;

/// How often a request may wait in vain before it goes alone.
const MOST_ROUNDS: u8 = 2;
/// The pause before L2 is asked again: the first one, and the longest.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl Worker {
    /// Asks for an answer: with those who ask already, or first, or alone.
    pub(super) fn look(
        &mut self,
        mut asked: Asked,
        reason: Forward,
        stale: Option<Held>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let now = outside.now.mono;
        let wait = self.force.config.fill.wait;
        let until = *asked.patience.get_or_insert(now.after(wait));
        let (wanted, stream) = (self.wanted(&asked), asked.draft.stream);
        let alone = alone(&asked, reason) || now >= until || asked.rounds > MOST_ROUNDS;
        if alone || self.flights.is_marked(wanted, now) || !self.flights.join(wanted, stream) {
            return self.ask_l2(asked, reason, stale, outside);
        }
        (Some(Phase::Waiting(Box::new(Waiting { asked, reason, stale, wanted, turn: None }))), Verdict::Pause)
    }

    /// What a request asks for, as far as the headers that tell variants apart are known. Whoever shows who he is, where that
    /// matters, asks for something else than all others: his answer may be for him alone.
    pub(super) fn wanted(&self, asked: &Asked) -> super::flights::Wanted {
        let names = self.vary.get(&asked.draft.ruled.symbol).map(Vec::as_slice).unwrap_or_default();
        let selecting = selection::selecting(&asked.draft.headers, names);
        let own = asked.draft.credentialed && asked.draft.ruled.rule.auth == Auth::Origin;
        (asked.key.digest(), crate::redis::variant_digest(&selecting), own)
    }

    /// Its turn has come.
    pub(super) fn woken(&mut self, mut waiting: Waiting, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        match waiting.turn.take() {
            None => (Some(Phase::Waiting(Box::new(waiting))), Verdict::Pause),
            Some(Turn::Answer(held, tier)) => self.share(waiting, held, tier, outside),
            Some(Turn::Alone) => self.fetch(waiting.asked, waiting.reason, waiting.stale, None, outside),
            Some(Turn::Again) => self.look_again(waiting, outside),
            Some(Turn::Lead) => self.lead(waiting, outside),
        }
    }

    fn look_again(&mut self, mut waiting: Waiting, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        waiting.asked.rounds = waiting.asked.rounds.saturating_add(1);
        // What was invalidated is the answer that it waited for; nothing was asked on its own behalf yet.
        waiting.asked.overtaken = false;
        self.look(waiting.asked, waiting.reason, waiting.stale, outside)
    }

    /// The answer that another request asked for, where it is one to this request too.
    fn share(
        &mut self,
        mut waiting: Waiting,
        held: Held,
        tier: Tier,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let (asked, now) = (&mut waiting.asked, outside.now.mono);
        let same =
            held.entry.key == asked.key.text() && selection::matches(&held.entry.selecting, &asked.draft.headers);
        if !same || asked.overtaken {
            return self.look_again(waiting, outside);
        }
        let (good, held) = match self.standing(&held, &asked.draft.ruled, now) {
            Standing::Good => (true, held),
            Standing::Refreshed(since) => (false, held.stale_from(since)),
            Standing::Banned | Standing::Suspended => return self.look_again(waiting, outside),
        };
        match held.may_answer(now, &asked.asking()) {
            Ok(()) if tier == Tier::Origin => self.collapsed(&waiting, &held, outside),
            Ok(()) => self.hit(asked, &held, tier, outside),
            Err(Forward::Stale) if self.goes_stale(asked, &held, outside.now) => self.hit(asked, &held, tier, outside),
            Err(_) if !good => self.look_again(waiting, outside),
            Err(reason) => self.fetch(waiting.asked, reason, Some(held), None, outside),
        }
    }

    fn collapsed(&mut self, waiting: &Waiting, held: &Held, outside: &Outside<'_>) -> (Option<Phase>, Verdict) {
        let (asked, reason) = (&waiting.asked, waiting.reason);
        let (age, ttl) = super::answer::aged(asked, held, outside);
        let outcome = Outcome::Collapsed { reason, status: held.entry.status, ttl };
        let Some(answer) = self.answer(asked, held, age, &outcome, "collapsed;origin") else {
            self.count(Metric::Unexpected { reason: "echo_missing" });
            return self.pass(asked.draft.ruled.symbol, Forward::Unexpected, None);
        };
        self.count(Metric::Requests { rule: asked.draft.ruled.symbol, status: Status::Collapsed, tier: Tier::Origin });
        self.count(Metric::Leases { end: LeaseEnd::Collapsed });
        (None, Verdict::Reply(Box::new(answer)))
    }

    /// Whoever went first is gone: this request takes its place, and its lease where that still fences.
    fn lead(&mut self, waiting: Waiting, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        let Waiting { mut asked, reason, stale, .. } = waiting;
        let overtaken = std::mem::take(&mut asked.overtaken);
        let position = self.flights.lease(asked.draft.stream).and_then(|granted| granted.position.clone());
        let position = position.filter(|position| !overtaken && self.fences(&asked, position));
        match position {
            Some(position) => self.fetch(asked, reason, stale, Some(position), outside),
            None => self.ask_l2(asked, reason, stale, outside),
        }
    }

    /// Its client is gone.
    pub(super) fn leaves(&mut self, waiting: &Waiting) -> (Option<Phase>, Verdict) {
        self.flights.leave(waiting.asked.draft.stream, waiting.wanted);
        (None, Verdict::Continue)
    }

    /// It has waited long enough.
    pub(super) fn waited(&mut self, waiting: Waiting, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        self.flights.leave(waiting.asked.draft.stream, waiting.wanted);
        self.count(Metric::Leases { end: LeaseEnd::TimedOut });
        self.fetch(waiting.asked, waiting.reason, waiting.stale, None, outside)
    }

    /// Somebody in another worker or pod fills, for `left` at least unless the lease is renewed.
    pub(super) fn wait_elsewhere(
        &mut self,
        looking: Looking,
        left: Duration,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let (asked, now) = (&looking.asked, outside.now.mono);
        self.flights.take_lease(asked.draft.stream);
        if asked.lead.is_some() {
            return self.yields(looking, left, outside);
        }
        if !waits(asked, looking.reason) || asked.patience.is_some_and(|until| now >= until) {
            return self.fetch(looking.asked, looking.reason, looking.stale, None, outside);
        }
        let pause = looking.pause;
        self.poll(looking, pause, outside)
    }

    /// Who asks for others need not: somebody else does already.
    fn yields(&mut self, looking: Looking, left: Duration, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        let now = outside.now.mono;
        self.count(Metric::Leases { end: LeaseEnd::Yielded });
        if let Some(held) = &looking.stale {
            // No longer than anybody would wait: whoever has the lease may give it back before it ends.
            let pause = left.min(self.force.config.fill.wait);
            self.leads.hold_off(super::stale::variant(&looking.asked, held), now.after(pause));
        }
        if looking.asked.background {
            return self.end_refresh(&looking.asked, RefreshEnd::Yielded);
        }
        // While L2 was asked it may have been invalidated.
        match looking.stale.clone().filter(|held| self.may_serve(held, &looking.asked, now)) {
            Some(held) => self.hit(&looking.asked, &held, Tier::L1, outside),
            None => self.fetch(looking.asked, looking.reason, looking.stale, None, outside),
        }
    }

    fn poll(&mut self, looking: Looking, pause: Duration, outside: &Outside<'_>) -> (Option<Phase>, Verdict) {
        // Half of the pause to all of it, by chance, so that those who wait do not ask all at once.
        let part = 500 + outside.random % 501;
        let due = outside.now.mono.after(pause.mul_f64(part as f64 / 1000.0));
        (Some(Phase::Polling(Box::new(Polling { looking, due, pause }))), Verdict::Pause)
    }

    /// L2 is asked again: it is time to, or somebody said that it may have the answer.
    pub(super) fn poll_again(&mut self, polling: Polling, outside: &mut Outside<'_>) -> (Option<Phase>, Verdict) {
        let Polling { mut looking, pause, .. } = polling;
        if looking.asked.patience.is_some_and(|until| outside.now.mono >= until) {
            self.count(Metric::Leases { end: LeaseEnd::TimedOut });
            if looking.asked.background {
                return self.end_refresh(&looking.asked, RefreshEnd::Failed);
            }
            return self.fetch(looking.asked, looking.reason, looking.stale, None, outside);
        }
        looking.calls = 0;
        looking.pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        self.ask_l2_as(looking, outside)
    }

    /// Tells those who wait for `stream` what becomes of them.
    pub(super) fn end_flight(&mut self, stream: Stream, turn: &Turn) {
        for waiter in self.flights.end(stream) {
            if let Some(Phase::Waiting(waiting)) = self.phases.get_mut(&waiter) {
                waiting.turn = Some(turn.clone());
                self.commands.push(Command::Wake(waiter));
            }
        }
    }

    /// Called when a stream is done with asking, however that came about: what it led goes to the next one, what it had
    /// leave to fill is anybody's again.
    pub(super) fn settle(&mut self, stream: Stream) {
        let granted = self.flights.take_lease(stream);
        let mut gone = stream;
        while let Some(next) = self.flights.promote(gone) {
            if let Some(Phase::Waiting(waiting)) = self.phases.get_mut(&next) {
                waiting.turn = Some(Turn::Lead);
                self.commands.push(Command::Wake(next));
                // At once: should it be gone before it is woken, the lease goes on from there.
                if let Some(granted) = granted {
                    self.flights.grant(next, granted);
                }
                return self.count(Metric::Leases { end: LeaseEnd::HandedOver });
            }
            gone = next;
        }
        if let Some(granted) = granted.filter(Granted::is_owed) {
            self.release(&granted);
        }
    }

    /// Gives a lease back.
    pub(super) fn release(&mut self, granted: &Granted) {
        self.commands.push(Command::Write(Box::new(crate::redis::release(&granted.lease))));
    }

    /// What nobody should wait for: all who do go on their own, and those who come soon do not begin to.
    pub(super) fn not_for_others(&mut self, asked: &Asked, now: Instant) {
        let (stream, uncacheable) = (asked.draft.stream, self.force.config.fill.uncacheable);
        let wanted = self.flights.led(stream).unwrap_or_else(|| self.wanted(asked));
        self.flights.mark(wanted, now.after(uncacheable), now);
        self.end_flight(stream, &Turn::Alone);
        let Some(granted) = self.flights.take_lease(stream).filter(Granted::is_owed) else { return };
        // L2 does not tell this client from others, whose answers may be for all.
        if wanted.2 {
            return self.release(&granted);
        }
        self.commands.push(Command::Write(Box::new(crate::redis::mark(&granted.lease, uncacheable))));
    }
}

/// Whether a request neither waits for others nor lets others wait for it: what it asks for is not stored, or it wants to
/// hear it from the origin, or somebody is answered meanwhile.
fn alone(asked: &Asked, reason: Forward) -> bool {
    asked.lead.is_some() || asked.background || !waits(asked, reason)
}

/// Whether another request's answer would do.
fn waits(asked: &Asked, reason: Forward) -> bool {
    let directives = &asked.draft.directives;
    may_fill(asked) && !directives.no_cache && !matches!(reason, Forward::Credentials | Forward::RequestNoCache)
}

/// Whether the origin's answer to this request may be one to store.
pub(super) fn may_fill(asked: &Asked) -> bool {
    asked.method() != "HEAD" && !asked.draft.ranged && !asked.draft.directives.only_if_cached
}
