//! Stories: workers that come, go, die and race.

use super::*;
use crate::redis::breaker::tests::Slots;
use crate::shared::Conflict;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn worker(slots: &mut Slots, id: u64) -> Siblings {
    let mut siblings = Siblings::new("p");
    siblings.prepare(slots);
    siblings.enlist(id, u32::try_from(id).unwrap() * 10);
    siblings
}

/// `millis` after a start.
fn at(millis: u64) -> Instant {
    Instant(1_000_000_000).after(Duration::from_millis(millis))
}

/// Shared data of which somebody else changes a slot just before the next write.
struct Raced<'a>(&'a mut Slots, Option<(&'static str, Vec<u8>)>);

impl Shared for Raced<'_> {
    fn get(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        self.0.get(name)
    }

    fn set(&mut self, name: &str, bytes: &[u8], version: Option<u32>) -> Result<(), Conflict> {
        if let Some((slot, rival)) = self.1.take() {
            self.0.set(slot, &rival, None)?;
        }
        self.0.set(name, bytes, version)
    }
}

#[test]
fn workers_know_the_queues_of_the_others() {
    let mut slots = Slots::default();
    let [one, two, three] = [1, 2, 3].map(|id| worker(&mut slots, id));
    [&one, &two, &three].into_iter().for_each(|worker| worker.keep(&mut slots, at(0)));
    assert_eq!(one.others(&slots, at(5)), [20, 30]);
    assert_eq!(two.others(&slots, at(5)), [10, 30]);
    assert_eq!(Siblings::new("p").others(&slots, at(5)), [10, 20, 30]);
    assert!(Siblings::new("q").others(&slots, at(5)).is_empty(), "another plugin");
}

#[test]
fn a_worker_without_a_name_is_not_told_and_does_not_lead() {
    let mut slots = Slots::default();
    let nobody = Siblings::new("p");
    nobody.prepare(&mut slots);
    nobody.keep(&mut slots, at(0));
    assert!(!nobody.leads(&mut slots, at(0)));
    assert!(Siblings::new("p").others(&slots, at(0)).is_empty());
}

#[test]
fn one_that_is_not_seen_any_more_is_gone() {
    let mut slots = Slots::default();
    let [one, two] = [1, 2].map(|id| worker(&mut slots, id));
    [&one, &two].into_iter().for_each(|worker| worker.keep(&mut slots, at(0)));
    assert_eq!(one.others(&slots, at(9_999)), [20]);
    assert!(one.others(&slots, at(10_000)).is_empty());
    one.keep(&mut slots, at(10_000));
    assert_eq!(one.members(&slots).0.len(), 1, "and off the list");
    two.keep(&mut slots, at(10_000));
    assert_eq!(one.others(&slots, at(10_000)), [20], "until it comes back");
}

#[test]
fn a_name_is_renewed_when_it_is_a_second_old() {
    let mut slots = Slots::default();
    let mut one = worker(&mut slots, 1);
    one.keep(&mut slots, at(0));
    let writes = slots.writes;
    one.keep(&mut slots, at(999));
    assert_eq!(slots.writes, writes);
    one.keep(&mut slots, at(1_000));
    assert_eq!(slots.writes, writes + 1);
    one.enlist(1, 11);
    one.keep(&mut slots, at(1_001));
    assert_eq!(Siblings::new("p").others(&slots, at(1_001)), [11], "or when the queue is another");
}

#[test]
fn a_clock_that_was_set_back_is_survived() {
    let mut slots = Slots::default();
    let [one, two] = [1, 2].map(|id| worker(&mut slots, id));
    [&one, &two].into_iter().for_each(|worker| worker.keep(&mut slots, at(60_000)));
    assert!(one.leads(&mut slots, at(60_000)));
    assert!(two.others(&slots, at(0)).is_empty());
    [&one, &two].into_iter().for_each(|worker| worker.keep(&mut slots, at(0)));
    assert_eq!((one.others(&slots, at(1)), two.others(&slots, at(1))), (vec![20], vec![10]));
    assert!(two.leads(&mut slots, at(0)), "no lease lasts so long");
}

#[test]
fn the_list_is_bounded() {
    let mut slots = Slots::default();
    for id in 0..300 {
        worker(&mut slots, id).keep(&mut slots, at(0));
    }
    assert_eq!(Siblings::new("p").others(&slots, at(0)).len(), MOST);
    assert_eq!(slots.get("fingerprint-cache/1/workers/p").map(|(bytes, _)| bytes.len()), Some(MOST * RECORD));
}

#[test]
fn a_worker_that_comes_at_the_same_time_is_not_lost() {
    let mut slots = Slots::default();
    let one = worker(&mut slots, 1);
    let rival = Member { id: 2, queue: 20, seen: at(0) }.bytes().to_vec();
    one.keep(&mut Raced(&mut slots, Some(("fingerprint-cache/1/workers/p", rival))), at(0));
    assert_eq!(Siblings::new("p").others(&slots, at(0)), [20, 10]);
    slots.conflicts = 99;
    worker(&mut slots, 3).keep(&mut slots, at(0));
    assert_eq!(slots.conflicts, 99 - TRIES, "and nobody tries for ever");
}

#[test]
fn one_leads_while_it_asks() {
    let mut slots = Slots::default();
    let [one, two] = [1, 2].map(|id| worker(&mut slots, id));
    assert!(one.leads(&mut slots, at(0)));
    for millis in [0, 1_900, 3_800, 5_799] {
        assert!(!two.leads(&mut slots, at(millis)));
        if millis < 5_000 {
            assert!(one.leads(&mut slots, at(millis)));
        }
    }
    assert!(two.leads(&mut slots, at(5_800)), "two seconds after it was last asked");
    assert!(!one.leads(&mut slots, at(5_800)));
}

#[test]
fn of_two_that_take_a_lease_one_gets_it() {
    let mut slots = Slots::default();
    let one = worker(&mut slots, 1);
    let rival = lease_bytes(2, at(2_000)).to_vec();
    assert!(!one.leads(&mut Raced(&mut slots, Some(("fingerprint-cache/1/poller/p", rival))), at(0)));
    let own = lease_bytes(1, at(2_001)).to_vec();
    assert!(one.leads(&mut Raced(&mut slots, Some(("fingerprint-cache/1/poller/p", own))), at(2_000)));
    slots.conflicts = 99;
    assert!(!one.leads(&mut slots, at(2_100)));
    assert_eq!(slots.conflicts, 99 - TRIES);
}

#[test]
fn one_that_leaves_leads_no_more_and_is_not_told() {
    let mut slots = Slots::default();
    let [mut one, mut two] = [1, 2].map(|id| worker(&mut slots, id));
    [&one, &two].into_iter().for_each(|worker| worker.keep(&mut slots, at(0)));
    assert!(one.leads(&mut slots, at(0)));
    two.resign(&mut slots);
    assert!(one.others(&slots, at(1)).is_empty());
    two.enlist(2, 20);
    assert!(!two.leads(&mut slots, at(1)), "not its own lease");
    one.resign(&mut slots);
    assert!(!one.leads(&mut slots, at(1)));
    assert!(two.leads(&mut slots, at(1)));
}

#[test]
fn anything_may_stand_there() {
    let mut slots = Slots::default();
    let one = worker(&mut slots, 1);
    for bytes in [&[0xff; 19][..], &[0; 1], &[0xff; 16], &[0xff; 6_001]] {
        for slot in ["fingerprint-cache/1/workers/p", "fingerprint-cache/1/poller/p"] {
            slots.set(slot, bytes, None).unwrap();
        }
        assert!(one.others(&slots, at(0)).is_empty());
        one.keep(&mut slots, at(0));
        assert_eq!(Siblings::new("p").others(&slots, at(0)), [10]);
        assert!(one.leads(&mut slots, at(0)));
    }
}

#[test]
fn what_is_there_is_not_made_again() {
    let mut slots = Slots::default();
    let one = worker(&mut slots, 1);
    one.keep(&mut slots, at(0));
    assert!(one.leads(&mut slots, at(0)));
    let two = worker(&mut slots, 2);
    assert_eq!(two.others(&slots, at(0)), [10]);
    assert!(!two.leads(&mut slots, at(0)));
}
