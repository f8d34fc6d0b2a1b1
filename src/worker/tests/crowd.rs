//! Many requests at once, and the workers of one Envoy.

use super::bench::{Bench, Request};
use crate::metrics::{LeaseEnd, Metric};
use crate::transaction::{Event, Stream, Verdict};

/// What became of a request: the state of its answer, or `origin`, or `paused`.
pub fn fate(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Reply(answer) => answer.state,
        Verdict::Continue => "origin",
        Verdict::Pause => "paused",
    }
}

impl Bench {
    /// A request that goes to the origin.
    pub fn leads(&mut self, request: &Request) -> Stream {
        let (stream, verdict) = self.send(request);
        assert_eq!((fate(&verdict), self.phase(stream)), ("origin", "fetching"));
        stream
    }

    /// A request that waits for another one's answer.
    pub fn waits(&mut self, request: &Request) -> Stream {
        let (stream, verdict) = self.send(request);
        assert_eq!((fate(&verdict), self.phase(stream)), ("paused", "waiting"));
        stream
    }

    /// A request that waits for somebody elsewhere.
    pub fn polls(&mut self, request: &Request) -> Stream {
        let (stream, verdict) = self.send(request);
        assert_eq!((fate(&verdict), self.phase(stream)), ("paused", "polling"));
        stream
    }

    /// Wakes all who are due, in their order, and says what became of them.
    pub fn woken(&mut self) -> Vec<(Stream, &'static str)> {
        let due = std::mem::take(&mut self.wakes);
        due.into_iter().map(|stream| (stream, fate(&self.wake(stream)))).collect()
    }

    /// Tells all whose time is over, and says what became of them.
    pub fn overdue(&mut self) -> Vec<(Stream, &'static str)> {
        let due = self.worker.overdue(self.now.mono);
        due.into_iter().map(|stream| (stream, fate(&self.let_go(stream)))).collect()
    }

    fn let_go(&mut self, stream: Stream) -> Verdict {
        let mut verdict = self.on(stream, Event::Deadline);
        while matches!(verdict, Verdict::Pause)
            && let Some(next) = self.go_on(stream)
        {
            verdict = next;
        }
        verdict
    }

    /// A client leaves.
    pub fn leaves(&mut self, stream: Stream) {
        self.on(stream, Event::Gone);
        assert!(!self.worker.knows(stream));
    }

    /// A tick of the host, and what L2 says to what it brings.
    pub fn tick(&mut self) {
        self.step(|worker, outside| worker.tick(outside));
        if !self.cut {
            self.errands();
        }
    }

    /// Hears what another worker of this Envoy tells.
    pub fn hears(&mut self, other: &mut Bench) -> usize {
        let tells = std::mem::take(&mut other.tells);
        tells.iter().for_each(|(_, bytes)| self.step(|worker, outside| worker.told(bytes, outside)));
        tells.len()
    }

    /// How often flights and leases ended so.
    pub fn leased(&self, end: LeaseEnd) -> i64 {
        self.count(Metric::Leases { end })
    }

    /// Nobody asks for anything, here or in L2.
    pub fn is_quiet(&self) -> bool {
        self.worker.flights.is_idle() && self.l2().leases.is_empty()
    }
}
