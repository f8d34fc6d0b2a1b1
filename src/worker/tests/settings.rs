//! Another configuration, while requests run and entries live.

use super::bench::{Bench, get, ok, post, rule, with_redis};
use crate::metrics::Metric;
use crate::transaction::{Event, Verdict};
use serde_json::{Value, json};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn settings(change: Value) -> Value {
    json!({ "rules": [rule(change)] })
}

#[test]
fn entries_survive_what_does_not_concern_them() {
    let mut bench = Bench::new(&settings(json!({})));
    bench.ask(&get("/a"), &ok("one"));
    for change in [
        settings(json!({})),
        settings(json!({ "freshness": { "default": "10m" } })),
        settings(json!({ "match": { "path": "/*" } })),
        settings(json!({ "max_response": "1KiB" })),
        json!({ "name": "other", "memory": { "max_entries": 5 }, "rules": [rule(json!({}))] }),
        json!({ "rules": [{ "name": "first", "match": { "path": "/first" } }, rule(json!({}))] }),
        with_redis(json!([rule(json!({}))])),
    ] {
        bench.configure(&change);
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1", "{change}");
    }
}

/// What a key left out before may be what tells two callers apart now.
#[test]
fn entries_made_under_another_wording_are_not_found() {
    for (before, after) in [
        (json!({ "auth": "shared" }), json!({})),
        (json!({}), json!({ "auth": "shared" })),
        (json!({}), json!({ "key": { "headers": ["x-user"] } })),
        (json!({ "key": { "query": { "ignore": ["user"] } } }), json!({})),
        (json!({}), json!({ "key": { "query": { "sort": true } } })),
        (json!({}), json!({ "key": { "properties": [["p"]] } })),
        (json!({}), json!({ "strip": [] })),
        (json!({}), json!({ "strip": ["x-user", "x-ratelimit-*", "x-quota-*"] })),
        (json!({}), json!({ "credentials": ["authorization"] })),
        (json!({ "set_cookie": "store" }), json!({})),
        (json!({}), json!({ "name": "r2" })),
    ] {
        let mut bench = Bench::new(&settings(before.clone()));
        bench.ask(&get("/a"), &ok("one"));
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
        bench.configure(&settings(after.clone()));
        assert_eq!(bench.ask(&get("/a"), &ok("two")), "miss;uri_miss", "{before} {after}");
        bench.configure(&settings(before.clone()));
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
        assert_eq!(bench.body(), "one", "the old wording still has its own");
    }
}

#[test]
fn another_schema_is_another_key_space_in_every_tier() {
    let mut bench = Bench::new(&settings(json!({})));
    bench.ask(&get("/a"), &ok("one"));
    bench.configure(&json!({ "schema_version": "2", "rules": [rule(json!({}))] }));
    assert_eq!(bench.ask(&get("/a"), &ok("two")), "miss;uri_miss");
}

/// Envoy may go back to a configuration whose root is still there, and says so by its next stream only.
#[test]
fn a_configuration_comes_back_with_all_that_it_says() {
    let mut bench = Bench::new(&settings(json!({})));
    let first = bench.configure(&json!({ "name": "first", "rules": [rule(json!({}))] }));
    let second = bench.configure(&json!({
        "name": "second", "memory": { "max_entries": 1 }, "rules": [rule(json!({ "match": { "path": "/z/**" } }))],
    }));
    assert!(bench.worker.uses(&second) && !bench.worker.uses(&first));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "untouched");
    bench.adopt(&first);
    assert!(bench.worker.uses(&first) && !bench.worker.uses(&second));
    for target in ["/a", "/b"] {
        bench.ask(&get(target), &ok("x"));
        assert_eq!(bench.ask(&get(target), &ok("x")), "hit;l1");
    }
    assert!(bench.answer.as_ref().unwrap().cache_status.starts_with("first; hit"));
    bench.adopt(&second);
    assert_eq!((bench.worker.memory().entries(), bench.gauges().0), (1, 1), "its budget holds again");
}

#[test]
fn entries_in_l2_are_bound_to_the_wording_too() {
    let under = |change: Value| with_redis(json!([rule(change)]));
    let mut bench = Bench::new(&under(json!({})));
    bench.ask(&get("/a"), &ok("one"));
    bench.settle();
    let mut other = bench.pod(&under(json!({ "auth": "shared" })));
    assert_eq!(other.ask(&get("/a"), &ok("two")), "miss;uri_miss");
    let mut schema = under(json!({}));
    schema["schema_version"] = json!("2");
    let mut newer = bench.pod(&schema);
    assert_eq!(newer.ask(&get("/a"), &ok("two")), "miss;uri_miss");
    let mut same = bench.pod(&under(json!({ "freshness": { "default": "1m" } })));
    assert_eq!(same.ask(&get("/a"), &ok("two")), "hit;l2");
}

#[test]
fn a_lifetime_is_judged_by_the_rule_in_force() {
    let mut bench = Bench::new(&settings(json!({})));
    bench.ask(&get("/a"), &ok("one"));
    bench.wait(30_000);
    bench.configure(&settings(json!({ "freshness": { "default": "10s" } })));
    assert_eq!(bench.ask(&get("/a"), &ok("two")), "miss;stale");
}

#[test]
fn a_smaller_budget_holds_at_once() {
    let mut bench = Bench::new(&settings(json!({})));
    for number in 0..10 {
        bench.ask(&get(&format!("/{number}")), &ok("x"));
    }
    bench.configure(&json!({ "memory": { "max_entries": 3 }, "rules": [rule(json!({}))] }));
    assert_eq!((bench.worker.memory().entries(), bench.gauges().0), (3, 3));
    assert_eq!(bench.ask(&get("/9"), &ok("x")), "hit;l1");
    assert_eq!(bench.ask(&get("/0"), &ok("x")), "miss;uri_miss");
}

#[test]
fn requests_under_way_end_under_the_rules_they_began_with() {
    let body_rule = json!({ "match": { "methods": ["POST"], "path": "/**" }, "key": { "body": "whole" } });
    let mut bench = Bench::new(&with_redis(json!([rule(body_rule)])));
    let reading = bench.stream();
    bench.head(reading, &post("/a", "q"));
    let (fetching, _) = bench.send(&post("/b", "q"));
    let looking = bench.stream();
    bench.head(looking, &post("/c", "q"));
    bench.on(looking, Event::RequestBody { length: 1, bytes: Some(b"q") });
    bench.configure(&json!({ "rules": [{ "name": "other", "match": { "path": "/z" } }] }));
    assert!(matches!(bench.on(reading, Event::RequestBody { length: 1, bytes: Some(b"q") }), Verdict::Continue));
    let reply = bench.look(&bench.lookups[0]);
    assert!(matches!(bench.on(looking, Event::L2(Ok(&reply))), Verdict::Continue));
    for stream in [reading, fetching, looking] {
        bench.respond(stream, &ok("x"));
        bench.on(stream, Event::Gone);
        assert!(!bench.worker.knows(stream));
    }
    assert_eq!(bench.worker.memory().entries(), 3);
    assert!(bench.fills.is_empty(), "there is no L2 any more");
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "untouched");
}

#[test]
fn a_lookup_whose_l2_was_taken_away_asks_no_more() {
    let mut bench = Bench::with_l2(json!({}));
    let stream = bench.stream();
    bench.head(stream, &get("/a"));
    bench.configure(&settings(json!({})));
    let other = super::bench::bulk(format!("V{}v:accept", super::bench::POSITION).as_bytes());
    assert!(matches!(bench.on(stream, Event::L2(Ok(&other))), Verdict::Continue));
    assert_eq!(bench.lookups.len(), 1);
    assert_eq!(bench.respond_state(stream), "miss;uri_miss");
}

#[test]
fn a_rule_keeps_its_symbol_and_its_gauge() {
    let mut bench = Bench::new(&settings(json!({})));
    bench.ask(&get("/a"), &ok("one"));
    bench.configure(&json!({ "rules": [{ "name": "first", "match": { "path": "/first" } }, rule(json!({}))] }));
    bench.ask(&get("/b"), &ok("two"));
    assert_eq!(bench.count(Metric::Entries { rule: 0 }), 2);
    assert_eq!((bench.worker.name(0), bench.worker.name(1)), ("r", "first"));
}

#[test]
fn entries_of_a_removed_rule_leave_by_time() {
    let mut bench = Bench::new(&settings(json!({})));
    bench.ask(&get("/a"), &ok("one"));
    bench.configure(&json!({ "rules": [{ "name": "other", "match": { "path": "/z" } }] }));
    bench.wait(299_899);
    bench.sweep();
    assert_eq!(bench.gauges().0, 1);
    bench.sweep();
    assert_eq!((bench.gauges(), bench.worker.memory().bytes()), ((0, 0), 0));
    assert_eq!(bench.count(Metric::Evictions { reason: crate::memory::Eviction::Expired }), 1);
}
