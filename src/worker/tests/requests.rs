//! Which requests the cache answers, for whom, and which it leaves alone.

use super::bench::{Bench, Origin, Request, get, ok, post, request};
use crate::metrics::{Metric, Status, Tier};
use crate::reason::Forward;
use crate::transaction::{Event, Verdict};
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_second_request_is_answered_from_memory() {
    let mut bench = Bench::with_rule(json!({}));
    assert_eq!(bench.ask(&get("/a"), &ok("one")), "miss;uri_miss");
    assert_eq!(bench.said, ["cache-status: fingerprint-cache; fwd=uri-miss; fwd-status=200; stored"]);
    bench.wait(7_900);
    assert_eq!(bench.ask(&get("/a"), &ok("two")), "hit;l1");
    let answer = bench.answer.as_ref().unwrap();
    assert_eq!((answer.age, answer.entry.status), (7, 200));
    assert_eq!(answer.cache_status, "fingerprint-cache; hit; ttl=293; detail=l1");
    assert_eq!(bench.body(), "one");
    assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::Hit, tier: Tier::L1 }), 1);
    assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::Miss, tier: Tier::Origin }), 1);
    assert_eq!(bench.count(Metric::Forwarded { rule: 0, reason: Forward::UriMiss }), 1);
    assert!(bench.lookups.is_empty() && bench.fills.is_empty(), "there is no L2");
}

#[test]
fn an_entry_answers_until_it_is_stale_and_never_after() {
    let mut bench = Bench::with_rule(json!({}));
    let origin = ok("one").with("cache-control", "max-age=60").with("age", "10");
    bench.ask(&get("/a"), &origin);
    bench.wait(49_999);
    assert_eq!(bench.ask(&get("/a"), &origin), "hit;l1");
    assert_eq!(bench.answer.as_ref().unwrap().age, 59);
    bench.wait(1);
    assert_eq!(bench.ask(&get("/a"), &origin), "miss;stale");
    assert_eq!(bench.ask(&get("/a"), &origin), "hit;l1");
}

#[test]
fn a_request_without_a_rule_is_not_touched() {
    let mut bench = Bench::with_rule(json!({ "match": { "path": "/v1/**", "host": "h.example" } }));
    for request in [
        get("/v2/a"),
        get("/"),
        get("/v1"),
        request("OPTIONS", "/v1/a"),
        get("/v1/a").with(":authority", "other.example"),
    ] {
        assert_eq!(bench.ask(&request, &ok("x")), "untouched", "{:?}", request.headers);
    }
    assert!(bench.counts.is_empty() && bench.said.is_empty() && bench.states.is_empty());
    assert_eq!(bench.ask(&get("/v1/a").with(":authority", "H.EXAMPLE:443"), &ok("x")), "miss;uri_miss");
}

#[test]
fn the_first_rule_that_matches_has_the_request() {
    let first = json!({ "name": "first", "match": { "path": "/a/*" }, "freshness": { "override": "1m" } });
    let mut bench = Bench::new(&json!({ "rules": [first, super::bench::rule(json!({}))] }));
    bench.ask(&get("/a/b"), &ok("x"));
    bench.ask(&get("/b"), &ok("x"));
    assert_eq!(bench.count(Metric::Entries { rule: 0 }), 1);
    assert_eq!(bench.count(Metric::Entries { rule: 1 }), 1);
    assert_eq!((bench.worker.name(0), bench.worker.name(1), bench.worker.name(9)), ("first", "r", ""));
    assert!(bench.worker.may_match(b"/a/b?c") && bench.worker.may_match(b"/z"));
}

#[test]
fn a_request_that_is_none_for_a_cache_passes_with_its_reason() {
    let mut bench = Bench::with_rule(json!({}));
    bench.ask(&get("/a"), &ok("one"));
    for (name, value, reason) in [
        ("upgrade", "websocket", Forward::Upgrade),
        ("if-match", "\"a\"", Forward::Precondition),
        ("if-unmodified-since", "x", Forward::Precondition),
        ("cache-control", "no-store", Forward::RequestNoStore),
        ("cache-control", "max-age=9, No-Store", Forward::RequestNoStore),
    ] {
        let state = bench.ask(&get("/a").with(name, value), &ok("two"));
        assert_eq!(state, format!("pass;{}", reason.as_str()), "{name}: {value}");
        assert_eq!(
            bench.said.last().map(String::as_str),
            Some(
                format!("cache-status: fingerprint-cache; fwd=bypass; fwd-status=200; detail={}", reason.as_str())
                    .as_str()
            )
        );
    }
    assert_eq!(bench.count(Metric::Forwarded { rule: 0, reason: Forward::Precondition }), 2);
    assert_eq!(bench.ask(&get("/a"), &ok("two")), "hit;l1");
    assert_eq!(bench.body(), "one", "nothing of it was stored");
}

/// `/public/..%2fprivate` is under the rule's `/public/**`, and somewhere else to some servers.
#[test]
fn a_path_that_may_be_another_passes_a_wildcard() {
    let mut bench = Bench::with_rule(json!({ "match": { "paths": ["/public/**", "/named%2Fout"] } }));
    for path in ["/public/..%2fprivate", "/public/a/../../private", "/public/%2e%2e/private", "/public/..\\private?a=b"]
    {
        for _ in 0..2 {
            assert_eq!(bench.ask(&get("/a").with(":path", path), &ok("one")), "pass;ambiguous_path", "{path}");
        }
    }
    for path in ["/public/a?next=..%2fb", "/named%2Fout"] {
        assert_eq!(bench.ask(&get("/a").with(":path", path), &ok("one")), "miss;uri_miss", "{path}");
        assert_eq!(bench.ask(&get("/a").with(":path", path), &ok("two")), "hit;l1", "{path}");
    }
}

#[test]
fn a_body_where_none_belongs_passes() {
    let mut bench = Bench::with_rule(json!({}));
    bench.ask(&get("/a"), &ok("one"));
    let fat = Request { body: Some(b"q".to_vec()), ..get("/a") };
    assert_eq!(bench.ask(&fat, &ok("two")), "pass;unexpected_body");
    assert_eq!(bench.ask(&Request { body: Some(vec![]), ..get("/a") }, &ok("two")), "pass;unexpected_body");
    assert_eq!(bench.ask(&get("/a"), &ok("three")), "hit;l1");
    assert_eq!(bench.body(), "one");
}

#[test]
fn what_the_client_wants_younger_comes_from_the_origin() {
    let mut bench = Bench::with_rule(json!({}));
    let asks =
        |bench: &mut Bench, value: &str, origin: &Origin| bench.ask(&get("/a").with("cache-control", value), origin);
    bench.ask(&get("/a"), &ok("one"));
    bench.wait(10_000);
    assert_eq!(asks(&mut bench, "max-age=10", &ok("x")), "hit;l1");
    assert_eq!(asks(&mut bench, "max-age=9", &ok("two")), "miss;request_max_age");
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(bench.body(), "two", "the younger answer replaces the older");
    assert_eq!(asks(&mut bench, "no-cache", &ok("three")), "miss;request_no_cache");
    assert_eq!(bench.ask(&get("/a").with("pragma", "no-cache"), &ok("four")), "miss;request_no_cache");
    assert_eq!(asks(&mut bench, "min-fresh=301", &ok("five")), "miss;request_max_age");
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(bench.body(), "five");
    assert_eq!(asks(&mut bench, "max-age=\u{fffd}", &ok("x")), "miss;request_max_age", "unreadable is zero");
}

#[test]
fn a_head_request_is_answered_from_get_and_stores_nothing() {
    let mut bench = Bench::with_rule(json!({}));
    assert_eq!(bench.ask(&request("HEAD", "/a"), &super::bench::empty("200")), "miss;uri_miss");
    assert_eq!(bench.worker.memory().entries(), 0);
    bench.ask(&get("/a"), &ok("one"));
    assert_eq!(bench.ask(&request("HEAD", "/a"), &ok("two")), "hit;l1");
    assert_eq!(bench.body(), "one");
}

/// One user's answer and another user's attempt to get it.
#[test]
fn nobody_gets_what_was_answered_to_another_request() {
    let key = json!({ "headers": ["x-user"], "properties": [["p"]], "query": { "ignore": ["utm_*"] } });
    let mut bench = Bench::with_rule(json!({ "key": key }));
    let mine = get("/a?id=1&utm_x=2").with("x-user", "me");
    bench.ask(&mine, &ok("mine"));
    for theft in [
        get("/a?id=1&utm_x=2").with("x-user", "you"),
        get("/a?id=1&utm_x=2"),
        get("/a?id=1").with("x-user", "me").with("x-user", "you"),
        get("/a?id=1").with("x-user", "me, you"),
        get("/a?id=1").with("x-user", b"me\xff"),
        get("/a?id=1").with("x-user", "me\n"),
        get("/a?id=1").with("x-user", "Me"),
        get("/a?id=2").with("x-user", "me"),
        get("/a?id=1;id=2").with("x-user", "me"),
        get("/a?id=1&id=2").with("x-user", "me"),
        get("/a?ID=1").with("x-user", "me"),
        get("/a").with("x-user", "me"),
        get("/A?id=1").with("x-user", "me"),
        get("/./a?id=1").with("x-user", "me"),
        get("/b/../a?id=1").with("x-user", "me"),
        get("//a?id=1").with("x-user", "me"),
        get("/%61?id=1").with("x-user", "me"),
        get("/a%3Fid=1").with("x-user", "me"),
        get("/a/?id=1").with("x-user", "me"),
        get("/a?id=1").with("x-user", "me").with(":authority", "other.example"),
        get("/a?id=1").with("x-user", "me").with(":authority", "h.example:8443"),
        get("/a?id=1").with("x-user", "me").with(":scheme", "http"),
    ] {
        let (stream, verdict) = bench.send(&theft);
        assert!(matches!(verdict, Verdict::Continue), "{:?}", String::from_utf8_lossy(&theft.headers[3].1));
        bench.on(stream, Event::Gone);
    }
    bench.property = Some(b"another".to_vec());
    assert!(matches!(bench.send(&mine).1, Verdict::Continue));
    bench.property = None;
    assert_eq!(bench.ask(&mine, &ok("x")), "hit;l1");
    assert_eq!(bench.ask(&get("/a?utm_y&id=1").with("x-user", "me"), &ok("x")), "hit;l1");
}

#[test]
fn credentials_decide_who_may_have_an_answer() {
    let token = |value: &str| get("/a").with("authorization", value);
    let mut bench = Bench::with_rule(json!({}));
    let private = ok("for one");
    assert_eq!(bench.ask(&token("Bearer 1"), &private), "miss;uri_miss");
    assert!(bench.said.last().unwrap().ends_with("detail=authorization"));
    assert_eq!(bench.ask(&get("/a"), &ok("for all")), "miss;uri_miss", "nothing was stored");
    assert_eq!(bench.ask(&token("Bearer 1"), &private), "miss;credentials");
    for (name, value) in [("cookie", "a=b"), ("x-api-key", "k"), ("proxy-authorization", "x"), ("authorization", "")] {
        assert_eq!(bench.ask(&get("/a").with(name, value), &private), "miss;credentials", "{name}");
    }
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(bench.body(), "for all");

    let open = ok("public").with("cache-control", "public, max-age=60");
    assert_eq!(bench.ask(&token("Bearer 1").with("cache-control", "no-cache"), &open), "miss;credentials");
    assert_eq!(bench.ask(&token("Bearer 2"), &private), "hit;l1");

    let mut shared = Bench::with_rule(json!({ "auth": "shared" }));
    shared.ask(&token("Bearer 1"), &ok("for all"));
    assert_eq!(shared.ask(&token("Bearer 2"), &private), "hit;l1");
}

#[test]
fn variants_are_for_those_who_would_have_got_them() {
    let mut bench = Bench::with_rule(json!({}));
    let asks = |bench: &mut Bench, language: &str| {
        let origin = ok(language).with("vary", "Accept-Language, Origin");
        bench.ask(&get("/a").with("accept-language", language), &origin)
    };
    assert_eq!(asks(&mut bench, "de"), "miss;uri_miss");
    assert_eq!(asks(&mut bench, "en"), "miss;vary_miss");
    for language in ["de", "en"] {
        assert_eq!(asks(&mut bench, language), "hit;l1");
        assert_eq!(bench.body(), language);
    }
    for stranger in [
        get("/a"),
        get("/a").with("accept-language", "de;q=0.5"),
        get("/a").with("accept-language", "de").with("accept-language", "en"),
        get("/a").with("accept-language", "de").with("origin", ""),
        get("/a").with("accept-language", b"de\xff"),
    ] {
        assert_eq!(bench.ask(&stranger, &ok("x").with("vary", "*")), "miss;vary_miss");
    }
    assert_eq!(bench.worker.memory().entries(), 2);
}

#[test]
fn no_two_tokens_meet_under_a_body_key() {
    let mut bench =
        Bench::with_rule(json!({ "match": { "methods": ["POST"], "path": "/**" }, "key": { "body": "whole" } }));
    let asks = |bench: &mut Bench, token: &str| bench.ask(&post("/a", "q").with("authorization", token), &ok(token));
    assert_eq!(asks(&mut bench, "Bearer 1"), "miss;uri_miss");
    assert_eq!(asks(&mut bench, "Bearer 2"), "miss;uri_miss");
    assert_eq!(bench.worker.memory().entries(), 0);
}
