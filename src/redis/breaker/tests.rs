//! Stories: one worker, or two that share their experience.

use super::*;
use crate::shared::Conflict;
use std::collections::HashMap;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The host's shared data, its faults included: a name that does not exist is created whatever version is named.
#[derive(Default)]
pub(crate) struct Slots {
    slots: HashMap<String, (Vec<u8>, u32)>,
    /// How many of the next writes come just after somebody else's, made since the version was read.
    pub(crate) conflicts: usize,
    /// What the first of them writes; else what is there.
    rival: Option<Vec<u8>>,
    pub(crate) writes: usize,
}

impl Shared for Slots {
    fn get(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        self.slots.get(name).map(|(bytes, version)| (bytes.clone(), Some(*version)))
    }

    fn set(&mut self, name: &str, bytes: &[u8], version: Option<u32>) -> Result<(), Conflict> {
        if let Some((known, version)) = self.slots.get_mut(name).filter(|_| self.conflicts > 0) {
            self.conflicts -= 1;
            *version += 1;
            *known = self.rival.take().unwrap_or_else(|| known.clone());
        }
        let known = self.slots.get(name).map(|(_, version)| *version);
        if known.is_some() && version.is_some() && version != known {
            return Err(Conflict);
        }
        self.writes += 1;
        self.slots.insert(name.to_owned(), (bytes.to_vec(), known.unwrap_or(0) + 1));
        Ok(())
    }
}

/// A breaker and its slot at a moment.
struct Bench {
    breaker: Breaker,
    slots: Slots,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let (breaker, mut slots) = (Breaker::new("p"), Slots::default());
        breaker.prepare(&mut slots);
        Self { breaker, slots, now: Instant(1_000_000_000) }
    }

    /// One whose last call has just opened it.
    fn open() -> Self {
        let mut bench = Self::new();
        let changes: Vec<Change> = (0..5).map(|_| bench.fails()).collect();
        assert_eq!(changes, [Change::None, Change::None, Change::None, Change::None, Change::Opened]);
        bench
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
    }

    fn admits(&mut self) -> bool {
        self.breaker.admits(&mut self.slots, self.now)
    }

    fn fails(&mut self) -> Change {
        self.breaker.record(&mut self.slots, false, self.now)
    }

    fn answers(&mut self) -> Change {
        self.breaker.record(&mut self.slots, true, self.now)
    }
}

#[test]
fn it_opens_after_five_failures_in_a_row() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(bench.fails(), Change::None);
            assert!(bench.admits() && bench.breaker.closed(&bench.slots));
        }
        assert_eq!(bench.answers(), Change::None, "one answer, and the row begins again");
    }
    let mut bench = Bench::open();
    assert!(!bench.admits() && !bench.breaker.closed(&bench.slots));
}

#[test]
fn success_costs_no_write() {
    let mut bench = Bench::new();
    let before = bench.slots.writes;
    for _ in 0..10 {
        assert!(bench.admits());
        assert_eq!(bench.answers(), Change::None);
    }
    assert_eq!(bench.slots.writes, before);
}

#[test]
fn open_it_admits_one_try_each_pause_and_the_pauses_grow() {
    let mut bench = Bench::open();
    for pause in [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000] {
        bench.wait(pause - 1);
        assert!(!bench.admits(), "before {pause} ms");
        bench.wait(1);
        assert!(bench.admits(), "after {pause} ms");
        assert!(!bench.admits(), "one try only");
        assert_eq!(bench.fails(), Change::None);
        assert!(!bench.breaker.closed(&bench.slots));
    }
}

#[test]
fn a_try_that_is_answered_closes_it() {
    let mut bench = Bench::open();
    bench.wait(500);
    assert!(bench.admits());
    assert_eq!(bench.answers(), Change::Closed);
    assert!(bench.admits() && bench.breaker.closed(&bench.slots));
    assert_eq!(bench.answers(), Change::None);
    for _ in 0..4 {
        assert_eq!(bench.fails(), Change::None);
    }
    assert_eq!(bench.fails(), Change::Opened);
    bench.wait(499);
    assert!(!bench.admits());
    bench.wait(1);
    assert!(bench.admits(), "the first pause is short again");
}

/// A hundred calls were under way when Redis stopped. Their ends say no more than the first five.
#[test]
fn calls_that_end_late_do_not_lengthen_the_pause() {
    let mut bench = Bench::open();
    for _ in 0..100 {
        bench.wait(1);
        assert_eq!(bench.fails(), Change::None);
    }
    bench.wait(399);
    assert!(!bench.admits());
    bench.wait(1);
    assert!(bench.admits());
}

#[test]
fn a_try_that_is_never_heard_of_is_followed_by_another() {
    let mut bench = Bench::open();
    bench.wait(500);
    assert!(bench.admits());
    bench.wait(999);
    assert!(!bench.admits());
    bench.wait(1);
    assert!(bench.admits());
}

#[test]
fn two_workers_share_one_row_of_failures_and_one_try() {
    let mut bench = Bench::new();
    let other = Breaker::new("p");
    other.prepare(&mut bench.slots);
    for _ in 0..2 {
        assert_eq!(bench.fails(), Change::None);
        assert_eq!(other.record(&mut bench.slots, false, bench.now), Change::None);
    }
    assert_eq!(other.record(&mut bench.slots, false, bench.now), Change::Opened);
    bench.wait(500);
    assert!(bench.admits());
    assert!(!other.admits(&mut bench.slots, bench.now));
    assert_eq!(other.record(&mut bench.slots, true, bench.now), Change::Closed, "whoever hears of it first");
    assert_eq!(bench.answers(), Change::None, "and only once");
}

/// Both read that the pause is over before either writes: the version decides.
#[test]
fn of_two_that_race_for_a_try_one_gets_it() {
    let mut bench = Bench::open();
    bench.wait(500);
    bench.slots.conflicts = 1;
    assert!(!bench.admits(), "somebody else was faster");
    assert!(bench.admits());
}

#[test]
fn a_lost_race_does_not_lose_the_news() {
    let mut bench = Bench::open();
    bench.slots.conflicts = 2;
    assert_eq!(bench.answers(), Change::Closed);
    bench.slots.conflicts = 2;
    assert_eq!(bench.fails(), Change::None);
    assert_eq!(State::parse(&bench.slots.get(&bench.breaker.slot).unwrap().0).unwrap().failures, 1);
    bench.slots.conflicts = 99;
    assert_eq!(bench.fails(), Change::None, "and no race is run for ever");
}

#[test]
fn two_failures_at_once_are_two() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.fails();
    }
    let fourth = State { failures: 4, until: bench.now };
    bench.slots.rival = Some(fourth.bytes().to_vec());
    bench.slots.conflicts = 1;
    assert_eq!(bench.fails(), Change::Opened);
}

#[test]
fn plugins_do_not_share_their_experience() {
    let mut bench = Bench::open();
    let other = Breaker::new("q");
    other.prepare(&mut bench.slots);
    assert!(other.admits(&mut bench.slots, bench.now) && other.closed(&bench.slots));
}

#[test]
fn preparing_again_forgets_nothing() {
    let mut bench = Bench::open();
    bench.breaker.prepare(&mut bench.slots);
    assert!(!bench.admits());
}

#[test]
fn without_a_slot_calls_go_through() {
    let (breaker, mut slots) = (Breaker::new("p"), Slots::default());
    assert!(breaker.closed(&slots) && breaker.admits(&mut slots, Instant(0)));
    let changes: Vec<Change> = (0..5).map(|_| breaker.record(&mut slots, false, Instant(0))).collect();
    assert_eq!(changes.last(), Some(&Change::Opened), "the first write makes the slot");
}

#[test]
fn bytes_of_somebody_else_are_an_unopened_breaker() {
    for bytes in [&b""[..], b"x", &[0xff; 11], &[0xff; 13], &[0; 100]] {
        let mut bench = Bench::new();
        bench.slots.set(&bench.breaker.slot, bytes, None).unwrap();
        assert!(bench.breaker.closed(&bench.slots) && bench.admits(), "{bytes:?}");
        assert_eq!(bench.fails(), Change::None);
        assert!(bench.admits());
    }
}

/// Twelve bytes that mean nonsense: no state keeps L2 shut out for longer than a pause.
#[test]
fn no_state_lasts() {
    for failures in [5, 6, 40, u32::MAX] {
        for until in [0, 1, 1_000_000_000, 1_009_999_999, u64::MAX - 1, u64::MAX] {
            let mut bench = Bench::new();
            let state = State { failures, until: Instant(until) };
            bench.slots.set(&bench.breaker.slot, &state.bytes(), None).unwrap();
            bench.wait(10_000);
            assert!(bench.admits(), "{state:?}");
            assert!(!bench.admits(), "{state:?}");
            assert_eq!(bench.answers(), Change::Closed, "{state:?}");
        }
    }
    let mut bench = Bench::open();
    bench.now = Instant(0);
    assert!(bench.admits(), "the wall clock was set back by far");
}

#[test]
fn a_state_survives_its_bytes() {
    for state in [State::default(), State { failures: 7, until: Instant(1 << 40) }] {
        assert_eq!(State::parse(&state.bytes()), Some(state));
    }
}
