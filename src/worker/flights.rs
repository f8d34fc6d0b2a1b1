//! Single flight: which request asks for an answer, which others wait for it, and which lease in L2 it holds meanwhile.
//!
//! A flight ends once, with a [`Turn`] for those that wait. Should the request that leads it vanish without a word, it is
//! ended by [`Worker::settle`](super::Worker): the next one leads, with the lease of the one before.

use crate::time::Instant;
use crate::transaction::{Granted, Stream};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// What is asked for: a primary key and the values that select a variant, as far as they are known.
pub(super) type Wanted = (u128, u128, bool);

/// How many keys are remembered as uncacheable at most.
const MOST_MARKS: usize = 4096;

/// One answer being asked for.
struct Flight {
    leader: Stream,
    waiters: VecDeque<Stream>,
}

/// All answers being asked for.
#[derive(Default)]
pub(super) struct Flights {
    flights: HashMap<Wanted, Flight>,
    /// What each leader leads.
    leaders: HashMap<Stream, Wanted>,
    /// The leases of streams, leaders or not.
    leases: HashMap<Stream, Granted>,
    /// What nobody waits for, and until when.
    uncacheable: HashMap<Wanted, Instant>,
}

impl Flights {
    /// Joins who asks already, or leads from now on. `true` when it waits.
    pub(super) fn join(&mut self, wanted: Wanted, stream: Stream) -> bool {
        match self.flights.get_mut(&wanted) {
            Some(flight) => {
                flight.waiters.push_back(stream);
                true
            }
            None => {
                self.flights.insert(wanted, Flight { leader: stream, waiters: VecDeque::new() });
                self.leaders.insert(stream, wanted);
                false
            }
        }
    }

    /// Leads from now on, unless somebody does already.
    pub(super) fn lead(&mut self, wanted: Wanted, stream: Stream) {
        self.flights.entry(wanted).or_insert_with(|| {
            self.leaders.insert(stream, wanted);
            Flight { leader: stream, waiters: VecDeque::new() }
        });
    }

    /// Whether anything is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.leaders.is_empty() && self.leases.is_empty()
    }

    /// Ends what `stream` leads; those that wait for it.
    pub(super) fn end(&mut self, stream: Stream) -> Vec<Stream> {
        let wanted = self.leaders.remove(&stream);
        let flight = wanted.and_then(|wanted| self.flights.remove(&wanted));
        flight.map(|flight| flight.waiters.into()).unwrap_or_default()
    }

    /// Lets the next one lead what `stream` led. `None` when there is none: then the flight is over.
    pub(super) fn promote(&mut self, stream: Stream) -> Option<Stream> {
        let wanted = self.leaders.remove(&stream)?;
        let flight = self.flights.get_mut(&wanted)?;
        match flight.waiters.pop_front() {
            Some(next) => {
                flight.leader = next;
                self.leaders.insert(next, wanted);
                Some(next)
            }
            None => {
                self.flights.remove(&wanted);
                None
            }
        }
    }

    /// Forgets a stream that waits no longer.
    pub(super) fn leave(&mut self, stream: Stream, wanted: Wanted) {
        if let Some(flight) = self.flights.get_mut(&wanted) {
            // They leave in the order in which they came, as a rule.
            let at = flight.waiters.iter().position(|waiter| *waiter == stream);
            let _ = at.and_then(|at| flight.waiters.remove(at));
        }
    }

    /// What `stream` leads.
    pub(super) fn led(&self, stream: Stream) -> Option<Wanted> {
        self.leaders.get(&stream).copied()
    }

    /// Books a lease, or the wish for one.
    pub(super) fn grant(&mut self, stream: Stream, granted: Granted) {
        self.leases.insert(stream, granted);
    }

    /// The lease of a stream.
    pub(super) fn lease(&self, stream: Stream) -> Option<&Granted> {
        self.leases.get(&stream)
    }

    /// Takes the lease of a stream away from it.
    pub(super) fn take_lease(&mut self, stream: Stream) -> Option<Granted> {
        self.leases.remove(&stream)
    }

    /// Takes back where the log stood when a lease was granted: what was fetched since is older than a ban. Whoever has the
    /// lease next asks for it anew.
    pub(super) fn unplace(&mut self, stream: Stream) {
        if let Some(granted) = self.leases.get_mut(&stream) {
            granted.position = None;
        }
    }

    /// The streams with leases.
    pub(super) fn holders(&self) -> Vec<Stream> {
        self.leases.keys().copied().collect()
    }

    /// The leases that are due to be renewed, a third of their life after the last time; counted as renewed from now on.
    pub(super) fn renewals(&mut self, life: Duration, now: Instant) -> Vec<Granted> {
        let due = self.leases.values_mut();
        let due = due
            .filter(|granted| granted.position.is_some() && granted.is_owed() && now.since(granted.since) >= life / 3);
        due.map(|granted| {
            granted.since = now;
            granted.clone()
        })
        .collect()
    }

    /// Remembers that nobody should wait for this.
    pub(super) fn mark(&mut self, wanted: Wanted, until: Instant, now: Instant) {
        if self.uncacheable.len() >= MOST_MARKS {
            self.uncacheable.retain(|_, until| now < *until);
        }
        if self.uncacheable.len() < MOST_MARKS {
            self.uncacheable.insert(wanted, until);
        }
    }

    /// Whether nobody should wait for this.
    pub(super) fn is_marked(&mut self, wanted: Wanted, now: Instant) -> bool {
        let marked = self.uncacheable.get(&wanted).map(|until| now < *until);
        if marked == Some(false) {
            self.uncacheable.remove(&wanted);
        }
        marked == Some(true)
    }
}
