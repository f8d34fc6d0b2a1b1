//! What happens next, and the timers of the workers. They never stop, but where nobody has anything to do for long they
//! rest until shortly before something happens, so that idle hours cost nothing.

use crate::behind::Behind;
use crate::callers::SECOND;
use crate::host::WINDING;
use crate::network::{AFTER, POLL};
use crate::world::{Step, World};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// How long before something happens idle workers go on: long enough to elect a poller and to read the log.
const AWAKE: u64 = SECOND;

/// The steps to come: the earliest first, and among those of one moment the one that chance puts first.
#[derive(Default)]
pub struct Agenda {
    queue: BinaryHeap<Reverse<(u64, u64, u64, Step)>>,
    numbered: u64,
    /// How many steps that are no idle ones there are at which moments.
    due: BTreeMap<u64, usize>,
    /// When the last of them came.
    last: u64,
}

impl Agenda {
    fn push(&mut self, at: u64, rank: u64, step: Step) {
        self.numbered += 1;
        self.queue.push(Reverse((at, rank, self.numbered, step)));
        if !step.is_idle() {
            *self.due.entry(at).or_default() += 1;
        }
    }

    fn pop(&mut self) -> Option<(u64, Step)> {
        let Reverse((at, _, _, step)) = self.queue.pop()?;
        if !step.is_idle() {
            self.last = at;
            let due = self.due.get_mut(&at).unwrap();
            *due -= 1;
            if *due == 0 {
                self.due.remove(&at);
            }
        }
        Some((at, step))
    }

    fn next(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse((at, ..))| *at)
    }
}

impl Step {
    /// Whether it goes on all the time, whatever else happens.
    fn is_idle(self) -> bool {
        match self {
            Self::Tick(..) | Self::Mail(_) | Self::Errands(_, true) => true,
            Self::Arrives(id) | Self::Replies(id) | Self::TimesOut(id) => id >= POLL,
            _ => false,
        }
    }
}

impl World {
    pub fn schedule(&mut self, delay: u64, rank: u64, step: Step) {
        self.agenda.push(self.now.saturating_add(delay), rank, step);
    }

    /// Plays until nothing is left to happen.
    ///
    /// # Errors
    /// What must not be, with the story.
    pub fn play(&mut self) -> Result<(), String> {
        let mut last = self.now;
        while !(self.agenda.due.is_empty() && self.nobody_waits()) {
            let idle = self.advance();
            last = if idle { last } else { self.now };
            if self.violation.is_none() && !self.live.is_empty() && self.now > last + AFTER {
                self.violated(format!("streams {:?} wait for ever", self.live))
            }
            if let Some(what) = &self.violation {
                return Err(what.clone());
            }
        }
        self.check_end();
        self.violation.clone().map_or(Ok(()), Err)
    }

    /// Lets so many microseconds go by in which nobody asks anything.
    ///
    /// # Errors
    /// As [`World::play`].
    pub fn wait(&mut self, time: u64) -> Result<(), String> {
        let until = self.now + time;
        self.now = self.now.max(until.saturating_sub(AWAKE));
        while self.agenda.next().is_some_and(|at| at <= until) {
            self.advance();
        }
        self.now = until;
        self.violation.clone().map_or(Ok(()), Err)
    }

    /// One step; whether it was an idle one.
    fn advance(&mut self) -> bool {
        let Some((at, step)) = self.agenda.pop() else { return true };
        self.now = self.now.max(at);
        self.happen(step);
        self.check();
        step.is_idle()
    }

    /// No stream, and no refresh for what others do.
    fn nobody_waits(&self) -> bool {
        let waits = |behind: &Behind| behind.idle_since.is_some() && !behind.lost;
        self.live.is_empty() && !self.vms.iter().flat_map(|vm| vm.behind.values()).any(waits)
    }

    /// When a worker's timer is due again.
    pub fn rest(&self, pace: u64) -> u64 {
        let next = self.agenda.due.keys().next().copied();
        let next = next.filter(|_| self.nobody_waits() && self.now > self.agenda.last + AWAKE);
        let asleep = next.map_or(0, |next| next.saturating_sub(AWAKE).saturating_sub(self.now));
        pace.max(asleep)
    }

    /// Sets the timer of a worker that serves for the first time.
    pub fn wind(&mut self, vm: usize) {
        if !std::mem::replace(&mut self.vms[vm].ticking, true) {
            self.schedule(WINDING, vm as u64, Step::Tick(vm, self.vms[vm].life));
        }
    }
}
