//! Requests whose body is part of the key: read while they are paused, or let go.

use super::bench::{Bench, ok, post, rule};
use crate::metrics::Metric;
use crate::reason::Forward;
use crate::transaction::{Event, Stream, Verdict};
use crate::worker::BODY_WAIT;
use serde_json::{Value, json};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// With `proxy_100_continue` the client's body waits for the origin's 100, and the origin for the head.
#[test]
fn a_client_that_waits_for_a_100_is_let_go_and_nobody_blamed() {
    let change = json!({ "match": { "methods": ["POST"], "path": "/**" }, "key": { "body": "whole" } });
    let mut bench = Bench::with_rule(change);
    let expecting = post("/a", "q").with("expect", "100-continue");
    let stream = bench.stream();
    assert!(matches!(bench.head(stream, &expecting), Verdict::Pause));
    bench.wait(1_000);
    assert!(matches!(bench.on(stream, Event::Deadline), Verdict::Continue));
    bench.wait(10);
    bench.on(stream, Event::RequestBody { length: 1, bytes: None });
    bench.on(stream, Event::Gone);
    assert_eq!(bench.count(Metric::Unexpected { reason: "body_withheld" }), 0);
    assert_eq!(bench.ask(&expecting, &ok("x")), "pass;body_withheld", "and not made to wait again");
    assert_eq!(bench.ask(&post("/a", "q"), &ok("one")), "miss;uri_miss", "others are read as before");
    assert_eq!(bench.ask(&post("/a", "q"), &ok("x")), "hit;l1");
}

/// Keyed on `/q`; `/id` is echoed, `/x` ignored.
fn identify(change: Value) -> Value {
    let key = json!({ "json": { "include": ["/q"], "echo": ["/id"], "ignore": ["/x"] }, "max_body": "100B" });
    let mut rule = rule(json!({ "match": { "methods": ["POST"], "path": "/**" }, "key": key }));
    rule.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    rule
}

fn bench() -> Bench {
    Bench::with_rule(identify(json!({})))
}

/// Sends a head and the body as the host hands it over: what has come so far, the last time with its bytes.
fn in_pieces(bench: &mut Bench, body: &str, lengths: &[usize]) -> (Stream, Verdict) {
    let stream = bench.stream();
    assert!(matches!(bench.head(stream, &post("/a", body)), Verdict::Pause));
    for length in lengths {
        let piece = bench.on(stream, Event::RequestBody { length: *length, bytes: None });
        assert!(matches!(piece, Verdict::Pause));
    }
    let last = bench.on(stream, Event::RequestBody { length: body.len(), bytes: Some(body.as_bytes()) });
    (stream, last)
}

#[test]
fn each_caller_gets_its_own_value_back() {
    let mut bench = bench();
    let answer = |id: &str| ok(&format!(r#"{{"family":"firefox","id":"{id}"}}"#)).with("etag", "\"1\"");
    assert_eq!(bench.ask(&post("/a", r#"{"q":1,"id":"me"}"#), &answer("me")), "miss;uri_miss");
    assert_eq!(bench.ask(&post("/a", r#"{"x":[],"id":"y\"ou","q":1}"#), &answer("x")), "hit;l1");
    assert_eq!(bench.body(), r#"{"family":"firefox","id":"y\"ou"}"#);
    let headers = &bench.answer.as_ref().unwrap().entry.headers;
    assert!(!headers.iter().any(|(name, _)| name == "etag"), "it spoke of other bytes: {headers:?}");
    for (body, reason) in [
        (r#"{"q":2,"id":"me"}"#, "miss;uri_miss"),
        (r#"{"q":1.0,"id":"me"}"#, "miss;uri_miss"),
        (r#"{"q":1}"#, "miss;uri_miss"),
        (r#"{"q":1,"id":7}"#, "miss;uri_miss"),
        (r#"{"q":1,"id":null}"#, "miss;uri_miss"),
        (r#"{"q":1,"id":""}"#, "miss;uri_miss"),
        (r#"{"q":1,"id":"me","role":"admin"}"#, "pass;body_unlisted"),
        (r#"{"q":1,"q":1,"id":"me"}"#, "pass;body_duplicate"),
        (r#"{"q":1,"id":["me"]}"#, "pass;body_echo"),
        (r#"{"q":1,"id":"me""#, "pass;body_not_json"),
        ("", "pass;body_not_json"),
    ] {
        assert_eq!(bench.ask(&post("/a", body), &answer("nobody")), reason, "{body}");
    }
    assert_eq!(bench.worker.memory().entries(), 1);
}

#[test]
fn an_answer_that_shows_the_value_elsewhere_is_not_stored() {
    let mut bench = bench();
    let mine = post("/a", r#"{"q":1,"id":"me-1"}"#);
    for (origin, detail) in [
        (ok(r#"{"id":"me-1","log":"for me-1"}"#), "echo_ambiguous"),
        (ok(r#"{"id":"me-1"}"#).with("x-id", "me-1"), "echo_in_header"),
        (ok(r#"{"id":"you"}"#), "echo_ambiguous"),
        (ok("<html>"), "echo_ambiguous"),
    ] {
        bench.ask(&mine, &origin);
        let counted = bench
            .counts
            .iter()
            .any(|(metric, _)| matches!(metric, Metric::NotStored { reason, .. } if reason.as_str() == detail));
        assert!(counted, "{detail}");
    }
    bench.ask(&mine, &ok(r#"{"id":"me-1"}"#).with("content-encoding", "gzip"));
    assert!(bench.said.last().unwrap().ends_with("detail=echo_ambiguous"));
    // A header that is stripped gives nothing away.
    assert_eq!(bench.ask(&mine, &ok(r#"{"id":"me-1"}"#).with("x-ratelimit-user", "me-1")), "miss;uri_miss");
    assert_eq!(bench.worker.memory().entries(), 1);
}

#[test]
fn a_whole_body_is_a_key_byte_for_byte() {
    let whole = json!({ "key": { "body": "whole" } });
    let mut bench = Bench::with_rule(identify(whole));
    bench.ask(&post("/a", "{\"q\":1}"), &ok("one"));
    assert_eq!(bench.ask(&post("/a", "{\"q\":1}"), &ok("x")), "hit;l1");
    for other in [
        post("/a", "{\"q\": 1}"),
        post("/a", ""),
        post("/a", "{\"q\":1}").with("content-type", "text/plain"),
        post("/a", "{\"q\":1}").with("content-encoding", "gzip"),
    ] {
        assert_eq!(bench.ask(&other, &ok("other")), "miss;uri_miss");
        assert_eq!(bench.ask(&other, &ok("x")), "hit;l1");
    }
    let mut bodiless = post("/a", "");
    bodiless.body = None;
    assert_eq!(bench.ask(&bodiless, &ok("x")), "hit;l1", "no body is the empty one");
}

#[test]
fn a_body_is_read_when_it_is_whole() {
    let mut bench = bench();
    let body = r#"{"q":1,"id":"me"}"#;
    bench.ask(&post("/a", body), &ok(r#"{"id":"me"}"#));
    let (stream, verdict) = in_pieces(&mut bench, body, &[0, 1, 10]);
    assert!(matches!(verdict, Verdict::Reply(_)));
    assert!(!bench.worker.knows(stream));
}

/// The key of a part of the body would be the key of another request.
#[test]
fn a_body_that_the_host_cannot_give_passes() {
    let mut bench = Bench::with_rule(identify(json!({ "key": { "body": "whole" } })));
    bench.ask(&post("/a", ""), &ok("the answer to nothing"));
    for (length, bytes) in [(3, &b""[..]), (3, b"ab"), (1, b"ab")] {
        let stream = bench.stream();
        bench.head(stream, &post("/a", "abc"));
        let verdict = bench.on(stream, Event::RequestBody { length, bytes: Some(bytes) });
        assert!(matches!(verdict, Verdict::Continue), "{length} {bytes:?}");
        assert_eq!(bench.respond_state(stream), "pass;unexpected");
    }
    assert_eq!(bench.count(Metric::Unexpected { reason: "body_incomplete" }), 3);
}

#[test]
fn a_body_over_the_limit_passes_at_once() {
    let mut bench = bench();
    let announced = post("/a", "").with("content-length", "101");
    assert_eq!(bench.ask(&announced, &ok("x")), "pass;body_too_large");
    assert_eq!(
        bench.ask(&post("/a", "").with("content-length", "99999999999999999999"), &ok("x")),
        "pass;body_not_json"
    );
    let stream = bench.stream();
    assert!(matches!(bench.head(stream, &post("/a", "")), Verdict::Pause));
    let piece = bench.on(stream, Event::RequestBody { length: 100, bytes: None });
    assert!(matches!(piece, Verdict::Pause));
    let piece = bench.on(stream, Event::RequestBody { length: 101, bytes: None });
    assert!(matches!(piece, Verdict::Continue));
    assert_eq!(bench.count(Metric::Forwarded { rule: 0, reason: Forward::BodyTooLarge }), 2);
    assert!(!bench.worker.reads_body(stream));
    let rest = bench.on(stream, Event::RequestBody { length: 5000, bytes: None });
    assert!(matches!(rest, Verdict::Continue));
}

#[test]
fn an_encoded_body_has_no_members() {
    let mut bench = bench();
    let encoded = post("/a", r#"{"q":1}"#).with("content-encoding", "gzip");
    assert_eq!(bench.ask(&encoded, &ok("x")), "pass;body_encoded");
}

/// Sends a head, lets the time pass, and lets the request go.
fn let_go(bench: &mut Bench) -> Stream {
    let stream = bench.stream();
    assert!(matches!(bench.head(stream, &post("/a", "")), Verdict::Pause));
    let wait = u64::try_from(BODY_WAIT.as_millis()).unwrap();
    bench.wait(wait - 1);
    assert!(bench.worker.overdue(bench.now.mono).is_empty());
    bench.wait(1);
    assert_eq!(bench.worker.overdue(bench.now.mono), [stream]);
    assert!(matches!(bench.on(stream, Event::Deadline), Verdict::Continue));
    assert!(bench.worker.overdue(bench.now.mono).is_empty());
    stream
}

#[test]
fn a_host_that_holds_bodies_back_is_not_waited_for_again() {
    let mut bench = bench();
    let stream = let_go(&mut bench);
    bench.wait(49);
    let body = bench.on(stream, Event::RequestBody { length: 10, bytes: None });
    assert!(matches!(body, Verdict::Continue));
    assert_eq!(bench.respond_state(stream), "pass;body_withheld");
    assert_eq!(bench.count(Metric::Unexpected { reason: "body_withheld" }), 1);
    let next = bench.stream();
    assert!(matches!(bench.head(next, &post("/a", "{}")), Verdict::Continue));
    assert_eq!(bench.respond_state(next), "pass;body_withheld");
    // Another configuration is another chance.
    bench.configure(&json!({ "rules": [identify(json!({}))] }));
    let next = bench.stream();
    assert!(matches!(bench.head(next, &post("/a", "{}")), Verdict::Pause));
}

#[test]
fn a_slow_client_is_not_the_hosts_fault() {
    let mut bench = bench();
    let stream = let_go(&mut bench);
    bench.wait(50);
    bench.on(stream, Event::RequestBody { length: 10, bytes: None });
    // Only the first piece after the pause says anything.
    bench.on(stream, Event::RequestBody { length: 20, bytes: None });
    let next = bench.stream();
    assert!(matches!(bench.head(next, &post("/a", "{}")), Verdict::Pause));
}

/// A client could time its body so that the host seems to hold it back. Not where the host is known.
#[test]
fn a_host_that_has_delivered_once_is_never_blamed() {
    let mut bench = bench();
    in_pieces(&mut bench, r#"{"q":1}"#, &[]);
    for _ in 0..3 {
        let stream = let_go(&mut bench);
        bench.on(stream, Event::RequestBody { length: 10, bytes: None });
    }
    assert_eq!(bench.count(Metric::Unexpected { reason: "body_withheld" }), 0);
    let next = bench.stream();
    assert!(matches!(bench.head(next, &post("/a", "{}")), Verdict::Pause));
    bench.on(next, Event::Gone);
    // The plugin configuration says whether the host delivers; another one may say otherwise.
    bench.configure(&json!({ "rules": [identify(json!({}))] }));
    let stream = let_go(&mut bench);
    bench.on(stream, Event::RequestBody { length: 10, bytes: None });
    assert_eq!(bench.count(Metric::Unexpected { reason: "body_withheld" }), 1);
}

#[test]
fn a_body_that_has_begun_is_waited_for() {
    let mut bench = bench();
    let stream = bench.stream();
    bench.head(stream, &post("/a", ""));
    bench.on(stream, Event::RequestBody { length: 1, bytes: None });
    bench.wait(60_000);
    assert!(bench.worker.overdue(bench.now.mono).is_empty());
}
