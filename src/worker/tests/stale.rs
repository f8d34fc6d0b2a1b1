//! Stale answers: while somebody asks the origin, and instead of its error.

use super::bench::{Bench, Origin, Request, empty, get, ok, rule, with_redis};
use crate::metrics::{Metric, RefreshEnd, Status, Tier};
use crate::transaction::{Event, Verdict};
use serde_json::{Value, json};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A rule with a minute of freshness, another while revalidating, and a third for errors.
fn windows() -> Value {
    json!({ "freshness": { "default": "1m", "stale_while_revalidate": "1m", "stale_if_error": "3m" } })
}

/// A bench under this rule with the answer `one` to `/a`, stale for a second.
fn stale(change: Value, origin: Origin) -> Bench {
    let mut bench = Bench::with_rule(change);
    assert_eq!(bench.ask(&get("/a"), &origin), "miss;uri_miss");
    bench.wait(61_000);
    bench
}

fn one() -> Origin {
    ok("one").with("etag", "\"1\"")
}

fn failing(status: &str) -> Origin {
    ok("trouble").with(":status", status)
}

#[test]
fn one_leads_and_the_others_are_served_meanwhile() {
    let mut bench = stale(windows(), one());
    let (leader, verdict) = bench.send(&get("/a"));
    assert!(matches!(verdict, Verdict::Continue), "the first goes to the origin");
    assert_eq!(bench.conditions, [("if-none-match", "\"1\"".to_owned())]);
    for _ in 0..3 {
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "stale;l1");
        assert_eq!((bench.body().as_str(), bench.answer.as_ref().unwrap().age), ("one", 61));
    }
    assert_eq!(bench.answer.as_ref().unwrap().cache_status, "fingerprint-cache; hit; ttl=-1; detail=l1");
    assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::Stale, tier: Tier::L1 }), 3);
    bench.respond(leader, &ok("two"));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(bench.body(), "two");
}

#[test]
fn a_leader_that_leaves_is_followed_by_another() {
    let mut bench = stale(windows(), one());
    let (leader, _) = bench.send(&get("/a"));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "stale;l1");
    bench.on(leader, Event::Gone);
    let (next, verdict) = bench.send(&get("/a"));
    assert!(matches!(verdict, Verdict::Continue), "the lead was free");
    bench.respond(next, &failing("418"));
    assert!(matches!(bench.send(&get("/a")).1, Verdict::Continue), "an answer that is not stored ends a lead as well");
}

/// A stream that never ends would keep its variant stale for the whole window.
#[test]
fn a_lead_is_lost_in_time() {
    let mut bench = stale(json!({ "freshness": { "default": "1m", "stale_while_revalidate": "10m" } }), one());
    let _ = bench.send(&get("/a"));
    bench.wait(89_000);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "stale;l1");
    bench.wait(1_000);
    assert!(matches!(bench.send(&get("/a")).1, Verdict::Continue));
}

#[test]
fn each_variant_has_a_leader_of_its_own() {
    let mut bench = Bench::with_rule(windows());
    let speaking = |language: &str| get("/a").with("accept-language", language);
    for language in ["de", "en"] {
        bench.ask(&speaking(language), &ok(language).with("vary", "accept-language"));
    }
    bench.wait(61_000);
    let _ = bench.send(&speaking("de"));
    assert!(matches!(bench.send(&speaking("en")).1, Verdict::Continue));
    assert_eq!(bench.ask(&speaking("de"), &ok("x")), "stale;l1");
}

#[test]
fn beyond_the_window_everybody_asks() {
    let mut bench = stale(windows(), one());
    bench.wait(58_999);
    let _ = bench.send(&get("/a"));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "stale;l1");
    bench.wait(1);
    assert!(matches!(bench.send(&get("/a")).1, Verdict::Continue));
}

#[test]
fn the_origins_windows_come_before_the_rules() {
    let mut bench = stale(windows(), one().with("cache-control", "max-age=60, stale-while-revalidate=1"));
    assert!(matches!(bench.send(&get("/a")).1, Verdict::Continue));
    assert!(matches!(bench.send(&get("/a")).1, Verdict::Pause), "one second is over");
    let mut bench = stale(json!({}), one().with("cache-control", "max-age=60, stale-while-revalidate=9"));
    let _ = bench.send(&get("/a"));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "stale;l1");
}

#[test]
fn what_must_be_asked_for_is_never_served_stale() {
    for control in ["must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"] {
        let mut bench = stale(windows(), one().with("cache-control", format!("max-age=60, {control}")));
        let (first, _) = bench.send(&get("/a"));
        assert!(matches!(bench.send(&get("/a")).1, Verdict::Pause), "{control}");
        let headers = failing("503").headers.into_iter().collect();
        let verdict = bench.on(first, Event::ResponseHead { headers, end: false, from_origin: true });
        assert!(matches!(verdict, Verdict::Continue), "{control}");
    }
}

#[test]
fn a_client_may_insist_on_a_fresh_answer() {
    for control in ["no-cache", "max-age=60", "min-fresh=1"] {
        let asking = get("/a").with("cache-control", control);
        let mut bench = stale(windows(), one());
        let _ = bench.send(&get("/a"));
        let (stream, verdict) = bench.send(&asking);
        assert!(matches!(verdict, Verdict::Continue), "{control}");
        bench.on(stream, Event::Gone);
        assert_eq!(bench.ask(&asking, &failing("503")), "miss;stale", "{control}");
    }
    let mut bench = stale(windows(), one());
    assert_eq!(bench.ask(&get("/a").with("cache-control", "only-if-cached"), &ok("x")), "stale;l1");
}

/// RFC 9111 §5.2.1.2: a client may take a stale answer whatever the windows.
#[test]
fn a_client_may_take_a_stale_answer() {
    let mut bench = stale(json!({ "freshness": { "default": "1m" } }), one());
    assert_eq!(bench.ask(&get("/a").with("cache-control", "max-stale=2"), &ok("x")), "stale;l1");
    assert_eq!(bench.ask(&get("/a").with("cache-control", "max-stale=0"), &ok("two")), "miss;stale");
}

#[test]
fn a_stale_answer_takes_the_place_of_an_error() {
    for status in ["500", "502", "503", "504"] {
        let mut bench = stale(windows(), one());
        bench.wait(60_000);
        assert_eq!(bench.ask(&get("/a"), &failing(status)), "stale;origin");
        let answer = bench.answer.as_ref().unwrap();
        assert_eq!((answer.status(), answer.age), (200, 121));
        let told = format!("fingerprint-cache; fwd=stale; fwd-status={status}; ttl=-61; detail=stale_if_error");
        assert_eq!(answer.cache_status, told);
        assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::Stale, tier: Tier::Origin }), 1);
        assert_eq!(bench.ask(&get("/a"), &one().with(":status", "501")), "miss;stale", "501 is an answer");
    }
    let mut bench = stale(windows(), one());
    bench.wait(178_999);
    assert_eq!(bench.ask(&get("/a").with("if-none-match", "\"1\""), &failing("503")), "stale;origin");
    assert_eq!(bench.answer.as_ref().unwrap().status(), 304);
    bench.wait(1);
    assert_eq!(bench.ask(&get("/a"), &failing("503")), "miss;stale", "the window is over");
}

/// Envoy's word for an origin that has said nothing.
#[test]
fn silence_is_an_error_too() {
    let mut bench = stale(windows(), one());
    let (stream, _) = bench.send(&get("/a"));
    let headers = failing("503").headers.into_iter().collect();
    let verdict = bench.on(stream, Event::ResponseHead { headers, end: false, from_origin: false });
    assert!(matches!(verdict, Verdict::Reply(answer) if answer.body() == b"one"));
}

#[test]
fn l2_keeps_what_may_be_served_stale() {
    let settings = with_redis(json!([rule(windows())]));
    let mut first = Bench::new(&settings);
    first.ask(&get("/a"), &one());
    assert_eq!(first.fills[0].arguments[2], "240000");
    first.settle();
    let mut second = first.sibling(&settings);
    second.wait(61_000);
    let (leader, _) = second.send(&get("/a"));
    assert_eq!(second.ask(&get("/a"), &ok("x")), "stale;l1", "the leader has brought it");
    second.respond(leader, &failing("503"));
}

// --- with nobody waiting -------------------------------------------------------------------------------------------

/// The rule with a cluster for refreshes, and L2.
fn behind() -> Bench {
    let mut change = windows();
    change["refresh"] = json!({ "cluster": "api", "authority": "api.example", "timeout": "2s" });
    let mut bench = Bench::with_l2(change);
    let asking = get("/a").with("x-own", "1").with("accept-language", "de").with("cookie", "c");
    let origin = one().with("cache-control", "public, max-age=60").with("vary", "accept-language");
    assert_eq!(bench.ask(&asking, &origin), "miss;uri_miss");
    bench.settle();
    bench.wait(61_000);
    bench
}

fn german() -> Request {
    get("/a").with("accept-language", "de")
}

#[test]
fn a_refresh_has_nobody_waiting() {
    let mut bench = behind();
    let asking = german().with("if-none-match", "\"1\"").with("range", "bytes=0-0").with("connection", "close");
    assert_eq!(bench.ask(&asking, &ok("x")), "stale;l1");
    assert_eq!(bench.answer.as_ref().unwrap().status(), 304);
    assert_eq!(bench.ask(&german(), &ok("x")), "stale;l1");
    assert_eq!(bench.refreshes.len(), 1, "one for all");
    let before = bench.lookups.len();
    bench.refresh(&ok("two").with("vary", "accept-language"));
    assert_eq!(bench.lookups.len(), before + 1, "L2 first");
    let call = &bench.origin_calls[0];
    assert_eq!((call.cluster.as_str(), call.timeout.as_secs()), ("api", 2));
    let header = |name: &str| call.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(header(":method"), Some("GET"));
    assert_eq!(header(":authority"), Some("api.example"));
    assert_eq!(header("accept-language"), Some("de"));
    assert_eq!(header("if-none-match"), Some("\"1\""), "our own condition");
    assert_eq!((header("range"), header("connection")), (None, None));
    assert!(call.headers[..4].iter().all(|(name, _)| name.starts_with(':')), "{:?}", call.headers);
    assert_eq!(bench.count(Metric::Refreshes { rule: 0, end: RefreshEnd::Replaced }), 1);
    assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::Miss, tier: Tier::Origin }), 1, "a client's");
    assert_eq!(bench.ask(&german(), &ok("x")), "hit;l1");
    assert_eq!(bench.body(), "two");
    assert_eq!(bench.fills.len(), 1, "and L2 has it");
}

#[test]
fn a_refresh_ends_in_four_ways() {
    let ends = |bench: &Bench, end| bench.count(Metric::Refreshes { rule: 0, end });
    let mut bench = behind();
    bench.ask(&german(), &ok("x"));
    bench.refresh(&empty("304").without("content-length").with("etag", "\"1\""));
    assert_eq!(ends(&bench, RefreshEnd::Confirmed), 1);
    assert_eq!(bench.ask(&german(), &ok("x")), "hit;l1");

    let silence = failing("503").with("cache-control", "max-age=60");
    for failure in
        [failing("503"), silence, ok("x").with("cache-control", "no-store"), ok("x").with("set-cookie", "a=b")]
    {
        let mut bench = behind();
        bench.ask(&german(), &ok("x"));
        bench.refresh(&failure);
        assert_eq!(ends(&bench, RefreshEnd::Failed), 1);
        assert_eq!(bench.ask(&german(), &ok("x")), "stale;l1", "and the next one tries again");
        assert_eq!(bench.refreshes.len(), 1);
    }

    let mut bench = behind();
    bench.ask(&german(), &ok("x"));
    let stream = bench.refreshes.pop().unwrap();
    bench.on(stream, Event::Refresh);
    let reply = bench.look(bench.lookups.last().unwrap());
    bench.on(stream, Event::L2(Ok(&reply)));
    bench.on(stream, Event::Gone);
    assert_eq!(ends(&bench, RefreshEnd::Failed), 1, "the origin was not there");

    let mut other = behind();
    let mut bench = behind();
    other.ask(&german().with("cache-control", "no-cache"), &ok("two").with("vary", "accept-language"));
    other.settle();
    bench.redis = other.redis;
    bench.ask(&german(), &ok("x"));
    bench.refresh(&ok("x"));
    assert_eq!((ends(&bench, RefreshEnd::Found), bench.origin_calls.len()), (1, 0), "another pod was faster");
    assert_eq!(bench.ask(&german(), &ok("x")), "hit;l1");
    assert_eq!(bench.body(), "two");
}

/// The root that made the call is gone, and its callback with it.
#[test]
fn a_refresh_that_never_ends_is_let_go() {
    let mut bench = behind();
    bench.ask(&german(), &ok("x"));
    let stream = bench.refreshes.pop().unwrap();
    bench.on(stream, Event::Refresh);
    bench.wait(90_001);
    bench.sweep();
    assert!(!bench.worker.knows(stream));
    assert_eq!(bench.count(Metric::Refreshes { rule: 0, end: RefreshEnd::Failed }), 1);
}

/// The host makes calls with text alone.
#[test]
fn a_request_that_is_no_text_leads_itself() {
    let mut bench = behind();
    assert!(matches!(bench.send(&german().with("x-own", b"\xff")).1, Verdict::Continue));
    assert!(bench.refreshes.is_empty());
}
