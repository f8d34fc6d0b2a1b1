//! Somebody in another worker or pod asks the origin: this one waits for what it fills, or need not ask at all.

use super::bench::{Bench, get, ok, request, rule, with_redis};
use super::crowd::fate;
use crate::metrics::{L2End, LeaseEnd, Metric, RefreshEnd};
use crate::reason::L2Failure;
use crate::transaction::{Event, Stream};
use serde_json::{Value, json};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn settings() -> Value {
    with_redis(json!([rule(json!({}))]))
}

/// Two pods, of which the first asks for `/a`.
fn pods(settings: &Value) -> (Bench, Stream, Bench) {
    let mut one = Bench::new(settings);
    let mut other = one.pod(settings);
    one.wait(0);
    other.wait(0);
    let leader = one.leads(&get("/a"));
    (one, leader, other)
}

/// The clocks of both go on.
fn pass(one: &mut Bench, other: &mut Bench, millis: u64) {
    one.pass(millis);
    other.pass(millis);
}

#[test]
fn it_looks_again_from_time_to_time_until_the_answer_is_there() {
    let (mut one, leader, mut other) = pods(&settings());
    let first = other.polls(&get("/a"));
    let second = other.waits(&get("/a"));
    let mut gaps = Vec::new();
    for _ in 0..6 {
        let since = other.now.mono;
        while other.overdue().is_empty() {
            pass(&mut one, &mut other, 1);
        }
        gaps.push(other.now.mono.since(since).as_millis());
    }
    for (gap, pause) in gaps.iter().zip([10, 20, 40, 50, 50, 50]) {
        assert!((pause / 2..=pause).contains(gap), "{gaps:?}");
    }
    assert_eq!((other.lookups.len(), other.phase(first)), (7, "polling"));
    assert_eq!(other.calls("lookup", L2End::Miss), 7);
    one.respond(leader, &ok("one"));
    one.settle();
    pass(&mut one, &mut other, 50);
    assert_eq!(other.overdue(), [(first, "hit;l2")]);
    assert_eq!(other.woken(), [(second, "hit;l2")]);
    assert!(other.is_quiet());
    assert_eq!([LeaseEnd::Led, LeaseEnd::TimedOut].map(|end| other.leased(end)), [0, 0]);
}

#[test]
fn a_sibling_that_has_filled_says_so() {
    let mut one = Bench::new(&settings());
    let mut other = one.sibling(&settings());
    one.worker.enlist(1, 11);
    other.worker.enlist(2, 22);
    one.wait(0);
    other.wait(0);
    let streams = [one.leads(&get("/a")), one.leads(&get("/b"))];
    let waiting = other.polls(&get("/a"));
    let elsewhere = other.polls(&get("/b"));
    one.tells.clear();
    one.respond(streams[0], &ok("one"));
    one.settle();
    assert_eq!(one.tells.iter().map(|(queue, _)| *queue).collect::<Vec<_>>(), [22]);
    assert_eq!(other.hears(&mut one), 1);
    assert_eq!(other.woken(), [(waiting, "hit;l2")]);
    assert_eq!(other.phase(elsewhere), "polling", "that was another key");
    one.respond(streams[1], &ok("x"));
    let fill = one.fills.remove(0);
    one.filled(fill, Err(L2Failure::Timeout));
    assert!(one.tells.is_empty(), "it may not be there");
}

#[test]
fn it_takes_over_where_the_other_gives_up() {
    let (mut one, leader, mut other) = pods(&settings());
    let waiting = other.polls(&get("/a"));
    one.leaves(leader);
    one.errands();
    pass(&mut one, &mut other, 10);
    assert_eq!(other.overdue(), [(waiting, "origin")]);
    other.respond(waiting, &ok("mine"));
    other.settle();
    assert_eq!((other.calls("fill", L2End::Ok), other.leased(LeaseEnd::Led)), (1, 1));
    assert!(other.is_quiet());
}

#[test]
fn it_takes_over_where_the_other_is_heard_of_no_more() {
    let mut patient = settings();
    patient["fill"] = json!({ "lease": "1s", "wait": "5s" });
    let (mut one, _, mut other) = pods(&patient);
    let waiting = other.polls(&get("/a"));
    let begun = other.now.mono;
    while other.phase(waiting) == "polling" {
        pass(&mut one, &mut other, 5);
        other.overdue();
    }
    let waited = other.now.mono.since(begun).as_millis();
    assert!((1_000..1_060).contains(&waited), "{waited}");
    assert_eq!((other.phase(waiting), other.l2().leases.len()), ("fetching", 1));
}

#[test]
fn it_waits_no_longer_than_anybody() {
    let (mut one, leader, mut other) = pods(&settings());
    let waiting = other.polls(&get("/a"));
    let behind = other.waits(&get("/a"));
    pass(&mut one, &mut other, 499);
    assert_eq!(other.overdue(), [(waiting, "paused")]);
    pass(&mut one, &mut other, 1);
    assert_eq!(other.overdue(), [(behind, "origin")]);
    pass(&mut one, &mut other, 50);
    assert_eq!(other.overdue(), [(waiting, "origin")]);
    assert_eq!((other.leased(LeaseEnd::TimedOut), other.worker.flights.lease(waiting).is_none()), (2, true));
    other.respond(waiting, &ok("mine"));
    assert!(other.fills.is_empty(), "the other one has the lease");
    one.respond(leader, &ok("one"));
    one.settle();
    assert_eq!(one.calls("fill", L2End::Ok), 1);
    assert_eq!(other.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(other.body(), "mine");
}

#[test]
fn what_is_not_for_all_is_not_waited_for() {
    for asks in
        [get("/a").with("cache-control", "no-cache"), get("/a").with("range", "bytes=0-0"), request("HEAD", "/a")]
    {
        let (_one, _, mut other) = pods(&settings());
        assert_eq!(fate(&other.send(&asks).1), "origin", "{:?}", asks.headers);
        assert!(other.worker.flights.is_idle() && other.leases.is_empty());
    }
}

#[test]
fn an_l2_that_is_gone_meanwhile_is_not_waited_for() {
    for reply in [Err(L2Failure::Timeout), Ok(b"-READONLY x\r\n".to_vec())] {
        let (mut one, _, mut other) = pods(&settings());
        let waiting = other.polls(&get("/a"));
        let behind = other.waits(&get("/a"));
        pass(&mut one, &mut other, 10);
        other.replies.push_back(reply);
        assert_eq!(other.overdue(), [(waiting, "origin")]);
        other.respond(waiting, &ok("mine"));
        assert_eq!(other.woken(), [(behind, "collapsed;origin")]);
    }
    let (mut one, _, mut other) = pods(&settings());
    let waiting = other.polls(&get("/a"));
    other.configure(&json!({ "rules": [rule(json!({}))] }));
    pass(&mut one, &mut other, 10);
    assert_eq!(other.overdue(), [(waiting, "origin")]);
}

#[test]
fn a_client_that_leaves_while_it_waits_leaves_nothing_behind() {
    let (_one, _, mut other) = pods(&settings());
    let waiting = other.polls(&get("/a"));
    other.leaves(waiting);
    assert!(other.worker.flights.is_idle() && other.leases.is_empty());
    assert_eq!(
        (other.calls("lookup", L2End::Miss), other.calls("lookup", L2End::Abandoned)),
        (1, 0),
        "L2 had answered"
    );
}

// --- who need not wait ------------------------------------------------------------------------------------------------

/// Both pods hold the answer `one`, stale for a second, and the first asks the origin.
fn both_stale(change: &Value) -> (Bench, Stream, Bench) {
    let mut rule_of = rule(json!({ "freshness": { "default": "1m", "stale_while_revalidate": "1m" } }));
    rule_of.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let settings = with_redis(json!([rule_of]));
    let mut one = Bench::new(&settings);
    one.ask(&get("/a"), &ok("one"));
    one.settle();
    let mut other = one.pod(&settings);
    assert_eq!(other.ask(&get("/a"), &ok("x")), "hit;l2");
    one.wait(61_000);
    other.wait(61_000);
    let (stream, verdict) = one.send(&get("/a"));
    if fate(&verdict) == "origin" {
        return (one, stream, other);
    }
    let leader = one.refreshes.remove(0);
    one.on(leader, Event::Refresh);
    one.go_on(leader);
    (one, leader, other)
}

#[test]
fn who_asks_for_others_yields_to_whoever_does_already() {
    let (mut one, leader, mut other) = both_stale(&json!({}));
    for _ in 0..3 {
        assert_eq!(other.ask(&get("/a"), &ok("x")), "stale;l1");
    }
    assert_eq!(other.lookups.len(), 2, "one look tells");
    assert_eq!((other.leased(LeaseEnd::Yielded), other.leases.len()), (1, 0));
    // For as long as anybody would wait, should the lease of the other one last so long.
    pass(&mut one, &mut other, 499);
    assert_eq!((other.ask(&get("/a"), &ok("x")), other.lookups.len()), ("stale;l1".to_owned(), 2));
    one.respond(leader, &ok("two"));
    one.settle();
    pass(&mut one, &mut other, 1);
    assert_eq!(other.ask(&get("/a"), &ok("x")), "hit;l2");
    assert_eq!(other.body(), "two");
}

#[test]
fn a_refresh_yields_to_whoever_asks_already() {
    let (mut one, leader, mut other) = both_stale(&json!({ "refresh": { "cluster": "api" } }));
    assert_eq!(one.origin_calls.len(), 1);
    assert_eq!(other.ask(&get("/a"), &ok("x")), "stale;l1");
    other.refresh(&ok("x"));
    assert_eq!(other.count(Metric::Refreshes { rule: 0, end: RefreshEnd::Yielded }), 1);
    assert_eq!((other.origin_calls.len(), other.leases.len()), (0, 0));
    assert_eq!(other.ask(&get("/a"), &ok("x")), "stale;l1");
    assert!(other.refreshes.is_empty(), "nor is there another one");
    one.respond(leader, &ok("two"));
    one.settle();
    pass(&mut one, &mut other, 3_000);
    assert_eq!(other.ask(&get("/a"), &ok("x")), "stale;l1");
    other.refresh(&ok("x"));
    assert_eq!(other.count(Metric::Refreshes { rule: 0, end: RefreshEnd::Found }), 1);
    assert_eq!(other.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(other.body(), "two");
}

/// L2 alone has it, and it is stale: one look for all, and nobody takes turns.
#[test]
fn those_who_wait_are_served_the_stale_answer_of_l2() {
    for (refresh, leads) in [(json!({}), "origin"), (json!({ "refresh": { "cluster": "api" } }), "stale;l2")] {
        let (mut one, leader, _) = both_stale(&refresh);
        one.leaves(leader);
        one.errands();
        let mut change = refresh.clone();
        change["freshness"] = json!({ "default": "1m", "stale_while_revalidate": "1m" });
        let mut third = one.pod(&with_redis(json!([rule(change)])));
        third.wait(0);
        let first = third.stream();
        third.head(first, &get("/a"));
        let others = [(); 3].map(|()| third.waits(&get("/a")));
        third.go_on(first);
        assert_eq!(third.wakes, others);
        assert_eq!(third.woken(), others.map(|stream| (stream, "stale;l2")));
        assert_eq!(third.ask(&get("/a"), &ok("x")), "stale;l1");
        let _ = third.go_on(first);
        assert_eq!(third.phase(first), if leads == "origin" { "fetching" } else { "none" });
        assert_eq!((third.refreshes.len(), third.leased(LeaseEnd::HandedOver)), (usize::from(leads != "origin"), 0));
    }
}
