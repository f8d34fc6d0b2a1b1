//! What notices of the log do to what is stored and to what is under way.

use super::bench::{Bench, Origin, empty, get, ok, request, rule, with_redis};
use super::crowd::fate;
use crate::memory::Eviction;
use crate::metrics::{L2End, Metric};
use crate::reason::NotStored;
use serde_json::{Value, json};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

pub fn settings(change: Value) -> Value {
    with_redis(json!([rule(change)]))
}

/// A worker that has read the log and has an answer with tags for `/a`.
pub fn filled(change: Value) -> Bench {
    let mut bench = Bench::new(&settings(change));
    bench.wait(0);
    bench.ask(&get("/a"), &ok("one").with("etag", "\"1\"").with("cache-tag", "t"));
    bench.settle();
    bench
}

/// Somebody elsewhere publishes, and the worker reads on.
fn publish(bench: &mut Bench, op: &str, scope: &str, value: &str) {
    let now = bench.now.mono;
    bench.l2().tell(op, scope, value, now);
    bench.wait(350);
}

/// What an origin says of which nothing is kept.
fn trouble() -> Origin {
    ok("trouble").with(":status", "500")
}

// --- what notices do --------------------------------------------------------------------------------------------------

#[test]
fn what_a_notice_names_is_asked_for_again_in_either_tier() {
    for (scope, value) in [
        ("all", ""),
        ("tag", "t"),
        ("tag", "of-the-rule"),
        ("rule", "r"),
        ("uri", "/a"),
        ("uri", "h.example/a"),
        ("prefix", "/"),
        ("pattern", "h.example/**"),
        ("nonsense", "x"),
    ] {
        let tagged = json!({ "tags": ["of-the-rule"] });
        let mut bench = filled(tagged.clone());
        let mut other = bench.pod(&settings(tagged));
        publish(&mut bench, "invalidate", scope, value);
        assert_eq!(bench.worker.memory().entries(), 1, "what is not asked for stays where it is");
        assert_eq!(other.ask(&get("/a"), &trouble()), "miss;invalidated", "{scope} {value}");
        other.errands();
        assert_eq!(bench.ask(&get("/a"), &ok("two")), "miss;invalidated", "{scope} {value}");
        assert_eq!(bench.count(Metric::Evictions { reason: Eviction::Invalidated }), 1);
        let known = if scope == "nonsense" { "all" } else { scope };
        assert_eq!(bench.count(Metric::Notices { op: "invalidate", scope: known }), 1);
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1", "what came later is not concerned");
    }
}

#[test]
fn what_a_notice_does_not_name_stays() {
    let mut bench = filled(json!({}));
    for (scope, value) in
        [("tag", "T"), ("rule", "q"), ("uri", "/b"), ("prefix", "/b"), ("pattern", "/b/*"), ("key", "r:00")]
    {
        publish(&mut bench, "invalidate", scope, value);
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1", "{scope} {value}");
    }
    assert_eq!(bench.pod(&settings(json!({}))).ask(&get("/a"), &ok("x")), "hit;l2");
}

/// The window for stale answers begins with the notice, not with the end of what the answer's life would have been.
#[test]
fn what_is_to_be_refreshed_is_stale_from_then_on() {
    let windows = json!({ "freshness": { "default": "5m", "stale_while_revalidate": "10s" } });
    let mut bench = filled(windows);
    bench.wait(20_000);
    publish(&mut bench, "refresh", "tag", "t");
    bench.wait(3_999);
    let leader = bench.leads(&get("/a"));
    assert_eq!(bench.conditions, [("if-none-match", "\"1\"".to_owned())]);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "stale;l1");
    assert_eq!(bench.answer.as_ref().unwrap().cache_status, "fingerprint-cache; hit; ttl=-4; detail=l1");
    bench.leaves(leader);
    bench.errands();
    bench.wait(6_000);
    let stream = bench.leads(&get("/a"));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "stale;l1");
    bench.leaves(stream);
    bench.wait(1);
    let stream = bench.leads(&get("/a"));
    bench.waits(&get("/a"));
    bench.respond(stream, &ok("two").with("etag", "\"2\"").with("cache-tag", "t"));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
}

#[test]
fn what_is_to_be_refreshed_may_be_confirmed() {
    let mut bench = filled(json!({}));
    publish(&mut bench, "refresh", "all", "");
    let stream = bench.leads(&get("/a"));
    bench.respond(stream, &empty("304").with("etag", "\"1\""));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    bench.settle();
    assert_eq!(bench.pod(&settings(json!({}))).ask(&get("/a"), &ok("x")), "hit;l2");
}

/// What was invalidated lends no validator: the origin may not know either.
#[test]
fn what_is_invalidated_is_not_confirmed() {
    let mut bench = filled(json!({}));
    publish(&mut bench, "invalidate", "all", "");
    bench.leads(&get("/a"));
    assert_eq!(bench.conditions, []);
}

// --- what is under way ------------------------------------------------------------------------------------------------

#[test]
fn a_lease_ends_with_what_it_was_for() {
    for (op, kept) in [("invalidate", 0), ("refresh", 1)] {
        let mut bench = Bench::new(&settings(json!({ "tags": ["t"] })));
        bench.wait(0);
        let first = bench.leads(&get("/a"));
        let other = bench.waits(&get("/a"));
        publish(&mut bench, op, "tag", "t");
        assert_eq!(bench.woken(), [(other, "origin")], "{op}: others may ask meanwhile");
        assert_eq!(bench.lookups.len(), 2);
        bench.respond(first, &ok("old"));
        assert!(bench.fills.is_empty(), "{op}");
        assert_eq!((bench.worker.memory().entries(), bench.phase(other)), (kept, "fetching"), "{op}");
        bench.respond(other, &ok("new"));
        bench.settle();
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
        assert_eq!((bench.body().as_str(), bench.is_quiet()), ("new", true));
    }
}

#[test]
fn a_lease_for_something_else_goes_on() {
    let mut bench = Bench::new(&settings(json!({})));
    bench.wait(0);
    let first = bench.leads(&get("/a"));
    let other = bench.waits(&get("/a"));
    publish(&mut bench, "invalidate", "uri", "/b");
    publish(&mut bench, "prewarm", "uri", "h.example/a");
    assert!(!bench.wakes.contains(&other) && bench.leases.is_empty());
    bench.respond(first, &ok("one"));
    bench.settle();
    assert_eq!(bench.calls("fill", L2End::Ok), 1);
}

/// Its tags are known only when it is there.
#[test]
fn an_answer_that_was_tagged_as_invalid_is_not_kept() {
    let mut bench = Bench::new(&settings(json!({})));
    bench.wait(0);
    let first = bench.leads(&get("/a"));
    let other = bench.waits(&get("/a"));
    publish(&mut bench, "invalidate", "tag", "t");
    bench.respond(first, &ok("old").with("cache-tag", "t"));
    assert_eq!(bench.count(Metric::NotStored { rule: 0, reason: NotStored::Overtaken }), 1);
    assert_eq!((bench.worker.memory().entries(), bench.fills.len()), (0, 0));
    assert_eq!(bench.woken(), [(other, "origin")], "the next one asks again");
}

/// The origin confirms what it had before: whoever asked may have that, and nobody after it.
#[test]
fn what_is_confirmed_and_banned_meanwhile_is_not_kept() {
    let mut bench = filled(json!({}));
    publish(&mut bench, "refresh", "tag", "t");
    let first = bench.leads(&get("/a"));
    let other = bench.waits(&get("/a"));
    publish(&mut bench, "invalidate", "tag", "t");
    let answer = bench.respond(first, &empty("304").with("etag", "\"1\""));
    assert_eq!(fate(&answer), "revalidated;origin");
    assert!(bench.fills.is_empty());
    assert_eq!(bench.woken(), [(other, "origin")]);
    bench.leaves(other);
    bench.errands();
    assert_eq!(bench.ask(&get("/a"), &ok("two")), "miss;invalidated");
}

/// An error of the origin lets nobody have what was invalidated while it was asked.
#[test]
fn what_is_banned_meanwhile_does_not_stand_in_for_an_error() {
    for (scope, state) in [("/b", "stale;origin"), ("/a", "origin")] {
        let mut bench = filled(json!({ "freshness": { "default": "1m", "stale_if_error": "1m" } }));
        bench.wait(61_000);
        let first = bench.leads(&get("/a"));
        publish(&mut bench, "invalidate", "uri", scope);
        assert_eq!(fate(&bench.respond(first, &trouble())), state);
    }
}

// --- unsafe requests --------------------------------------------------------------------------------------------------

#[test]
fn what_an_unsafe_request_makes_invalid_others_hear_of() {
    let groups = |origin: Origin| origin.with("cache-groups", "\"g\"");
    let mut bench = Bench::with_l2(json!({}));
    bench.wait(0);
    bench.ask(&get("/a"), &groups(ok("one")));
    bench.ask(&get("/b"), &ok("b"));
    bench.settle();
    let mut other = bench.pod(&settings(json!({})));
    for target in ["/a", "/b"] {
        assert_eq!(other.ask(&get(target), &ok("x")), "hit;l2");
    }
    let (stream, _) = bench.send(&request("POST", "/c"));
    bench.respond(stream, &empty("204").with("cache-group-invalidation", "\"g\""));
    assert_eq!(bench.invalidations.len(), 1);
    let words = &bench.invalidations[0].arguments[1..];
    assert_eq!((words.len(), &words[3..]), (6, &["invalidate", "tag", "group:h.example g"].map(str::to_owned)[..]));
    bench.ban();
    for bench in [&mut bench, &mut other] {
        bench.wait(350);
        assert_eq!(bench.ask(&get("/a"), &trouble()), "miss;invalidated");
        assert_eq!(bench.ask(&get("/b"), &ok("x")), "hit;l1");
        bench.errands();
    }
}

#[test]
fn without_l2_bans_are_forgotten_with_what_they_are_about() {
    let mut bench = Bench::with_rule(json!({}));
    let (stream, _) = bench.send(&request("PUT", "/a"));
    bench.respond(stream, &empty("204"));
    assert_eq!(bench.worker.bans(), 1);
    bench.pass(3_600_000);
    bench.tick();
    assert_eq!(bench.worker.bans(), 0);
}

/// Where there is no L2 to tell, a worker tells itself.
#[test]
fn groups_are_invalidated_without_l2_too() {
    let mut bench = Bench::with_rule(json!({}));
    for number in 0..2 {
        let [a, b, u] = ["a", "b", "u"].map(|name| get(&format!("/{name}/{number}")));
        let under_way = bench.leads(&u);
        bench.ask(&a, &ok("one").with("cache-groups", "\"g\""));
        bench.ask(&b, &ok("b").with("cache-groups", "\"h\""));
        let (stream, _) = bench.send(&request("POST", "/c"));
        bench.respond(stream, &empty("204").with("cache-group-invalidation", "\"g\""));
        bench.respond(under_way, &ok("old").with("cache-groups", "\"g\""));
        assert_eq!(bench.ask(&u, &ok("new")), "miss;uri_miss");
        assert_eq!(bench.ask(&a, &ok("two")), "miss;invalidated");
        assert_eq!(bench.ask(&b, &ok("x")), "hit;l1");
        assert!(bench.invalidations.is_empty());
    }
}
