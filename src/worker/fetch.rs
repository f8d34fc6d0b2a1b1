//! What goes on to the origin: with our own condition where a stored answer could be confirmed, and not at all where nobody
//! needs it.

use super::{Outside, Worker, validate};
use crate::memory::Held;
use crate::metrics::{L2End, LeaseEnd, Metric, RefreshEnd, Tier};
use crate::position::Position;
use crate::reason::Forward;
use crate::transaction::{Asked, Command, Fetching, Looking, Phase, Verdict};

impl Worker {
    /// L2 has nothing to answer with.
    pub(super) fn origin(
        &mut self,
        looking: Looking,
        position: Option<Position>,
        outside: &Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let leads = self.flights.lease(looking.asked.draft.stream).is_some_and(|granted| granted.position.is_some());
        let needless = looking.reason == Forward::EarlyRefresh || looking.asked.slot.is_some();
        if needless && !leads {
            return self.without_l2(looking.asked, looking.reason, looking.stale, outside);
        }
        self.fetch(looking.asked, looking.reason, looking.stale, position, outside)
    }

    /// L2 does not answer. Then nobody refreshes early or prewarms: each pod would.
    pub(super) fn without_l2(
        &mut self,
        asked: Asked,
        reason: Forward,
        stale: Option<Held>,
        outside: &Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        let early = reason == Forward::EarlyRefresh;
        let served = |held: &Held| early && (asked.background || self.may_serve(held, &asked, outside.now.mono));
        match stale {
            Some(held) if served(&held) => self.hit(&asked, &held, Tier::L1, outside),
            _ if asked.slot.is_some() => self.end_refresh(&asked, RefreshEnd::Failed),
            stale => self.fetch(asked, reason, stale, None, outside),
        }
    }

    /// Nobody wants the answer any more that L2 is still to give, or that could not be used yet.
    pub(super) fn abandon(&mut self, looking: &Looking) -> (Option<Phase>, Verdict) {
        self.count_l2("lookup", L2End::Abandoned);
        self.give_up(looking)
    }

    /// Nobody wants an answer any more.
    pub(super) fn give_up(&mut self, looking: &Looking) -> (Option<Phase>, Verdict) {
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
        // What was invalidated while it waited lends no validator: it would come back to life, behind its own ban.
        let held = stale.filter(|held| !asked.overtaken && !self.is_banned(held, &asked));
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
        if self.flights.led(asked.draft.stream).is_some() || self.flights.lease(asked.draft.stream).is_some() {
            self.count(Metric::Leases { end: LeaseEnd::Led });
        }
        // What this worker knows of the log is from before, too.
        let position = position.or_else(|| self.following.follower.position().cloned()).unwrap_or_default();
        let fetching = Fetching { asked, reason, held, validating, position, sent: outside.now };
        (Some(Phase::Fetching(Box::new(fetching))), verdict)
    }
}
