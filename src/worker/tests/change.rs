//! Unsafe requests, and what they make untrue.

use super::bench::{Bench, Origin, Request, empty, get, ok, post, request, rule, with_redis};
use crate::metrics::{L2End, Metric};
use crate::reason::{L2Failure, NotStored};
use crate::transaction::{Event, Verdict};
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A bench that has `one` for `/a` in both tiers.
fn filled() -> Bench {
    let mut bench = Bench::with_l2(json!({}));
    bench.ask(&get("/a"), &ok("one"));
    bench.settle();
    bench
}

/// Sends an unsafe request, which the origin answers, and lets L2 hear of it.
fn change(bench: &mut Bench, request: &Request, origin: &Origin) {
    let (stream, verdict) = bench.send(request);
    assert!(matches!(verdict, Verdict::Continue));
    assert!(matches!(bench.respond(stream, origin), Verdict::Continue));
    bench.ban();
    bench.on(stream, Event::Gone);
    assert!(!bench.worker.knows(stream));
}

#[test]
fn what_was_changed_is_asked_for_again() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "put", "CHECKOUT"] {
        for status in ["200", "201", "204", "302"] {
            let mut bench = filled();
            change(&mut bench, &request(method, "/a"), &empty(status));
            assert_eq!(bench.worker.memory().entries(), 0);
            assert_eq!(bench.ask(&get("/a"), &ok("two")), "miss;uri_miss", "{method} {status}");
            assert_eq!(bench.calls("publish", L2End::Ok), 1);
            assert_eq!(bench.count(Metric::Invalidations { scope: "uri" }), 1);
        }
    }
}

#[test]
fn what_was_not_changed_stays() {
    let mut bench = filled();
    for (request, status) in [
        (request("POST", "/a"), "400"),
        (request("PUT", "/a"), "500"),
        (request("OPTIONS", "/a"), "200"),
        (request("PROPFIND", "/a"), "200"),
        (request("PUT", "/b"), "200"),
        (request("PUT", "/a?b"), "200"),
        (request("PUT", "/a").with(":authority", "other.example"), "200"),
    ] {
        change(&mut bench, &request, &empty(status));
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1", "{:?} {status}", request.headers);
    }
    let (stream, _) = bench.send(&request("PUT", "/a"));
    let headers = empty("200").headers.into_iter().collect();
    bench.on(stream, Event::ResponseHead { headers, end: true, from_origin: false });
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1", "it was not the origin that said so");
}

/// Whichever rule stored it, under whichever key headers and variants.
#[test]
fn everything_of_the_uri_goes() {
    let keyed = json!({ "name": "keyed", "match": { "path": "/k/**" }, "key": { "headers": ["x-user"], "query": { "ignore": ["utm_*"] } }, "freshness": { "default": "5m" } });
    let query = json!({ "name": "query", "match": { "methods": ["POST"], "path": "/k/**" }, "key": { "body": "whole" }, "freshness": { "default": "5m" } });
    let mut bench = Bench::new(&with_redis(json!([keyed, query, rule(json!({}))])));
    let mine = get("/k/a?b=1").with("x-user", "me");
    let yours = get("/k/a?b=1&utm_x=1").with("x-user", "you").with("accept-language", "de");
    bench.ask(&mine, &ok("mine"));
    bench.ask(&yours, &ok("yours").with("vary", "accept-language"));
    bench.ask(&post("/k/c", "q"), &ok("queried"));
    bench.ask(&get("/k/b"), &ok("other"));
    bench.settle();
    assert_eq!(bench.worker.memory().entries(), 4);
    change(&mut bench, &request("PUT", "/k/a?utm_y=2&b=1"), &empty("204"));
    assert_eq!(bench.worker.memory().entries(), 2);
    assert_eq!(bench.ask(&mine, &ok("x")), "miss;uri_miss");
    assert_eq!(bench.ask(&yours, &ok("x")), "miss;uri_miss");
    assert_eq!(bench.ask(&get("/k/b"), &ok("x")), "hit;l1");
    change(&mut bench, &request("DELETE", "/k/c"), &empty("204"));
    assert_eq!(bench.ask(&post("/k/c", "q"), &ok("x")), "miss;uri_miss");
}

/// A POST that a rule keys on its body is a question, however often it is asked.
#[test]
fn a_query_changes_nothing() {
    let query =
        json!({ "match": { "methods": ["POST"], "path": "/**" }, "key": { "body": "whole", "max_body": "4B" } });
    let mut bench = Bench::new(&with_redis(json!([rule(query)])));
    bench.ask(&post("/a", "q"), &ok("one"));
    bench.ask(&post("/a", "p"), &ok("two"));
    bench.ask(&post("/a", "far too long"), &ok("three"));
    assert_eq!(bench.ask(&post("/a", "q"), &ok("x")), "hit;l1");
    assert!(bench.invalidations.is_empty());
}

#[test]
fn what_the_answer_names_goes_too() {
    let mut bench = filled();
    bench.ask(&get("/b"), &ok("b"));
    bench.ask(&get("/c"), &ok("c"));
    bench.settle();
    let origin = empty("201").with("location", "/b").with("content-location", "https://H.example:443/c");
    change(&mut bench, &post("/a", "x"), &origin);
    assert_eq!(bench.worker.memory().entries(), 0);
    for target in ["/a", "/b", "/c"] {
        assert_eq!(bench.ask(&get(target), &ok("x")), "miss;uri_miss", "{target}");
    }
    let foreign = empty("201").with("location", "https://other.example/b");
    change(&mut bench, &post("/z", "x"), &foreign);
    assert_eq!(bench.ask(&get("/b"), &ok("x")), "hit;l1", "another origin's word does not count");
}

/// What was asked for before the change, and comes after it, may be of before.
#[test]
fn what_is_under_way_is_not_stored() {
    let mut bench = filled();
    let again = get("/a").with("cache-control", "no-cache");
    let (asked, _) = bench.send(&again);
    let (filling, _) = bench.send(&again);
    let headers = ok("old").headers.into_iter().collect();
    bench.on(filling, Event::ResponseHead { headers, end: false, from_origin: true });
    let looking = bench.stream();
    bench.head(looking, &get("/b"));
    change(&mut bench, &request("PUT", "/a"), &empty("200"));
    bench.respond(asked, &ok("old"));
    bench.on(filling, Event::ResponseBody(b"old"));
    bench.on(filling, Event::ResponseEnd);
    bench.settle();
    assert_eq!(bench.count(Metric::NotStored { rule: 0, reason: NotStored::Overtaken }), 2);
    assert_eq!(bench.ask(&get("/a"), &ok("two")), "miss;uri_miss");
}

/// The old answer in L2 may still be on its way here.
#[test]
fn what_l2_said_before_is_not_believed() {
    let mut bench = filled().pod(&with_redis(json!([rule(json!({}))])));
    bench.wait(0);
    let looking = bench.stream();
    bench.head(looking, &get("/a"));
    let old = bench.look(&bench.lookups[0]);
    let (stream, _) = bench.send(&request("PUT", "/a"));
    bench.respond(stream, &empty("200"));
    assert!(matches!(bench.on(looking, Event::L2(Ok(&old))), Verdict::Pause), "asked before");
    assert_eq!(bench.lookups.len(), 2, "for anything but that");
    bench.on(looking, Event::Gone);
    bench.replies.push_back(Ok(old.clone()));
    let (doubting, verdict) = bench.send(&get("/a"));
    assert!(matches!(verdict, Verdict::Continue), "asked before L2 has heard");
    bench.on(doubting, Event::Gone);
    bench.ban();
    assert_eq!(bench.ask(&get("/a"), &ok("two")), "miss;uri_miss");
    bench.settle();
    assert_eq!(bench.pod(&with_redis(json!([rule(json!({}))]))).ask(&get("/a"), &ok("x")), "hit;l2");
}

/// It is stored, and no reader takes it: its position tells.
#[test]
fn a_fill_from_before_is_of_no_use() {
    let mut bench = Bench::with_l2(json!({}));
    bench.ask(&get("/a"), &ok("old"));
    let mut other = bench.pod(&with_redis(json!([rule(json!({}))])));
    change(&mut other, &request("PUT", "/a"), &empty("200"));
    bench.settle();
    assert_eq!(bench.calls("fill", L2End::Ok), 1);
    other.pass(1);
    assert_eq!(other.ask(&get("/a"), &ok("new")), "miss;invalidated");
    other.settle();
    assert_eq!(bench.pod(&with_redis(json!([rule(json!({}))]))).ask(&get("/a"), &ok("x")), "hit;l2");
}

#[test]
fn l2_may_not_hear_of_it() {
    let mut bench = filled();
    let (stream, _) = bench.send(&request("PUT", "/a"));
    bench.respond(stream, &empty("200"));
    let call = bench.invalidations.remove(0);
    assert!(call.whole, "whether Redis knows the script might go unheard");
    bench.filled(call, Err(L2Failure::Timeout));
    assert_eq!(bench.calls("publish", L2End::Failed(L2Failure::Timeout)), 1);
    bench.on(stream, Event::Gone);
    for seconds in [0, 1000, 889] {
        bench.wait(seconds * 1000);
        let asking = get("/a").with("cache-control", "max-age=0");
        assert_eq!(
            bench.ask(&asking, &ok("two").with("cache-control", "no-store")),
            "miss;uri_miss",
            "L2 is not believed"
        );
    }
    let mut alone = Bench::with_rule(json!({}));
    alone.ask(&get("/a"), &ok("one"));
    alone.ask(&request("PUT", "/a"), &empty("200"));
    assert_eq!(alone.ask(&get("/a"), &ok("two")), "miss;uri_miss");
    assert!(alone.invalidations.is_empty(), "there is no L2");
}

/// Of two changes under way the origin may have made either one last.
#[test]
fn an_answer_to_post_that_was_overtaken_answers_nothing() {
    let mut bench = filled();
    let (slow, _) = bench.send(&post("/a", "x"));
    change(&mut bench, &request("PUT", "/a"), &empty("204"));
    bench.respond(slow, &ok("old").with("content-location", "/a").with("cache-control", "max-age=60"));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "miss;uri_miss");
}

/// RFC 9110 §9.3.3: an answer to POST that says it is what GET would give.
#[test]
fn an_answer_to_post_may_answer_get() {
    let origin = ok("new").with("content-location", "/a").with("cache-control", "max-age=60");
    let mut bench = filled();
    change(&mut bench, &post("/a", "x"), &origin);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(bench.body(), "new");
    for origin in [
        origin.clone().without("content-location").with("content-location", "/b"),
        origin.clone().without("content-location"),
        origin.clone().without("cache-control"),
        origin.clone().with("cache-control", "private"),
        origin.clone().with(":status", "201"),
    ] {
        let mut bench = filled();
        change(&mut bench, &post("/a", "x"), &origin);
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "miss;uri_miss", "{:?}", origin.headers);
    }
}
