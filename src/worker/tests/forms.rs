//! In which form the cache answers: whole, in part, not at all since the client has it, or not at all.

use super::bench::{Bench, Request, get, ok, post, request};
use crate::answer::Answer;
use crate::metrics::{Metric, Status, Tier};
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MODIFIED: &str = "Sat, 05 Nov 1994 08:49:37 GMT";

/// A bench that has `0123456789` for `/a`.
fn filled() -> Bench {
    let mut bench = Bench::with_rule(json!({}));
    let origin = ok("0123456789")
        .with("content-type", "text/plain")
        .with("content-range", "bytes 7-8/9")
        .with("etag", "\"1\"")
        .with("last-modified", MODIFIED)
        .with("x-own", "1");
    bench.ask(&get("/a"), &origin);
    bench
}

fn asked(bench: &mut Bench, request: &Request) -> (String, Option<Box<Answer>>) {
    let state = bench.ask(request, &ok("x"));
    (state, bench.answer.take())
}

fn names(answer: &Answer) -> Vec<&str> {
    answer.headers().map(|(name, _)| name).collect()
}

#[test]
fn a_client_that_has_it_is_told_so() {
    for condition in [
        get("/a").with("if-none-match", "\"1\""),
        get("/a").with("if-none-match", "\"0\", W/\"1\""),
        get("/a").with("if-none-match", "*"),
        get("/a").with("if-modified-since", MODIFIED),
        request("HEAD", "/a").with("if-none-match", "\"1\""),
        get("/a").with("if-none-match", "\"1\"").with("range", "bytes=0-1"),
    ] {
        let (state, answer) = asked(&mut filled(), &condition);
        let answer = answer.unwrap();
        assert_eq!(
            (state.as_str(), answer.status(), answer.body()),
            ("hit;l1", 304, &b""[..]),
            "{:?}",
            condition.headers
        );
        let names = names(&answer);
        assert!(names.contains(&"etag") && names.contains(&"date") && names.contains(&"x-own"), "{names:?}");
        assert!(!names.contains(&"content-type") && !names.contains(&"content-range"), "{names:?}");
        assert_eq!((answer.content_range(), answer.is_stored()), (None, true));
    }
}

#[test]
fn a_client_that_has_another_gets_it() {
    for condition in [
        get("/a").with("if-none-match", "\"2\""),
        get("/a").with("if-none-match", "\"2\"").with("if-modified-since", MODIFIED),
        get("/a").with("if-modified-since", "Sat, 05 Nov 1994 08:49:36 GMT"),
    ] {
        let (state, answer) = asked(&mut filled(), &condition);
        let answer = answer.unwrap();
        assert_eq!((state.as_str(), answer.status(), answer.body()), ("hit;l1", 200, &b"0123456789"[..]));
    }
}

#[test]
fn a_part_is_cut_out_of_the_whole() {
    for (range, body, content_range) in [
        ("bytes=0-1", "01", "bytes 0-1/10"),
        ("bytes=8-", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=5-99", "56789", "bytes 5-9/10"),
    ] {
        let (state, answer) = asked(&mut filled(), &get("/a").with("range", range));
        let answer = answer.unwrap();
        assert_eq!((state.as_str(), answer.status()), ("hit;l1", 206));
        assert_eq!((answer.body(), answer.content_range().as_deref()), (body.as_bytes(), Some(content_range)));
        assert!(names(&answer).contains(&"content-type") && !names(&answer).contains(&"content-range"));
    }
    let (_, answer) = asked(&mut filled(), &get("/a").with("range", "bytes=10-"));
    let answer = answer.unwrap();
    assert_eq!((answer.status(), answer.body()), (416, &b""[..]));
    assert_eq!(answer.content_range().as_deref(), Some("bytes */10"));
}

#[test]
fn who_asks_for_no_single_part_gets_the_whole() {
    for request in [
        get("/a").with("range", "bytes=0-1, 3-4"),
        get("/a").with("range", "lines=0-1"),
        get("/a").with("range", "bytes=0-1").with("if-range", "\"2\""),
        request("HEAD", "/a").with("range", "bytes=0-1"),
    ] {
        let (state, answer) = asked(&mut filled(), &request);
        let answer = answer.unwrap();
        assert_eq!((state.as_str(), answer.status(), answer.body()), ("hit;l1", 200, &b"0123456789"[..]));
        assert_eq!(answer.content_range(), None);
    }
}

/// What a client asks of a part that is not here goes to the origin as it is; only the whole is stored.
#[test]
fn parts_from_the_origin_are_not_stored() {
    let mut bench = Bench::with_rule(json!({}));
    let part = ok("01").with(":status", "206").with("content-range", "bytes 0-1/10");
    assert_eq!(bench.ask(&get("/a").with("range", "bytes=0-1"), &part), "miss;uri_miss");
    assert!(bench.said.last().unwrap().ends_with("detail=partial"));
    assert_eq!(bench.ask(&get("/a").with("range", "bytes=0-1"), &ok("0123456789")), "miss;uri_miss");
    assert_eq!(bench.ask(&get("/a").with("range", "bytes=0-1"), &ok("x")), "hit;l1");
    assert_eq!(bench.body(), "01");
}

/// Whoever asks for bytes that are not there must not answer for those who ask for all of it.
#[test]
fn what_is_said_of_one_clients_range_is_not_stored() {
    let mut bench = Bench::with_l2(json!({}));
    let refusal =
        ok("x").with(":status", "416").with("cache-control", "max-age=60").with("content-range", "bytes */10");
    assert_eq!(bench.ask(&get("/a").with("range", "bytes=99-"), &refusal), "miss;uri_miss");
    assert!(bench.said.last().unwrap().ends_with("detail=partial"), "{:?}", bench.said);
    assert!(bench.worker.memory().entries() == 0 && bench.fills.is_empty());
    assert_eq!(bench.ask(&get("/a"), &ok("0123456789")), "miss;uri_miss");
}

/// A method with a body has no representation of its own to be conditional about.
#[test]
fn a_query_with_a_body_gets_all_of_its_answer() {
    let change = json!({ "match": { "methods": ["POST"], "path": "/**" }, "key": { "body": "whole" } });
    let mut bench = Bench::with_rule(change);
    bench.ask(&post("/a", "q"), &ok("0123456789").with("etag", "\"1\""));
    for (name, value) in [("if-none-match", "\"1\""), ("range", "bytes=0-1")] {
        assert_eq!(bench.ask(&post("/a", "q").with(name, value), &ok("x")), "hit;l1");
        assert_eq!((bench.answer.as_ref().unwrap().status(), bench.body().as_str()), (200, "0123456789"));
    }
}

#[test]
fn who_wants_nothing_but_what_is_stored_gets_that_or_nothing() {
    let only = get("/a").with("cache-control", "only-if-cached");
    let mut bench = Bench::with_l2(json!({}));
    let (state, answer) = asked(&mut bench, &only);
    let answer = answer.unwrap();
    assert_eq!((state.as_str(), answer.status(), answer.body()), ("only_if_cached", 504, &b""[..]));
    assert_eq!((answer.headers().count(), answer.is_stored()), (0, false));
    assert_eq!(answer.cache_status, "fingerprint-cache; detail=only_if_cached");
    assert_eq!(bench.lookups.len(), 1, "L2 is asked");
    assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::OnlyIfCached, tier: Tier::L1 }), 1);
    bench.ask(&get("/a"), &ok("one"));
    assert_eq!(bench.ask(&only, &ok("x")), "hit;l1");
}

#[test]
fn a_rule_may_not_listen_to_clients() {
    let mut bench = Bench::with_rule(json!({ "client_directives": "ignore" }));
    bench.ask(&get("/a").with("cache-control", "no-store"), &ok("one"));
    bench.wait(1000);
    for value in ["no-store", "no-cache", "max-age=0", "min-fresh=9999", "only-if-cached"] {
        assert_eq!(bench.ask(&get("/a").with("cache-control", value), &ok("x")), "hit;l1", "{value}");
    }
    assert_eq!(bench.ask(&get("/a").with("pragma", "no-cache"), &ok("x")), "hit;l1");
    assert_eq!(bench.ask(&get("/b").with("cache-control", "only-if-cached"), &ok("x")), "miss;uri_miss");
}

#[test]
fn a_rule_may_show_the_key() {
    let mut bench = Bench::with_rule(json!({ "show_key": true }));
    bench.ask(&get("/a"), &ok("one"));
    bench.ask(&get("/a"), &ok("one"));
    let hit = bench.answer.as_ref().unwrap().cache_status.clone();
    let key = hit.split_once("; key=\"r:").unwrap().1;
    assert!(hit.starts_with("fingerprint-cache; hit; ttl=300; detail=l1; key=") && key.len() == 33, "{hit}");
    assert!(bench.said[0].ends_with(key), "{}", bench.said[0]);
}

/// What the origin says to this cache is not for clients: neither in its answer nor in ours.
#[test]
fn what_is_for_us_does_not_leave() {
    let mut bench = Bench::with_rule(json!({}));
    let origin = ok("one")
        .with("cdn-cache-control", "max-age=9")
        .with("cache-control", "no-store")
        .with("surrogate-key", "a b")
        .with("cache-tag", "c,a");
    assert_eq!(bench.ask(&get("/a"), &origin), "miss;uri_miss");
    assert_eq!(bench.hidden, ["cdn-cache-control", "surrogate-key", "cache-tag"]);
    bench.wait(8_000);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1", "it was for us alone that it may be stored");
    let answer = bench.answer.as_ref().unwrap();
    assert_eq!(answer.entry.tags, ["a", "b", "c"]);
    let names = names(answer);
    assert!(
        names.contains(&"cache-control") && !names.iter().any(|name| name.starts_with("cdn") || name.contains("tag"))
    );
    assert_eq!(answer.cache_status, "fingerprint-cache; hit; ttl=1; detail=l1");
    bench.wait(1_000);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "miss;stale");
}
