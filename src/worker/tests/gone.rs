//! Clients that leave, and events that come out of order.

use super::bench::{Bench, get, ok, post};
use crate::http::Headers;
use crate::metrics::{L2End, Metric, Status, Tier};
use crate::reason::L2Failure;
use crate::transaction::{Event, Stream, Verdict};
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn bench() -> Bench {
    Bench::with_l2(json!({ "match": { "methods": ["GET", "POST"], "path": "/**" }, "key": { "body": "whole" } }))
}

fn response(bench: &mut Bench, stream: Stream) -> Verdict {
    let headers = Headers::from_pairs(ok("whole").headers);
    bench.on(stream, Event::ResponseHead { headers, end: false, from_origin: true })
}

/// A stream in each phase, by name.
fn in_every_phase(bench: &mut Bench) -> Vec<(&'static str, Stream)> {
    let reading = bench.stream();
    bench.head(reading, &post("/reading", "q"));
    let looking = bench.stream();
    bench.head(looking, &get("/looking"));
    let (fetching, _) = bench.send(&get("/fetching"));
    let (filling, _) = bench.send(&get("/filling"));
    response(bench, filling);
    let (passing, _) = bench.send(&get("/passing").with("upgrade", "x"));
    vec![("reading", reading), ("looking", looking), ("fetching", fetching), ("filling", filling), ("passing", passing)]
}

#[test]
fn a_client_that_leaves_leaves_nothing_behind() {
    let mut bench = bench();
    for (phase, stream) in in_every_phase(&mut bench) {
        assert!(bench.worker.knows(stream), "{phase}");
        assert!(matches!(bench.on(stream, Event::Gone), Verdict::Continue), "{phase}");
        assert!(!bench.worker.knows(stream), "{phase}");
    }
    assert_eq!(bench.worker.memory().entries(), 0);
    assert_eq!(bench.calls("lookup", L2End::Abandoned), 1);
    // Of those that went to the origin each is counted once.
    assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::Miss, tier: Tier::Origin }), 2);
    assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::Pass, tier: Tier::Origin }), 1);
}

#[test]
fn a_reply_that_comes_too_late_changes_nothing() {
    let mut bench = bench();
    let stream = bench.stream();
    bench.head(stream, &get("/a"));
    bench.on(stream, Event::Gone);
    let counted = bench.counts.len();
    let reply = bench.look(&bench.lookups[0]);
    assert!(matches!(bench.on(stream, Event::L2(Ok(&reply))), Verdict::Continue));
    assert!(!bench.worker.knows(stream));
    assert_eq!(bench.counts.len(), counted);
}

#[test]
fn after_an_answer_from_the_cache_nothing_is_left() {
    let mut bench = bench();
    bench.ask(&get("/a"), &ok("one"));
    let (stream, verdict) = bench.send(&get("/a"));
    assert!(matches!(verdict, Verdict::Reply(_)) && !bench.worker.knows(stream));
    let counted = bench.counts.len();
    // What the host says of our own reply.
    response(&mut bench, stream);
    bench.on(stream, Event::ResponseBody(b"one"));
    bench.on(stream, Event::ResponseEnd);
    bench.on(stream, Event::Gone);
    assert_eq!(bench.counts.len(), counted);
}

#[test]
fn an_answer_is_counted_once_when_it_ends_twice() {
    let mut bench = bench();
    let (stream, _) = bench.send(&get("/a"));
    response(&mut bench, stream);
    bench.on(stream, Event::ResponseBody(b"whole"));
    bench.on(stream, Event::ResponseEnd);
    bench.on(stream, Event::ResponseEnd);
    bench.on(stream, Event::Gone);
    assert_eq!((bench.worker.memory().entries(), bench.gauges().0), (1, 1));
    assert_eq!(bench.fills.len(), 1);
}

#[test]
fn a_piece_that_nobody_captures_changes_nothing() {
    let mut bench = bench();
    for (phase, stream) in in_every_phase(&mut bench) {
        assert!(matches!(bench.on(stream, Event::ResponseBody(b"x")), Verdict::Continue), "{phase}");
        assert!(bench.worker.knows(stream), "{phase}");
    }
    assert!(!bench.counts.iter().any(|(metric, _)| matches!(metric, Metric::Unexpected { .. })));
}

/// Envoy may answer a paused request itself (a timeout, an overload).
#[test]
fn a_response_to_a_paused_request_lets_it_go() {
    for phase in ["reading", "looking"] {
        let mut bench = bench();
        let (_, stream) = in_every_phase(&mut bench).into_iter().find(|(name, _)| *name == phase).unwrap();
        let headers = Headers::from([(":status", "408")]);
        let verdict = bench.on(stream, Event::ResponseHead { headers, end: true, from_origin: false });
        assert!(matches!(verdict, Verdict::Continue) && !bench.worker.knows(stream), "{phase}");
        assert_eq!(bench.count(Metric::Unexpected { reason: "response_head" }), 1);
    }
}

#[test]
fn whatever_does_not_belong_is_counted_and_passes() {
    let head = || Event::RequestHead { headers: Headers::from_pairs(get("/x").headers), end: true };
    let mut counted = 0;
    for phase in ["reading", "looking", "fetching", "filling", "passing"] {
        for event in ["head", "l2", "deadline"] {
            let belongs = matches!((phase, event), ("reading", "deadline") | ("looking", "l2" | "deadline"));
            let mut bench = bench();
            let (_, stream) = in_every_phase(&mut bench).into_iter().find(|(name, _)| *name == phase).unwrap();
            let verdict = match event {
                "head" => bench.on(stream, head()),
                "l2" => bench.on(stream, Event::L2(Err(L2Failure::Timeout))),
                _ => bench.on(stream, Event::Deadline),
            };
            let unexpected: i64 = bench
                .counts
                .iter()
                .filter(|(metric, _)| matches!(metric, Metric::Unexpected { .. }))
                .map(|(_, n)| n)
                .sum();
            // A lookup may have been given up as lost, and its reply come after all: it changes nothing.
            let late = matches!((phase, event), ("fetching" | "filling", "l2"));
            assert!(matches!(verdict, Verdict::Continue), "{phase} {event}");
            let known = belongs || late;
            assert_eq!((unexpected, bench.worker.knows(stream)), (i64::from(!known), known), "{phase} {event}");
            counted += unexpected;
        }
    }
    assert_eq!(counted, 10);
}

#[test]
fn a_reply_that_comes_after_its_lookup_was_given_up_costs_no_fill() {
    let mut bench = bench();
    let stream = in_every_phase(&mut bench).into_iter().find(|(name, _)| *name == "looking").unwrap().1;
    assert!(matches!(bench.on(stream, Event::Deadline), Verdict::Continue));
    assert!(matches!(bench.on(stream, Event::L2(Err(L2Failure::Timeout))), Verdict::Continue));
    let headers = Headers::from([(":status", "200"), ("cache-control", "max-age=60"), ("content-length", "1")]);
    bench.on(stream, Event::ResponseHead { headers, end: false, from_origin: true });
    bench.on(stream, Event::ResponseBody(b"x"));
    let before = bench.worker.memory().entries();
    bench.on(stream, Event::ResponseEnd);
    assert_eq!(bench.worker.memory().entries(), before + 1);
}
