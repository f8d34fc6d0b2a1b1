//! Stops calling an L2 that does not answer, and tries it with one call at a time until it does.
//!
//! Its state is a few bytes that all workers of one Envoy share, so one worker's experience spares the others theirs.
//! Losing those bytes costs a few calls, nothing else.

use crate::shared::Shared;
use crate::time::Instant;
use std::time::Duration;

/// How many calls in a row must fail before it opens.
const FAILURES: u32 = 5;
/// How long it first stays open; doubled with every try.
const FIRST: Duration = Duration::from_millis(500);
/// How often an open breaker at least lets a try through.
const LONGEST: Duration = Duration::from_secs(10);

/// What all workers know of L2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// Failures in a row, saturating; open, [`FAILURES`] and the tries since.
    failures: u32,
    /// No call before this moment, unless the breaker is closed.
    until: Instant,
}

/// The breaker of one plugin.
#[derive(Debug)]
pub struct Breaker {
    slot: String,
}

/// What a call's end did to the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It lets calls through as before, or still does not.
    None,
    /// It has just opened.
    Opened,
    /// It has just closed.
    Closed,
}

impl Breaker {
    /// The breaker of the plugin called `name`, in one slot of the shared data.
    pub fn new(name: &str) -> Self {
        Self { slot: format!("fingerprint-cache/1/breaker/{name}") }
    }

    /// Makes the slot, where it is missing. The host does not make creation atomic, so this belongs into start-up.
    pub fn prepare(&self, shared: &mut dyn Shared) {
        if shared.get(&self.slot).is_none() {
            let _ = shared.set(&self.slot, &State::default().bytes(), None);
        }
    }

    /// Whether calls go through as usual.
    pub fn closed(&self, shared: &dyn Shared) -> bool {
        self.read(shared).0.failures < FAILURES
    }

    /// Whether a call may go out now. Open, it admits one try each time its pause is over, whoever comes first.
    pub fn admits(&self, shared: &mut dyn Shared, now: Instant) -> bool {
        let (state, version) = self.read(shared);
        if state.failures < FAILURES {
            return true;
        }
        // A moment further away than any pause is no moment of this Envoy's clock.
        let waiting = now < state.until && state.until < now.after(LONGEST + LONGEST);
        // The try counts as failed until it is answered.
        !waiting && shared.set(&self.slot, &state.failed(now).bytes(), version).is_ok()
    }

    /// Books how a call ended.
    pub fn record(&self, shared: &mut dyn Shared, answered: bool, now: Instant) -> Change {
        const TRIES: usize = 3;
        for _ in 0..TRIES {
            let (state, version) = self.read(shared);
            // Calls that were under way when it opened end one after the other, and say nothing new.
            let known = if answered { state.failures == 0 } else { state.failures >= FAILURES };
            if known {
                return Change::None;
            }
            let next = if answered { State::default() } else { state.failed(now) };
            if shared.set(&self.slot, &next.bytes(), version).is_ok() {
                return change(state, next);
            }
        }
        Change::None
    }

    fn read(&self, shared: &dyn Shared) -> (State, Option<u32>) {
        let (bytes, version) = shared.get(&self.slot).unwrap_or_default();
        (State::parse(&bytes).unwrap_or_default(), version)
    }
}

fn change(before: State, after: State) -> Change {
    match (before.failures >= FAILURES, after.failures >= FAILURES) {
        (false, true) => Change::Opened,
        (true, false) => Change::Closed,
        _ => Change::None,
    }
}

impl State {
    fn failed(self, now: Instant) -> Self {
        Self { failures: self.failures.saturating_add(1), ..self }.paused(now)
    }

    fn paused(self, now: Instant) -> Self {
        let doublings = self.failures.saturating_sub(FAILURES).min(16);
        let pause = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        Self { until: now.after(pause), ..self }
    }

    fn bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let (failures, until) = bytes.split_at_mut(4);
        failures.copy_from_slice(&self.failures.to_le_bytes());
        until.copy_from_slice(&self.until.0.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (failures, until) = bytes.split_first_chunk::<4>()?;
        Some(Self {
            failures: u32::from_le_bytes(*failures),
            until: Instant(u64::from_le_bytes(until.try_into().ok()?)),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
