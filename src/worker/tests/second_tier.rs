//! What L2 answers, and what comes of it.

use super::bench::{Bench, POSITION, bulk, get, ok, post, rule, with_redis};
use crate::metrics::{L2End, Metric, Status, Tier};
use crate::reason::L2Failure;
use crate::redis::script;
use crate::transaction::{Event, Verdict};
use serde_json::json;
use std::time::Duration;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Another worker of the same Envoy, with what the first has written to L2.
fn sibling(of: &mut Bench, settings: &serde_json::Value) -> Bench {
    of.settle();
    of.sibling(settings)
}

/// A bench whose L2 holds the answer `one` to `/a`, and whose L1 is empty.
fn filled(change: &serde_json::Value) -> Bench {
    let settings = with_redis(json!([rule(change.clone())]));
    let mut first = Bench::new(&settings);
    assert_eq!(
        first.ask(&get("/a"), &ok("one").with("cache-control", "max-age=60").with("etag", "\"1\"")),
        "miss;uri_miss"
    );
    sibling(&mut first, &settings)
}

/// All that L2 holds came in just now.
fn came_in_now(bench: &Bench) {
    let now = bench.now.mono;
    let mut l2 = bench.l2();
    l2.hashes.values_mut().flat_map(|(_, kept)| kept.values_mut()).for_each(|kept| kept.since = now);
}

#[test]
fn l2_answers_once_and_l1_from_then_on() {
    let mut bench = filled(&json!({}));
    bench.wait(10_000);
    assert_eq!(bench.ask(&get("/a"), &ok("two")), "hit;l2");
    let answer = bench.answer.as_ref().unwrap();
    assert_eq!((bench.body().as_str(), answer.age), ("one", 10));
    assert_eq!(answer.cache_status, "fingerprint-cache; hit; ttl=50; detail=l2");
    bench.wait(5_000);
    assert_eq!(bench.ask(&get("/a"), &ok("two")), "hit;l1");
    assert_eq!(bench.answer.as_ref().unwrap().age, 15);
    assert_eq!(bench.lookups.len(), 1);
    assert_eq!(bench.calls("lookup", L2End::Ok), 1);
    assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::Hit, tier: Tier::L2 }), 1);
    let other = get("/a").with(":path", "/b");
    assert_eq!(bench.ask(&other, &ok("b")), "miss;uri_miss");
    assert_eq!(bench.calls("lookup", L2End::Miss), 1);
}

#[test]
fn the_way_there_and_back_counts_as_age() {
    let mut bench = filled(&json!({}));
    bench.wait(0);
    let stream = bench.stream();
    assert!(matches!(bench.head(stream, &get("/a")), Verdict::Pause));
    let reply = bench.look(&bench.lookups[0]);
    // The calendar stands still, so the stopwatch alone can tell.
    bench.now.mono = bench.now.mono.after(Duration::from_secs(3));
    let Verdict::Reply(answer) = bench.on(stream, Event::L2(Ok(&reply))) else { panic!("no hit") };
    assert_eq!(answer.age, 3);
    assert_eq!(bench.count(Metric::L2Millis), 3000);
}

/// The calendar of this pod may be behind that of the origin.
#[test]
fn the_time_in_redis_counts_as_age_whatever_the_date() {
    let mut bench = filled(&json!({}));
    bench.wait(10_000);
    bench.now.wall.0 -= 3_600_000;
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l2");
    assert_eq!(bench.answer.as_ref().unwrap().age, 10);
    let mut later = filled(&json!({}));
    later.wait(60_000);
    later.now.wall.0 -= 3_600_000;
    assert_eq!(later.ask(&get("/a"), &ok("x")), "miss;stale");
}

/// What L2 holds may be older than it says: a fill can lie in a socket while Redis is stopped.
#[test]
fn an_entry_is_never_younger_than_its_date() {
    let mut bench = filled(&json!({}));
    bench.wait(59_000);
    came_in_now(&bench);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l2");
    assert_eq!(bench.answer.as_ref().unwrap().age, 59);
    let mut late = filled(&json!({}));
    late.wait(60_000);
    came_in_now(&late);
    assert_eq!(late.ask(&get("/a"), &ok("x")), "miss;stale");
}

#[test]
fn an_unknown_script_is_sent_whole_and_once() {
    let mut bench = filled(&json!({}));
    bench.replies.push_back(Ok(b"-NOSCRIPT No matching script.\r\n".to_vec()));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l2");
    let whole: Vec<bool> = bench.lookups.iter().map(|call| call.whole).collect();
    assert_eq!(whole, [false, true]);
    assert_eq!(bench.lookups[0].arguments, bench.lookups[1].arguments);
    assert_eq!(bench.calls("lookup", L2End::Failed(L2Failure::NoScript)), 1);

    let mut forgetful = filled(&json!({}));
    forgetful.replies.extend([Ok(b"-NOSCRIPT\r\n".to_vec()), Ok(b"-NOSCRIPT\r\n".to_vec())]);
    assert_eq!(forgetful.ask(&get("/a"), &ok("x")), "miss;uri_miss");
    assert_eq!(forgetful.lookups.len(), 2);
    assert_eq!(forgetful.calls("lookup", L2End::Failed(L2Failure::NoScript)), 2);
}

#[test]
fn other_vary_names_are_asked_for_once() {
    let settings = with_redis(json!([rule(json!({}))]));
    let mut first = Bench::new(&settings);
    let in_german = || get("/a").with("accept-language", "de");
    first.ask(&in_german(), &ok("gut").with("vary", "accept-language"));
    let mut bench = sibling(&mut first, &settings);
    assert_eq!(bench.ask(&in_german(), &ok("x")), "hit;l2");
    let assumed: Vec<&str> = bench.lookups.iter().map(|call| call.arguments[0].as_str()).collect();
    assert_eq!(assumed, ["v:", "v:accept-language"]);
    assert_eq!(bench.ask(&get("/a").with("accept-language", "en"), &ok("x").with("vary", "*")), "miss;vary_miss");
    assert_eq!(bench.lookups.len(), 3, "the names are remembered");
    // What the origin says itself is remembered as well.
    let mut origin = Bench::with_l2(json!({}));
    origin.ask(&get("/a").with("accept", "x"), &ok("x").with("vary", "accept"));
    origin.ask(&get("/b").with("accept", "x"), &ok("x").with("vary", "accept"));
    let assumed: Vec<&str> = origin.lookups.iter().map(|call| call.arguments[0].as_str()).collect();
    assert_eq!(assumed, ["v:", "v:accept"]);
    // An L2 that changes its mind each time is not asked for ever.
    let other = || Ok(bulk(format!("V{POSITION}v:b").as_bytes()));
    bench.replies.extend([other(), other(), other(), other(), other()]);
    assert_eq!(bench.ask(&get("/new"), &ok("x")), "miss;vary_miss");
    assert_eq!((bench.lookups.len(), bench.replies.len()), (7, 1));
}

#[test]
fn a_stale_entry_is_refused_and_its_validator_used() {
    let mut bench = filled(&json!({}));
    bench.wait(60_000);
    let (stream, verdict) = bench.send(&get("/a"));
    assert!(matches!(verdict, Verdict::Continue));
    assert_eq!(bench.conditions, [("if-none-match", "\"1\"".to_owned())]);
    assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::Hit, tier: Tier::L2 }), 0);
    let verdict = bench.respond(stream, &super::bench::empty("304").with("cache-control", "max-age=60"));
    let Verdict::Reply(answer) = verdict else { panic!("no answer") };
    assert_eq!((answer.entry.body.as_slice(), answer.age, answer.state), (&b"one"[..], 0, "revalidated;origin"));
    assert_eq!(answer.entry.position.n, 7, "the position of this lookup, not of the first fetch");
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    bench.settle();
    let mut third = sibling(&mut bench, &with_redis(json!([rule(json!({}))])));
    assert_eq!(third.ask(&get("/a"), &ok("x")), "hit;l2");
}

/// What will not be stored needs no lease: one look tells.
#[test]
fn who_cannot_replace_a_stale_entry_asks_once() {
    for asks in [get("/a").with("range", "bytes=0-0"), super::bench::request("HEAD", "/a")] {
        let mut bench = filled(&json!({}));
        bench.wait(60_000);
        let (_, verdict) = bench.send(&asks);
        assert!(matches!(verdict, Verdict::Continue));
        assert_eq!((bench.lookups.len(), bench.lookups[0].arguments[2].as_str()), (1, "-"));
        assert_eq!(bench.conditions[0], ("if-none-match", "\"1\"".to_owned()));
        assert!(bench.l2().leases.is_empty());
    }
}

#[test]
fn the_younger_of_two_stale_entries_is_validated() {
    let mut bench = filled(&json!({}));
    bench.ask(&get("/a"), &ok("x"));
    let old = bench.l2().hashes.clone();
    bench.wait(70_000);
    bench.ask(&get("/a"), &ok("two").with("cache-control", "max-age=60").with("etag", "\"2\""));
    bench.wait(70_000);
    bench.l2().hashes = old;
    bench.conditions.clear();
    let (stream, _) = bench.send(&get("/a"));
    assert_eq!(bench.conditions, [("if-none-match", "\"2\"".to_owned())], "L1 has the younger one");
    bench.on(stream, Event::Gone);
}

#[test]
fn what_l2_holds_for_others_is_not_for_the_credentialed() {
    let mut bench = filled(&json!({}));
    let (stream, verdict) = bench.send(&get("/a").with("authorization", "x"));
    assert!(matches!(verdict, Verdict::Continue));
    bench.on(stream, Event::Gone);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l2");
}

#[test]
fn a_client_with_credentials_keeps_nobody_else_from_the_cache() {
    let mut bench = filled(&json!({}));
    assert_eq!(bench.ask(&get("/a").with("authorization", "x"), &ok("x")), "miss;credentials");
    bench.errands();
    assert_eq!(bench.l2().holders(), [""; 0], "L2 has it and gives it to everybody else");
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l2");
}

/// Its validator is there, and where the log stands.
#[test]
fn l2_is_asked_for_a_client_that_wants_the_origin() {
    let mut bench = filled(&json!({}));
    assert_eq!(bench.ask(&get("/a").with("cache-control", "no-cache"), &ok("two")), "miss;request_no_cache");
    assert_eq!(bench.conditions, [("if-none-match", "\"1\"".to_owned())]);
    assert_eq!((bench.lookups.len(), bench.fills.len()), (2, 1), "what is there, and the lease to replace it");
    bench.ask(&get("/a").with("cache-control", "no-store"), &ok("x"));
    assert_eq!(bench.lookups.len(), 2, "but not for one that is none for a cache");
}

/// Longer than this configuration allows may be longer than bans are kept.
#[test]
fn what_has_been_there_for_too_long_is_not_used() {
    let change = json!({ "freshness": { "override": "2h" } });
    let mut first = Bench::new(&with_redis(json!([rule(change.clone())])));
    first.ask(&get("/a"), &ok("one"));
    for (since, expected) in [(1_890_000, "hit;l2"), (1_891_000, "miss;uri_miss")] {
        let mut bench = sibling(&mut first, &with_redis(json!([rule(change.clone())])));
        bench.wait(since);
        assert_eq!(bench.ask(&get("/a"), &ok("x")), expected);
    }
}

#[test]
fn a_lookup_asks_for_this_key_and_the_log() {
    let mut bench = Bench::with_l2(json!({}));
    bench.ask(&get("/a"), &ok("one"));
    let (call, fill) = (&bench.lookups[0], &bench.fills[0]);
    assert_eq!((call.script, fill.script), (&script::LOOKUP, &script::FILL));
    assert_eq!(call.keys[0], fill.keys[0]);
    assert!(call.keys[0].starts_with("fpc:3.1:r:") && call.keys[0].len() == 42, "{}", call.keys[0]);
    assert_eq!(call.keys[1], format!("{}:l:{}", call.keys[0], &call.arguments[1][2..]));
    assert_eq!(call.keys[2..], ["fpc:log"]);
    assert_eq!(call.keys, fill.keys);
    assert_eq!(call.arguments[2], fill.arguments[4], "under the token that asked for the lease");
    assert_eq!(call.arguments[1], fill.arguments[1]);
}

#[test]
fn the_log_position_of_the_lookup_stays_with_the_entry() {
    let mut bench = Bench::with_l2(json!({}));
    bench.ask(&get("/a"), &ok("one"));
    let stored = crate::codec::decode(bench.fills[0].body.as_ref().unwrap()).unwrap();
    assert_eq!((stored.position.epoch.len(), stored.position.n), (40, 7));
    bench.replies.push_back(Err(L2Failure::Timeout));
    bench.ask(&get("/b"), &ok("two"));
    assert_eq!(bench.fills.len(), 1, "nobody said where the log stood, so nothing could fence it off");
    assert_eq!(bench.calls("fill", L2End::Dropped), 1);
}

#[test]
fn while_l2_is_asked_the_request_waits() {
    let mut bench =
        Bench::with_l2(json!({ "match": { "methods": ["POST"], "path": "/**" }, "key": { "body": "whole" } }));
    let stream = bench.stream();
    bench.head(stream, &post("/a", "q"));
    assert!(matches!(bench.on(stream, Event::RequestBody { length: 1, bytes: Some(b"q") }), Verdict::Pause));
    // Trailers end the body a second time.
    assert!(matches!(bench.on(stream, Event::RequestBody { length: 1, bytes: None }), Verdict::Pause));
    let reply = bench.look(&bench.lookups[0]);
    assert!(matches!(bench.on(stream, Event::L2(Ok(&reply))), Verdict::Continue));
    assert!(matches!(bench.on(stream, Event::RequestBody { length: 1, bytes: None }), Verdict::Continue));
}
