//! Who takes over from whom, how long anybody waits, and what becomes of leases.

use super::bench::{Bench, get, ok, rule, with_redis};
use super::flights::{BOTH, begins};
use crate::metrics::LeaseEnd;
use crate::redis::Call;
use crate::transaction::{Event, Stream};
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Who asks for the lease in a lookup.
fn token(call: &Call) -> &str {
    &call.arguments[2]
}

// --- hand-over --------------------------------------------------------------------------------------------------------

/// A leader in a phase, and two who wait for it.
fn crowd(phase: &str) -> (Bench, Stream, [Stream; 2]) {
    let mut bench = Bench::with_l2(json!({}));
    bench.cut = true;
    let leader = bench.stream();
    bench.head(leader, &get("/a"));
    match phase {
        "lookup" => {}
        "parked" => {
            let mut other = bench.pod(&with_redis(json!([rule(json!({}))])));
            other.ask(&get("/a"), &ok("old"));
            other.settle();
            bench.go_on(leader);
        }
        "polling" => {
            let mut other = bench.pod(&with_redis(json!([rule(json!({}))])));
            other.leads(&get("/a"));
            bench.go_on(leader);
        }
        "filling" => {
            bench.go_on(leader);
            begins(&mut bench, leader);
        }
        _ => drop(bench.go_on(leader)),
    }
    assert_eq!(bench.phase(leader), phase);
    let others = [(); 2].map(|()| bench.waits(&get("/a")));
    (bench, leader, others)
}

#[test]
fn when_the_leader_leaves_the_next_takes_over() {
    for (phase, lookups) in [("lookup", 2), ("parked", 2), ("polling", 2), ("fetching", 1), ("filling", 1)] {
        let (mut bench, leader, [next, last]) = crowd(phase);
        bench.leaves(leader);
        assert_eq!((bench.wakes.as_slice(), bench.leased(LeaseEnd::HandedOver)), (&[next][..], 1), "{phase}");
        let _ = bench.wake(next);
        assert_eq!(bench.lookups.len(), lookups, "{phase}: who has the lease need not ask for it");
        let goes = if lookups == 1 || phase == "lookup" { "fetching" } else { phase };
        assert_eq!((bench.phase(next), bench.phase(last)), (goes, "waiting"), "{phase}");
        assert!(bench.leases.is_empty(), "{phase}: the lease goes with it");
        if goes == "fetching" {
            bench.respond(next, &ok("one"));
            assert_eq!(bench.woken(), [(last, "collapsed;origin")], "{phase}");
            assert_eq!(token(&bench.fills[0]).len(), "300000".len());
            assert_eq!(bench.fills[0].arguments[4], token(&bench.lookups[0]), "{phase}: under the first one's token");
            bench.settle();
            assert!(bench.is_quiet(), "{phase}");
        }
    }
}

#[test]
fn an_answer_of_trouble_is_for_its_own_client_alone() {
    for status in ["500", "503", "429"] {
        let mut bench = Bench::with_l2(json!({}));
        let first = bench.leads(&get("/a"));
        let [next, last] = [(); 2].map(|()| bench.waits(&get("/a")));
        bench.respond(first, &ok("trouble").with(":status", status));
        assert_eq!(bench.woken(), [(next, "origin")], "{status}");
        bench.respond(next, &ok("one"));
        assert_eq!(bench.woken(), [(last, "collapsed;origin")]);
        assert_eq!(bench.lookups.len(), 1);
    }
}

#[test]
fn an_answer_that_breaks_off_is_for_nobody() {
    let (mut bench, leader, [next, last]) = crowd("filling");
    bench.on(leader, Event::ResponseBody(b"wh"));
    bench.on(leader, Event::ResponseEnd);
    assert_eq!(bench.woken(), [(next, "origin")]);
    assert_eq!(bench.phase(last), "waiting");
}

/// The one that was to take over leaves before it is told: the lease goes on from there.
#[test]
fn a_successor_may_leave_before_its_turn() {
    let (mut bench, leader, [next, last]) = crowd("fetching");
    bench.leaves(leader);
    bench.leaves(next);
    assert_eq!(bench.wakes, [next, last]);
    assert_eq!(bench.woken(), [(next, "paused"), (last, "origin")]);
    assert_eq!(bench.lookups.len(), 1, "with the first one's lease");
    bench.leaves(last);
    bench.errands();
    assert!(bench.is_quiet(), "which the last one gives back");
}

#[test]
fn nobody_takes_over_where_nobody_waits() {
    for (phase, released) in [("lookup", 1), ("parked", 1), ("polling", 0), ("fetching", 1), ("filling", 1)] {
        let (mut bench, leader, others) = crowd(phase);
        others.into_iter().for_each(|other| bench.leaves(other));
        bench.leaves(leader);
        assert!(bench.wakes.is_empty() && bench.worker.flights.is_idle(), "{phase}");
        assert_eq!(bench.leases.len(), released, "{phase}");
        assert!(bench.leases.iter().all(|call| call.arguments[0] == "release"));
        assert_eq!(bench.leased(LeaseEnd::HandedOver), 0);
    }
}

/// A lease from before an invalidation fences nothing: it is asked for again, by its own token.
#[test]
fn a_lease_from_before_an_invalidation_is_asked_for_again() {
    let (mut bench, leader, [next, _]) = crowd("fetching");
    bench.leaves(leader);
    let now = bench.now.mono;
    bench.l2().tell("invalidate", "all", "", now);
    bench.cut = false;
    bench.wait(1);
    assert_eq!(bench.woken(), [(next, "origin")]);
    assert_eq!(bench.lookups.len(), 2);
    assert_eq!(token(&bench.lookups[0]), token(&bench.lookups[1]));
    bench.respond(next, &ok("new"));
    assert!(bench.fills[0].arguments[3].ends_with(":8"), "{:?}", bench.fills[0].arguments);
    bench.settle();
    assert_eq!(bench.l2().hashes.len(), 1);
}

/// What was read in an answer of Envoy's own, in the place of an origin's, is nobody's.
#[test]
fn envoys_own_answer_is_not_shared() {
    let mut bench = Bench::with_rule(json!({}));
    let first = bench.leads(&get("/a"));
    let next = bench.waits(&get("/a"));
    let headers = ok("x").headers.into_iter().collect();
    bench.on(first, Event::ResponseHead { headers, end: false, from_origin: false });
    assert_eq!(bench.woken(), [(next, "origin")]);
}

// --- time -------------------------------------------------------------------------------------------------------------

#[test]
fn nobody_waits_longer_than_that() {
    for bench in BOTH {
        let mut bench = bench();
        let first = bench.leads(&get("/a"));
        let early = bench.waits(&get("/a"));
        bench.pass(200);
        let late = bench.waits(&get("/a"));
        bench.pass(299);
        assert_eq!(bench.overdue(), []);
        bench.pass(1);
        assert_eq!(bench.overdue(), [(early, "origin")]);
        assert_eq!((bench.leased(LeaseEnd::TimedOut), bench.phase(late)), (1, "waiting"));
        bench.respond(early, &ok("one"));
        assert!(bench.wakes.is_empty() && bench.fills.is_empty(), "it went for itself");
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
        bench.respond(first, &ok("two"));
        assert_eq!(bench.woken(), [(late, "collapsed;origin")]);
    }
}

/// It has been told, but not woken yet.
#[test]
fn who_is_told_just_in_time_has_its_answer() {
    let mut bench = Bench::with_rule(json!({}));
    let first = bench.leads(&get("/a"));
    let other = bench.waits(&get("/a"));
    bench.respond(first, &ok("one"));
    bench.pass(500);
    assert_eq!(bench.overdue(), [(other, "collapsed;origin")]);
    assert_eq!(bench.woken(), [(other, "paused")], "it has moved on");
}

#[test]
fn all_waits_together_are_bounded() {
    let mut bench = Bench::with_rule(json!({}));
    let speaking = |language: &str| get("/a").with("accept-language", language);
    let first = bench.leads(&speaking("de"));
    let other = bench.waits(&speaking("en"));
    let second = bench.waits(&speaking("en"));
    bench.pass(400);
    bench.respond(first, &ok("gut").with("vary", "accept-language"));
    assert_eq!(bench.woken(), [(other, "origin"), (second, "paused")]);
    bench.pass(99);
    assert_eq!(bench.overdue(), []);
    bench.pass(1);
    assert_eq!(bench.overdue(), [(second, "origin")]);
}

/// What it was told to ask anew for it may not wait for again.
#[test]
fn who_is_told_too_late_asks_by_itself() {
    let mut bench = Bench::with_rule(json!({}));
    let first = bench.leads(&get("/a").with("accept", "x"));
    let others = [(); 2].map(|()| bench.waits(&get("/a").with("accept", "y")));
    bench.respond(first, &ok("one").with("vary", "accept"));
    bench.pass(500);
    assert_eq!(bench.overdue(), others.map(|stream| (stream, "origin")));
}

/// The origin tells variants apart by another header each time.
#[test]
fn nobody_waits_in_vain_for_ever() {
    let mut bench = Bench::with_rule(json!({}));
    let with = |values: [&str; 3]| {
        let names = ["x-a", "x-b", "x-c"].into_iter().zip(values);
        names.fold(get("/a"), |request, (name, value)| request.with(name, value))
    };
    let first = bench.leads(&with(["2", "2", "2"]));
    let waiting = [["1", "2", "2"], ["1", "1", "2"], ["1", "1", "1"], ["1", "1", "1"]];
    let [second, third, fourth, fifth] = waiting.map(|values| bench.waits(&with(values)));
    bench.respond(first, &ok("x").with("vary", "x-a"));
    assert_eq!(bench.woken(), [(second, "origin"), (third, "paused"), (fourth, "paused"), (fifth, "paused")]);
    bench.respond(second, &ok("x").with("vary", "x-b"));
    assert_eq!(bench.woken(), [(third, "origin"), (fourth, "paused"), (fifth, "paused")]);
    bench.respond(third, &ok("x").with("vary", "x-c"));
    assert_eq!(bench.woken(), [(fourth, "origin"), (fifth, "origin")], "the third time each asks by itself");
}

#[test]
fn who_leaves_is_not_waited_with() {
    let mut bench = Bench::with_rule(json!({}));
    let first = bench.leads(&get("/a"));
    let [gone, other] = [(); 2].map(|()| bench.waits(&get("/a")));
    bench.leaves(gone);
    bench.respond(first, &ok("one"));
    assert_eq!(bench.wakes, [other]);
}

// --- leases -----------------------------------------------------------------------------------------------------------

#[test]
fn a_lease_is_renewed_every_third_of_its_life_until_it_is_used() {
    let mut bench = Bench::with_l2(json!({}));
    let first = bench.leads(&get("/a"));
    bench.cut = true;
    let renewed = |bench: &mut Bench| {
        bench.tick();
        let renewed = std::mem::take(&mut bench.leases).into_iter().filter(|call| call.arguments[0] == "renew");
        renewed.map(|call| (call.keys[0].clone(), call.arguments[1..].to_vec())).collect::<Vec<_>>()
    };
    bench.pass(999);
    assert_eq!(renewed(&mut bench), []);
    bench.pass(1);
    let lease = (bench.lookups[0].keys[1].clone(), vec![token(&bench.lookups[0]).to_owned(), "3000".to_owned()]);
    assert_eq!(renewed(&mut bench), std::slice::from_ref(&lease));
    assert_eq!(renewed(&mut bench), [], "once");
    bench.pass(1_000);
    assert_eq!(renewed(&mut bench), [lease]);
    bench.respond(first, &ok("one"));
    bench.pass(1_000);
    assert_eq!(renewed(&mut bench), [], "it is on its way with the fill");
}

/// Whether L2 has granted it is not known yet.
#[test]
fn the_wish_for_a_lease_is_not_renewed() {
    let mut bench = Bench::with_l2(json!({}));
    bench.cut = true;
    let stream = bench.stream();
    bench.head(stream, &get("/a"));
    bench.pass(1_000);
    bench.tick();
    assert!(bench.leases.is_empty());
}

#[test]
fn while_somebody_asks_the_ticks_are_close() {
    let pace = |bench: &Bench| bench.worker.pace().as_millis();
    let (mut alone, mut bench) = (Bench::with_rule(json!({})), Bench::with_l2(json!({})));
    assert_eq!((pace(&alone), pace(&bench)), (100, 25));
    let streams = (alone.leads(&get("/a")), bench.leads(&get("/a")));
    assert_eq!((pace(&alone), pace(&bench)), (10, 10));
    alone.leaves(streams.0);
    bench.leaves(streams.1);
    assert_eq!((pace(&alone), pace(&bench)), (100, 25));
}

#[test]
fn whatever_ends_without_a_fill_gives_the_lease_back() {
    let answers = [
        ok("x").with(":status", "500"),
        ok("x").with("content-length", "2"),
        ok("x").with("cache-control", "private"),
        ok("x").with("cache-control", "max-age=0").with("etag", "\"1\""),
    ];
    for origin in answers {
        let mut bench = Bench::with_l2(json!({}));
        bench.ask(&get("/a"), &origin);
        bench.settle();
        assert!(bench.worker.flights.is_idle(), "{:?}", origin.headers);
        assert!(matches!(bench.l2().holders()[..], [] | ["U"]) || bench.leases.len() == 1, "{:?}", origin.headers);
        bench.errands();
        assert!(matches!(bench.l2().holders()[..], [] | ["U"]), "{:?}", origin.headers);
    }
}

#[test]
fn a_fill_that_comes_too_late_is_counted_as_lost() {
    let mut bench = Bench::with_l2(json!({}));
    bench.ask(&get("/a"), &ok("one"));
    bench.pass(3_000);
    bench.settle();
    assert_eq!((bench.leased(LeaseEnd::Lost), bench.l2().hashes.len()), (1, 0));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1", "this worker has it");
}
