//! Which answers of the origin are kept, and what of them.

use super::bench::{Bench, Origin, empty, get, ok, request};
use crate::http::Headers;
use crate::metrics::Metric;
use crate::reason::NotStored;
use crate::transaction::{Event, Verdict};
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Lets the origin answer `/a` and says why the answer was not stored.
fn refused(bench: &mut Bench, origin: &Origin) -> Option<&'static str> {
    bench.counts.clear();
    assert!(bench.ask(&get("/a"), origin).starts_with("miss;"));
    let refusal = |(metric, _): &(Metric, i64)| match metric {
        Metric::NotStored { reason, .. } => Some(reason.as_str()),
        _ => None,
    };
    let refusal = bench.counts.iter().find_map(refusal);
    assert_eq!(refusal.is_none(), bench.worker.memory().entries() == 1, "{refusal:?}");
    refusal
}

#[test]
fn an_answer_that_may_not_be_stored_is_not() {
    let mut bench = Bench::with_rule(json!({ "max_response": "10B" }));
    for (origin, reason) in [
        (ok("x").with("cache-control", "no-store"), "no_store"),
        (ok("x").with("cache-control", "private"), "private"),
        (ok("x").with("cache-control", "no-cache"), "no_cache"),
        (ok("x").with("set-cookie", "id=1"), "set_cookie"),
        (ok("x").with("vary", "*"), "vary_star"),
        (ok("x").with("access-control-allow-origin", "https://a.example"), "cors"),
        (ok("x").with("x-name", b"\xff"), "header_encoding"),
        (ok("x").with(":status", "206"), "partial"),
        (ok("x").with(":status", "302"), "no_lifetime"),
        (ok("x").with(":status", "500"), "no_lifetime"),
        (ok("x").with(":status", "501"), "no_lifetime"),
        (ok("x").with(":status", "abc"), "status"),
        (ok("x").with(":status", "99999"), "status"),
        (ok("x").without(":status"), "status"),
        (ok("x").with("cache-control", "max-age=0"), "expired"),
        (ok("x").with("cache-control", "max-age=60").with("age", "60"), "expired"),
        (ok("x").with("cache-control", "max-age=60").with("date", "Sun, 06 Nov 1994 08:48:37 GMT"), "expired"),
        (ok("x").with("age", "18446744073709551615"), "expired"),
        (ok("12345678901"), "too_large"),
        (ok("12345678901").chunked(), "too_large"),
    ] {
        assert_eq!(refused(&mut bench, &origin), Some(reason), "{:?}", origin.headers);
    }
    assert_eq!(refused(&mut bench, &ok("1234567890")), None);
}

#[test]
fn without_a_lifetime_nothing_is_stored() {
    let mut bench = Bench::with_rule(json!({ "freshness": {} }));
    assert_eq!(refused(&mut bench, &ok("x")), Some("no_lifetime"));
    assert_eq!(refused(&mut bench, &ok("x").with("etag", "\"1\"")), Some("no_lifetime"));
    assert_eq!(refused(&mut bench, &ok("x").with("expires", "Sun, 06 Nov 1994 08:50:37 GMT")), None);
}

#[test]
fn only_a_body_that_is_surely_whole_is_stored() {
    for (what, origin, stored) in [
        ("its length", ok("whole"), true),
        ("in chunks", ok("whole").chunked(), true),
        ("nothing, in no bytes", ok(""), true),
        ("no content", empty("204").without("content-length"), true),
        ("too short", ok("who").without("content-length").with("content-length", "5"), false),
        ("too long", ok("whole").without("content-length").with("content-length", "3"), false),
        ("nothing, but announced", ok("").without("content-length").with("content-length", "3"), false),
        ("an unreadable length", ok("whole").without("content-length").with("content-length", "five"), false),
        ("a negative length", ok("whole").without("content-length").with("content-length", "-5"), false),
        ("a huge length", ok("x").without("content-length").with("content-length", "18446744073709551616"), false),
        ("until the connection closes", ok("whole").without("content-length"), false),
    ] {
        let mut bench = Bench::with_rule(json!({}));
        assert_eq!(refused(&mut bench, &origin), (!stored).then_some("not_whole"), "{what}");
    }
}

#[test]
fn an_answer_that_is_cut_short_is_not_stored() {
    for origin in [ok("whole"), ok("whole").chunked()] {
        let mut bench = Bench::with_rule(json!({}));
        let (stream, _) = bench.send(&get("/a"));
        let headers = Headers::from_pairs(origin.headers.clone());
        bench.on(stream, Event::ResponseHead { headers, end: false, from_origin: true });
        assert!(bench.worker.captures(stream));
        bench.on(stream, Event::ResponseBody(b"whole"));
        bench.on(stream, Event::Gone);
        assert_eq!(bench.worker.memory().entries(), 0);
        assert_eq!(bench.count(Metric::NotStored { rule: 0, reason: NotStored::NotWhole }), 1);
    }
}

#[test]
fn what_envoy_says_in_the_origins_place_is_not_stored() {
    let mut bench = Bench::with_rule(json!({}));
    let (stream, _) = bench.send(&get("/a"));
    let headers = Headers::from_pairs(ok("no healthy upstream").headers);
    bench.on(stream, Event::ResponseHead { headers, end: false, from_origin: false });
    assert!(!bench.worker.captures(stream));
    assert_eq!(bench.count(Metric::NotStored { rule: 0, reason: NotStored::NotFromOrigin }), 1);
    assert!(bench.said[0].ends_with("detail=not_from_origin"), "{:?}", bench.said);
}

#[test]
fn per_user_headers_and_those_of_one_exchange_stay_out() {
    let mut bench = Bench::with_rule(json!({ "strip": ["x-ratelimit-*", "x-trace"] }));
    let origin = ok("x")
        .with("content-type", "text/plain")
        .with("x-ratelimit-remaining", "7")
        .with("x-trace", b"\xff")
        .with("x-quota-tier", "gold")
        .with("connection", "x-hop")
        .with("x-hop", "1")
        .with("age", "1")
        .with("date", "Sun, 06 Nov 1994 08:49:36 GMT")
        .with("link", "</a>")
        .with("link", "</b>");
    bench.ask(&get("/a"), &origin);
    bench.ask(&get("/a"), &ok("x"));
    let stored: Vec<String> =
        bench.answer.as_ref().unwrap().entry.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let expected = [
        "content-type: text/plain",
        "x-quota-tier: gold",
        "date: Sun, 06 Nov 1994 08:49:36 GMT",
        "link: </a>",
        "link: </b>",
    ];
    assert_eq!(stored, expected);
}

/// RFC 9110 §6.6.1.
#[test]
fn an_answer_without_a_date_gets_one() {
    for origin in [ok("x"), ok("x").with("date", "yesterday")] {
        let mut bench = Bench::with_rule(json!({}));
        bench.ask(&get("/a"), &origin);
        bench.wait(2_000);
        bench.ask(&get("/a"), &ok("x"));
        let date = ("date".to_owned(), "Sun, 06 Nov 1994 08:49:37 GMT".to_owned());
        assert_eq!(bench.answer.as_ref().unwrap().entry.headers, [date]);
    }
}

#[test]
fn the_way_from_the_origin_and_the_time_of_the_body_count_as_age() {
    let mut bench = Bench::with_rule(json!({}));
    let (stream, _) = bench.send(&get("/a"));
    bench.wait(2_000);
    let headers = Headers::from_pairs(ok("whole").headers);
    bench.on(stream, Event::ResponseHead { headers, end: false, from_origin: true });
    bench.on(stream, Event::ResponseBody(b"whole"));
    bench.wait(3_000);
    bench.on(stream, Event::ResponseEnd);
    assert_eq!(bench.count(Metric::OriginMillis), 2_000);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(bench.answer.as_ref().unwrap().age, 5);
}

#[test]
fn the_rules_override_counts_whatever_the_origin_says() {
    let mut bench = Bench::with_rule(json!({ "freshness": { "override": "1h" } }));
    bench.ask(&get("/a"), &ok("one").with("cache-control", "max-age=0").with("expires", "0"));
    bench.wait(299_000);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(
        refused(
            &mut Bench::with_rule(json!({ "freshness": { "override": "1h" } })),
            &ok("x").with("cache-control", "private")
        ),
        Some("private")
    );
}

#[test]
fn statuses_without_a_body_are_answered_without_one() {
    let mut bench = Bench::with_rule(json!({}));
    bench.ask(&get("/a"), &empty("204"));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    let answer = bench.answer.as_ref().unwrap();
    assert_eq!((answer.entry.status, answer.entry.body.len(), answer.body.is_none()), (204, 0, true));
    bench.ask(&get("/gone"), &ok("nothing here").with(":status", "404"));
    assert_eq!(bench.ask(&get("/gone"), &ok("x")), "hit;l1");
    assert_eq!(bench.answer.as_ref().unwrap().entry.status, 404);
}

/// Too heavy with its headers for L1: nothing is held, and nothing is counted as held.
#[test]
fn an_answer_too_heavy_for_memory_is_let_go() {
    let mut bench =
        Bench::new(&json!({ "memory": { "max_bytes": "64KiB" }, "rules": [super::bench::rule(json!({}))] }));
    assert_eq!(bench.ask(&get("/a"), &ok("x").with("x-long", "x".repeat(7000))), "miss;uri_miss");
    assert_eq!((bench.worker.memory().entries(), bench.gauges()), (0, (0, 0)));
    bench.ask(&get("/b"), &ok("x"));
    assert_eq!(bench.gauges().0, 1);
    bench.ask(&get("/b").with("cache-control", "no-cache"), &ok("x").with("x-long", "x".repeat(7000)));
    assert_eq!((bench.worker.memory().entries(), bench.gauges()), (0, (0, 0)), "the old answer is gone all the same");
}

/// Two streams capture at once; what they hold together has a limit.
#[test]
fn captures_have_a_limit_together() {
    let rule = super::bench::rule(json!({ "max_response": "3276B" }));
    let mut bench = Bench::new(&json!({ "memory": { "max_bytes": "64KiB" }, "rules": [rule] }));
    let mut capturing = 0;
    for number in 0..40 {
        let (stream, _) = bench.send(&get(&format!("/{number}")));
        let origin = Origin { body: vec![], ..ok(&"x".repeat(3276)) };
        let headers = Headers::from_pairs(origin.headers);
        bench.on(stream, Event::ResponseHead { headers, end: false, from_origin: true });
        capturing += usize::from(bench.worker.captures(stream));
    }
    assert_eq!(capturing, 20);
    assert_eq!(bench.count(Metric::NotStored { rule: 0, reason: NotStored::Crowded }), 20);
    for stream in 2..42 {
        bench.on(stream, Event::Gone);
    }
    assert_eq!(bench.ask(&get("/new"), &ok("x")), "miss;uri_miss");
    assert_eq!(bench.worker.memory().entries(), 1, "and the room is free again");
}

/// Without a length nothing can be set aside: what is over the limit is dropped as it comes.
#[test]
fn captures_in_chunks_have_the_same_limit() {
    let rule = super::bench::rule(json!({ "max_response": "3276B" }));
    let mut bench = Bench::new(&json!({ "memory": { "max_bytes": "64KiB" }, "rules": [rule] }));
    for stream in 2..42 {
        bench.send(&get(&format!("/{stream}")));
        let headers = Headers::from_pairs(ok("x").chunked().headers);
        bench.on(stream, Event::ResponseHead { headers, end: false, from_origin: true });
        bench.on(stream, Event::ResponseBody(&[b'x'; 3276]));
    }
    let capturing = (2..42).filter(|stream| bench.worker.captures(*stream)).count();
    assert!((1..=20).contains(&capturing), "{capturing}");
    let crowded = bench.count(Metric::NotStored { rule: 0, reason: NotStored::Crowded });
    assert_eq!(crowded, i64::try_from(40 - capturing).unwrap());
}

#[test]
fn the_answer_to_a_pass_is_not_looked_at() {
    let mut bench = Bench::with_rule(json!({}));
    let (stream, verdict) = bench.send(&get("/a").with("if-match", "\"1\""));
    assert!(matches!(verdict, Verdict::Continue));
    bench.respond(stream, &ok("x"));
    assert!(!bench.worker.captures(stream) && !bench.worker.knows(stream));
    assert_eq!(bench.ask(&request("HEAD", "/a"), &empty("200")), "miss;uri_miss");
}
