//! Tables and stories: what is found, what leaves, in which order and why.

use super::*;
use crate::entry::tests::entry;
use crate::key::KeyBuilder;
use crate::key::tests::rule;
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Room for whatever a test does.
const AMPLE: Budget = Budget { entries: 1000, bytes: 1 << 20, ttl: Duration::from_secs(60) };

pub(super) fn key(name: &str) -> PrimaryKey {
    KeyBuilder::new(&rule(json!({})), 0, "GET", b"h", name.as_bytes()).build()
}

/// An entry under `name` for requests with this `accept`; `None` for one without variants.
pub(super) fn held(name: &str, accept: Option<&str>, body: usize, since: Instant) -> Held {
    let selecting = accept.map(|value| ("accept".to_owned(), Some(value.to_owned())));
    let entry = Entry {
        key: key(name).text().to_owned(),
        selecting: selecting.into_iter().collect(),
        headers: Vec::new(),
        body: vec![b'x'; body],
        cuts: Vec::new(),
        ..entry("")
    };
    Held {
        entry: Rc::new(entry),
        age_then: Duration::from_secs(3),
        since,
        rule: 9,
        uri: 5,
        begun: since,
        fill: None,
        checked: Rc::default(),
        stale: None,
    }
}

fn at(seconds: u64) -> Instant {
    Instant(seconds * 1_000_000)
}

fn accepting(value: &str) -> Headers {
    Headers::from([("accept", value)])
}

/// What was found, by the length of its body.
fn found(memory: &mut Memory, name: &str, accept: &str, now: Instant) -> Result<usize, &'static str> {
    match memory.find(&key(name), &accepting(accept), now) {
        Found::Entry(held) => Ok(held.entry.body.len()),
        Found::OtherVariant => Err("other variant"),
        Found::Nothing => Err("nothing"),
    }
}

fn put(memory: &mut Memory, held: Held) -> Vec<Eviction> {
    let digest = xxhash_rust::xxh3::xxh3_128(held.entry.key.as_bytes());
    memory.insert(digest, held).iter().map(|removed| removed.why).collect()
}

#[test]
fn an_entry_is_found_until_its_time_is_over() {
    let mut memory = Memory::new(AMPLE);
    assert_eq!(put(&mut memory, held("/a", None, 1, at(100))), []);
    assert_eq!(found(&mut memory, "/a", "x", at(100)), Ok(1));
    assert_eq!(found(&mut memory, "/b", "x", at(100)), Err("nothing"));
    assert_eq!(found(&mut memory, "/a", "x", Instant(159_999_999)), Ok(1));
    assert_eq!(found(&mut memory, "/a", "x", at(160)), Err("nothing"));
    let Found::Entry(held) = memory.find(&key("/a"), &Headers::default(), at(110)) else { panic!("nothing") };
    assert_eq!((held.age(at(110)), held.age(at(90)), held.rule), (Duration::from_secs(13), Duration::from_secs(3), 9));
    assert_eq!(held.age(Instant(u64::MAX)).as_secs(), u64::MAX / 1_000_000 - 100 + 3);
}

#[test]
fn variants_are_told_apart_and_the_newest_is_asked_first() {
    let mut memory = Memory::new(AMPLE);
    put(&mut memory, held("/a", Some("en"), 1, at(0)));
    put(&mut memory, held("/a", Some("de"), 2, at(0)));
    assert_eq!(found(&mut memory, "/a", "en", at(1)), Ok(1));
    assert_eq!(found(&mut memory, "/a", "de", at(1)), Ok(2));
    assert_eq!(found(&mut memory, "/a", "fr", at(1)), Err("other variant"));
    assert_eq!(put(&mut memory, held("/a", Some("en"), 3, at(1))), [Eviction::Replaced]);
    assert_eq!(found(&mut memory, "/a", "en", at(1)), Ok(3));
    assert_eq!(memory.entries(), 2);
    // The origin has stopped to tell them apart: its newest answer is for all.
    put(&mut memory, held("/a", None, 4, at(2)));
    assert_eq!(found(&mut memory, "/a", "en", at(2)), Ok(4));
    assert_eq!(found(&mut memory, "/a", "fr", at(2)), Ok(4));
}

#[test]
fn variants_over_their_time_are_no_variants() {
    let mut memory = Memory::new(AMPLE);
    put(&mut memory, held("/a", Some("en"), 1, at(0)));
    put(&mut memory, held("/a", Some("de"), 2, at(30)));
    assert_eq!(found(&mut memory, "/a", "en", at(60)), Err("other variant"));
    assert_eq!(found(&mut memory, "/a", "en", at(90)), Err("nothing"));
}

#[test]
fn a_key_has_so_many_variants_and_the_oldest_makes_room() {
    let mut memory = Memory::new(AMPLE);
    let add = |memory: &mut Memory, number: usize| put(memory, held("/a", Some(&format!("v{number}")), number, at(0)));
    for number in 0..MAX_VARIANTS {
        assert_eq!(add(&mut memory, number), []);
    }
    assert_eq!(add(&mut memory, 100), [Eviction::Replaced]);
    assert_eq!(memory.entries(), MAX_VARIANTS);
    assert_eq!(found(&mut memory, "/a", "v0", at(0)), Err("other variant"));
    assert_eq!(found(&mut memory, "/a", "v1", at(0)), Ok(1));
    assert_eq!(add(&mut memory, 1), [Eviction::Replaced], "its own place is free");
    assert_eq!(memory.entries(), MAX_VARIANTS);
}

#[test]
fn the_least_recently_used_key_goes_first() {
    let mut memory = Memory::new(Budget { entries: 3, ..AMPLE });
    for name in ["/a", "/b", "/c"] {
        assert_eq!(put(&mut memory, held(name, None, 1, at(0))), []);
    }
    assert!(found(&mut memory, "/a", "", at(0)).is_ok());
    assert_eq!(put(&mut memory, held("/d", None, 1, at(0))), [Eviction::Capacity]);
    assert_eq!(found(&mut memory, "/b", "", at(0)), Err("nothing"));
    // To be replaced is to be used.
    put(&mut memory, held("/c", None, 2, at(0)));
    assert_eq!(put(&mut memory, held("/e", None, 1, at(0))), [Eviction::Capacity]);
    assert_eq!(found(&mut memory, "/a", "", at(0)), Err("nothing"));
    assert_eq!(found(&mut memory, "/c", "", at(0)), Ok(2));
    assert_eq!(memory.entries(), 3);
}

#[test]
fn the_bytes_are_a_budget_too() {
    let weight = held("/a", None, 1000, at(0)).entry.weight();
    let mut memory = Memory::new(Budget { bytes: 20 * weight, ..AMPLE });
    for number in 10..30 {
        assert_eq!(put(&mut memory, held(&format!("/{number}"), None, 999, at(0))), []);
    }
    assert_eq!(put(&mut memory, held("/30", None, 999, at(0))), [Eviction::Capacity]);
    assert_eq!((memory.entries(), memory.bytes()), (20, 20 * weight));
    assert_eq!(put(&mut memory, held("/31", None, 1000, at(0))), [Eviction::Capacity, Eviction::Capacity]);
    assert_eq!((memory.entries(), memory.bytes()), (19, 19 * weight + 1));
    assert!(found(&mut memory, "/31", "", at(0)).is_ok());
}

#[test]
fn one_entry_is_at_most_a_tenth_of_all() {
    let weight = held("/a", None, 1000, at(0)).entry.weight();
    let mut memory = Memory::new(Budget { bytes: 10 * weight, ..AMPLE });
    assert_eq!(put(&mut memory, held("/a", None, 1000, at(0))), []);
    // It replaces the old answer all the same: that one is not the newest any more.
    assert_eq!(put(&mut memory, held("/a", None, 1001, at(0))), [Eviction::Replaced]);
    assert_eq!((memory.entries(), memory.bytes()), (0, 0));
    assert_eq!(found(&mut memory, "/a", "", at(0)), Err("nothing"));
}

#[test]
fn a_key_with_many_large_variants_gives_up_the_oldest_of_them() {
    let weight = held("/a", Some("v00"), 1000, at(0)).entry.weight();
    let mut memory = Memory::new(Budget { bytes: 10 * weight, ..AMPLE });
    for number in 10..20 {
        assert_eq!(put(&mut memory, held("/a", Some(&format!("v{number}")), 1000, at(0))), []);
    }
    assert_eq!(put(&mut memory, held("/a", Some("v20"), 1000, at(0))), [Eviction::Capacity]);
    assert_eq!(found(&mut memory, "/a", "v10", at(0)), Err("other variant"));
    assert_eq!(found(&mut memory, "/a", "v20", at(0)), Ok(1000));
    assert_eq!(memory.entries(), 10);
}

/// Two texts with one digest: neither answers for the other, and there is no more than one of them.
#[test]
fn a_digest_is_not_trusted() {
    let mut memory = Memory::new(AMPLE);
    let digest = key("/a").digest();
    memory.insert(digest, held("/other", None, 1, at(0)));
    assert_eq!(found(&mut memory, "/a", "", at(0)), Err("nothing"));
    let removed = memory.insert(digest, held("/a", Some("en"), 2, at(0)));
    assert_eq!(removed.iter().map(|removed| removed.why).collect::<Vec<_>>(), [Eviction::Replaced]);
    assert_eq!(found(&mut memory, "/a", "en", at(0)), Ok(2));
    assert_eq!(memory.entries(), 1);
}

#[test]
fn a_smaller_budget_keeps_what_was_used_last() {
    let mut memory = Memory::new(AMPLE);
    for name in ["/a", "/b", "/c", "/d"] {
        put(&mut memory, held(name, None, 1, at(0)));
    }
    assert!(found(&mut memory, "/a", "", at(0)).is_ok());
    let removed = memory.rebudget(Budget { entries: 2, ..AMPLE });
    assert_eq!(removed.len(), 2);
    assert!(removed.iter().all(|removed| (removed.why, removed.rule) == (Eviction::Capacity, 9)));
    assert!(found(&mut memory, "/a", "", at(0)).is_ok() && found(&mut memory, "/d", "", at(0)).is_ok());
    assert!(memory.rebudget(Budget { ttl: Duration::from_secs(1), ..AMPLE }).is_empty());
    assert_eq!(found(&mut memory, "/a", "", at(1)), Err("nothing"));
    assert_eq!(memory.rebudget(Budget { bytes: 0, ..AMPLE }).len(), 2);
    assert_eq!((memory.entries(), memory.bytes()), (0, 0));
}

#[test]
fn a_sweep_takes_what_is_over_its_time_and_looks_no_further_than_told() {
    let mut memory = Memory::new(AMPLE);
    put(&mut memory, held("/a", Some("en"), 1, at(0)));
    put(&mut memory, held("/a", Some("de"), 2, at(30)));
    put(&mut memory, held("/b", None, 3, at(0)));
    put(&mut memory, held("/c", None, 4, at(30)));
    assert_eq!(memory.sweep(at(59), 10), []);
    let weight = held("/a", Some("en"), 1, at(0)).entry.weight();
    assert_eq!(memory.sweep(at(60), 1), [Removed { rule: 9, bytes: weight, why: Eviction::Expired }]);
    assert_eq!(memory.sweep(at(60), 0), []);
    assert_eq!(memory.sweep(at(60), 2).len(), 1);
    assert_eq!(found(&mut memory, "/a", "de", at(60)), Ok(2));
    assert_eq!(memory.sweep(at(90), 10).len(), 2);
    assert_eq!((memory.entries(), memory.bytes()), (0, 0));
}

/// A sweep is no use: what it looks at does not become younger in the order of leaving.
#[test]
fn a_sweep_does_not_change_the_order() {
    let mut memory = Memory::new(Budget { entries: 2, ..AMPLE });
    put(&mut memory, held("/a", None, 1, at(0)));
    put(&mut memory, held("/b", None, 1, at(0)));
    memory.sweep(at(1), 1);
    put(&mut memory, held("/c", None, 1, at(1)));
    assert_eq!(found(&mut memory, "/a", "", at(1)), Err("nothing"));
    assert!(found(&mut memory, "/b", "", at(1)).is_ok());
}

/// What was found and turned out to be invalid goes, and its other variants stay.
#[test]
fn one_entry_goes_or_all_do() {
    let mut memory = Memory::new(AMPLE);
    for (name, accept, body) in [("/a", "x", 1), ("/a", "y", 2), ("/b", "x", 3)] {
        put(&mut memory, held(name, Some(accept), body, at(0)));
    }
    let Found::Entry(found) = memory.find(&key("/a"), &accepting("x"), at(1)) else { panic!("nothing") };
    let found = found.clone();
    let whys = |removed: Vec<Removed>| removed.into_iter().map(|removed| removed.why).collect::<Vec<_>>();
    let digest = key("/a").digest();
    assert_eq!(whys(memory.discard(digest, &found)), [Eviction::Invalidated]);
    assert_eq!(whys(memory.discard(digest, &found)), [], "it is gone");
    assert_eq!((found_in(&mut memory, "x"), found_in(&mut memory, "y"), memory.entries()), (false, true, 2));
    assert_eq!(whys(memory.clear()), [Eviction::Invalidated; 2]);
    assert_eq!((memory.entries(), memory.bytes(), memory.clear().len()), (0, 0, 0));
}

fn found_in(memory: &mut Memory, accept: &str) -> bool {
    found(memory, "/a", accept, at(1)).is_ok()
}

/// Since it was said to be stale, whatever its lifetime; and no longer than that.
#[test]
fn what_is_said_to_be_stale_is_stale_from_then_on() {
    let freshness = Freshness { default: Some(Duration::from_secs(60)), ..Freshness::default() };
    let entry = Entry { explicit: None, ..entry("k") };
    let of = |since: u64| Held { entry: Rc::new(entry.clone()), ..held("/a", None, 1, at(100)) }.stale_from(at(since));
    assert_eq!(of(110).lifetime(&freshness), Duration::from_secs(13), "three seconds old when it came in");
    assert_eq!(of(1_000).lifetime(&freshness), Duration::from_secs(60));
    assert_eq!(of(98).lifetime(&freshness), Duration::from_secs(1), "from before it came in");
    assert_eq!(of(50).lifetime(&freshness), Duration::ZERO, "from before it was made");
}

/// Whoever looks at an entry once spares it to all others; moved on, it is looked at again.
#[test]
fn the_mark_of_a_look_is_shared() {
    let mut memory = Memory::new(AMPLE);
    memory.insert(key("/a").digest(), held("/a", None, 1, at(0)));
    let Found::Entry(found) = memory.find(&key("/a"), &Headers::default(), at(1)) else { panic!() };
    found.clone().checked.set(Some(7));
    let mark = |memory: &mut Memory| match memory.find(&key("/a"), &Headers::default(), at(1)) {
        Found::Entry(found) => found.checked.get(),
        other => panic!("{other:?}"),
    };
    assert_eq!(mark(&mut memory), Some(7));
    let from = entry("").position;
    let to = Position { epoch: "e".to_owned(), n: 9 };
    memory.move_on(5, &from, &to, |_| false);
    assert_eq!(mark(&mut memory), Some(7));
    memory.move_on(5, &from, &to, |_| true);
    assert_eq!(mark(&mut memory), None);
}
