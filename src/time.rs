//! Moments. There is no clock here: whoever calls the core says what time it is.

use std::time::Duration;

/// Wall-clock time, in milliseconds since the Unix epoch. Only compared with dates that HTTP messages carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A reading of the monotonic clock, in microseconds from an arbitrary start: all that lasts is measured on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);

impl Instant {
    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This moment, `by` later; saturates at the end of time.
    pub fn after(self, by: Duration) -> Self {
        let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

/// Both clocks, read together by the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// What the calendar says.
    pub wall: Timestamp,
    /// What the stopwatch says.
    pub mono: Instant,
}

impl Now {
    /// The wall clock as a stopwatch that all workers of one Envoy read alike: each VM's monotonic clock starts at its
    /// own zero. For pauses of seconds, where a step of the wall clock does no harm.
    pub fn common(self) -> Instant {
        Instant(self.wall.0.saturating_mul(1000))
    }
}
