//! When the next request may go: evenly, and not at all while the origin wants to be left alone.

use std::time::Duration;

/// The pace of all requests together. Times count from the start of the run.
#[derive(Clone, Debug)]
pub struct Pace {
    interval: Duration,
    next: Duration,
    held: Duration,
}

impl Pace {
    /// So many requests a second.
    pub fn new(rate: f64) -> Self {
        let interval = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX);
        Self { interval, next: Duration::ZERO, held: Duration::ZERO }
    }

    /// Takes a place: when its request may go.
    pub fn reserve(&mut self, now: Duration) -> Duration {
        let at = now.max(self.next).max(self.held);
        self.next = at.saturating_add(self.interval);
        at
    }

    /// Lets nobody go before `until`. Who has a place before takes another one.
    pub fn hold(&mut self, until: Duration) {
        self.held = self.held.max(until);
    }

    /// Whether a place that was taken still counts.
    pub fn may_go(&self, at: Duration) -> bool {
        at >= self.held
    }
}

/// How long to leave a URL alone after so many tries: from half a second, doubled each time, to 30 s, and by `chance` up to
/// half as long again; longer where the origin says so.
pub fn backoff(tries: u32, after: Option<Duration>, chance: f64) -> Duration {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(30);
    let own = FIRST.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))).min(LONGEST);
    own.mul_f64(1.0 + 0.5 * chance.clamp(0.0, 1.0)).max(after.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn requests_go_evenly_and_unused_places_are_not_saved_up() {
        let mut pace = Pace::new(10.0);
        assert_eq!([0, 0, 150].map(|now| pace.reserve(ms(now))), [ms(0), ms(100), ms(200)]);
        assert_eq!([5000, 5000].map(|now| pace.reserve(ms(now))), [ms(5000), ms(5100)]);
    }

    #[test]
    fn a_hold_moves_those_who_have_a_place() {
        let mut pace = Pace::new(10.0);
        let place = pace.reserve(ms(0));
        pace.hold(ms(3000));
        pace.hold(ms(1000));
        assert!(!pace.may_go(place));
        assert_eq!([1, 1].map(|now| pace.reserve(ms(now))), [ms(3000), ms(3100)]);
        assert!(pace.may_go(ms(3000)));
    }

    #[test]
    fn the_origin_may_ask_for_more_time_and_not_for_less() {
        assert_eq!([1, 2, 3].map(|tries| backoff(tries, None, 0.0)), [ms(500), ms(1000), ms(2000)]);
        assert_eq!(backoff(1, Some(ms(9000)), 1.0), ms(9000));
        assert_eq!(backoff(1, Some(ms(10)), 1.0), ms(750));
        assert_eq!(backoff(u32::MAX, None, 0.0), ms(30_000));
    }
}
