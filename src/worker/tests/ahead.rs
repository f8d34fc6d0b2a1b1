//! Answers asked for before they are needed: early refreshes, and what the log wants prewarmed.

use super::bench::{Bench, get, ok, rule, with_redis};
use crate::metrics::{L2End, LeaseEnd, Metric, RefreshEnd};
use crate::reason::L2Failure;
use crate::transaction::Event;
use serde_json::{Value, json};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Chance at its most eager: with it, what took a second to make is refreshed 36 seconds ahead.
const EAGER: u64 = 0;

/// Fills `/a` with what takes a second to make, and lets it be 50 of its 60 seconds old.
fn aged(mut bench: Bench) -> Bench {
    bench.wait(0);
    let stream = bench.leads(&get("/a"));
    bench.wait(1_000);
    bench.respond(stream, &ok("one").with("cache-control", "max-age=60").with("etag", "\"1\""));
    bench.settle();
    bench.wait(49_000);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    bench.random = EAGER;
    bench
}

fn refreshes(bench: &Bench, end: RefreshEnd) -> i64 {
    bench.count(Metric::Refreshes { rule: 0, end })
}

// --- early ------------------------------------------------------------------------------------------------------------

#[test]
fn a_refresh_runs_early_behind_everybodys_back() {
    for with_l2 in [true, false] {
        let change = json!({ "refresh": { "cluster": "api" } });
        let mut bench = aged(if with_l2 { Bench::with_l2(change) } else { Bench::with_rule(change) });
        for _ in 0..3 {
            assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
        }
        assert_eq!(bench.refreshes.len(), 1, "one at a time");
        bench.refresh(&ok("two").with("cache-control", "max-age=60"));
        assert_eq!((refreshes(&bench, RefreshEnd::Replaced), bench.origin_calls.len()), (1, 1));
        assert!(bench.origin_calls[0].headers.contains(&("if-none-match".to_owned(), "\"1\"".to_owned())));
        bench.random = u64::MAX;
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
        assert_eq!(bench.body(), "two");
        bench.settle();
        assert!(bench.is_quiet());
    }
}

#[test]
fn where_the_rule_names_no_cluster_a_client_leads() {
    for with_l2 in [true, false] {
        let mut bench = aged(if with_l2 { Bench::with_l2(json!({})) } else { Bench::with_rule(json!({})) });
        let leader = bench.leads(&get("/a"));
        assert_eq!(bench.conditions, [("if-none-match", "\"1\"".to_owned())]);
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
        bench.respond(leader, &ok("two").with("cache-control", "max-age=60"));
        assert!(bench.states.last().unwrap().ends_with("early_refresh"), "{:?}", bench.states);
        bench.random = u64::MAX;
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
        assert_eq!(bench.body(), "two");
    }
}

#[test]
fn an_origin_in_trouble_costs_the_one_who_was_early_nothing() {
    let mut bench = aged(Bench::with_l2(json!({})));
    let leader = bench.leads(&get("/a"));
    let headers = ok("x").with(":status", "503").headers.into_iter().collect();
    let verdict = bench.on(leader, Event::ResponseHead { headers, end: false, from_origin: true });
    assert!(matches!(verdict, crate::transaction::Verdict::Reply(answer) if answer.body() == b"one"));
    bench.errands();
    assert!(bench.is_quiet());
}

#[test]
fn nobody_is_early_whose_answer_it_would_not_be() {
    for (change, asks) in [
        (json!({ "freshness": { "early_refresh": false } }), get("/a")),
        (json!({}), super::bench::request("HEAD", "/a")),
        (json!({}), get("/a").with("range", "bytes=0-1")),
        (json!({}), get("/a").with("cache-control", "only-if-cached")),
    ] {
        let mut bench = aged(Bench::with_l2(change));
        assert_eq!(bench.ask(&asks, &ok("x")), "hit;l1", "{:?}", asks.headers);
        assert_eq!(bench.lookups.len(), 1);
    }
}

/// Each pod would, where nobody can say which one.
#[test]
fn without_l2s_word_nobody_is_early() {
    for reply in [Err(L2Failure::Timeout), Ok(b"-READONLY x\r\n".to_vec())] {
        let mut bench = aged(Bench::with_l2(json!({})));
        bench.replies.push_back(reply);
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
        assert_eq!((bench.lookups.len(), bench.leased(LeaseEnd::Led)), (2, 1));
        bench.errands();
        assert!(bench.is_quiet());
    }
}

#[test]
fn who_is_early_yields_to_another_pod() {
    let mut bench = aged(Bench::with_l2(json!({})));
    let mut other = bench.pod(&with_redis(json!([rule(json!({}))])));
    assert_eq!(other.ask(&get("/a"), &ok("x")), "hit;l2");
    other.random = EAGER;
    let leader = bench.leads(&get("/a"));
    for _ in 0..2 {
        assert_eq!(other.ask(&get("/a"), &ok("x")), "hit;l1");
    }
    assert_eq!((other.lookups.len(), other.leased(LeaseEnd::Yielded)), (2, 1));
    bench.respond(leader, &ok("two").with("cache-control", "max-age=60"));
    bench.settle();
    other.pass(3_000);
    assert_eq!(other.ask(&get("/a"), &ok("x")), "hit;l2", "which has a newer one now");
    assert_eq!(other.body(), "two");
}

// --- prewarm ----------------------------------------------------------------------------------------------------------

fn warmable() -> Value {
    let refresh = json!({ "cluster": "api", "headers": { "authorization": "TOKEN" } });
    with_redis(json!([rule(json!({ "auth": "shared", "refresh": refresh }))]))
}

/// A worker that serves requests and knows its credentials.
fn serving(settings: &Value) -> Bench {
    let mut bench = Bench::new(settings);
    bench.wait(0);
    bench.ask(&get("/first"), &ok("x"));
    bench.settle();
    bench.worker.provide(vec![("TOKEN".to_owned(), "Bearer x".to_owned())]);
    bench
}

fn prewarm(bench: &mut Bench, url: &str) {
    let now = bench.now.mono;
    bench.l2().tell("prewarm", "uri", url, now);
}

#[test]
fn a_prewarm_is_fetched_once_and_loaded_everywhere() {
    let mut bench = serving(&warmable());
    let mut other = bench.pod(&warmable());
    other.wait(0);
    other.ask(&get("/second"), &ok("x"));
    other.settle();
    other.worker.provide(vec![("TOKEN".to_owned(), "Bearer x".to_owned())]);
    prewarm(&mut bench, "https://H.example/p?q=1");
    for bench in [&mut bench, &mut other] {
        bench.wait(350);
        assert_eq!(bench.count(Metric::Notices { op: "prewarm", scope: "uri" }), 1);
        assert_eq!(bench.refreshes.len(), 1);
    }
    let [leader, follower] = [bench.refreshes.remove(0), other.refreshes.remove(0)];
    for (bench, stream) in [(&mut bench, leader), (&mut other, follower)] {
        bench.on(stream, Event::Refresh);
        bench.go_on(stream);
    }
    assert_eq!((bench.phase(leader), other.phase(follower)), ("fetching", "polling"));
    let call = &bench.origin_calls[0];
    let expected = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "h.example"),
        (":path", "/p?q=1"),
        ("authorization", "Bearer x"),
    ];
    assert_eq!(call.cluster, "api");
    assert_eq!(call.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    bench.respond(leader, &ok("warm"));
    bench.settle();
    other.pass(10);
    other.overdue();
    assert_eq!((refreshes(&bench, RefreshEnd::Replaced), refreshes(&other, RefreshEnd::Found)), (1, 1));
    assert!(other.origin_calls.is_empty() && bench.is_quiet() && other.is_quiet());
    for bench in [&mut bench, &mut other] {
        assert_eq!(bench.ask(&get("/p?q=1"), &ok("x")), "hit;l1");
        assert_eq!(bench.body(), "warm");
    }
}

#[test]
fn a_prewarm_never_replaces_what_is_there() {
    let mut bench = serving(&warmable());
    prewarm(&mut bench, "https://h.example/first");
    bench.wait(350);
    bench.refresh(&ok("x"));
    assert_eq!((refreshes(&bench, RefreshEnd::Found), bench.origin_calls.len()), (1, 0));
}

#[test]
fn a_worker_is_warm_before_its_first_request() {
    let mut bench = Bench::new(&warmable());
    bench.worker.provide(vec![("TOKEN".to_owned(), "Bearer x".to_owned())]);
    bench.wait(0);
    prewarm(&mut bench, "https://h.example/p");
    bench.wait(350);
    bench.refresh(&ok("warm"));
    assert_eq!(bench.ask(&get("/p"), &ok("x")), "hit;l1");
}

#[test]
fn what_cannot_be_warmed_is_counted() {
    for (settings, end) in [
        (with_redis(json!([rule(json!({}))])), Some(RefreshEnd::Refused)),
        (with_redis(json!([rule(json!({ "match": { "path": "/first" } }))])), None),
    ] {
        let mut bench = serving(&settings);
        prewarm(&mut bench, "https://h.example/p");
        bench.wait(350);
        assert!(bench.refreshes.is_empty());
        match end {
            Some(end) => assert_eq!(refreshes(&bench, end), 1, "{settings}"),
            None => assert_eq!(bench.count(Metric::Unexpected { reason: "prewarm_no_rule" }), 1),
        }
    }
    let mut bench = serving(&warmable());
    bench.worker.provide(Vec::new());
    prewarm(&mut bench, "https://h.example/p");
    bench.wait(350);
    assert_eq!(refreshes(&bench, RefreshEnd::Refused), 1, "without its credentials it is another answer");
    prewarm(&mut bench, "no url");
    bench.wait(350);
    assert_eq!(refreshes(&bench, RefreshEnd::Refused), 1);
}

#[test]
fn only_so_many_are_warmed_at_once() {
    let mut bench = serving(&warmable());
    for number in 0..70 {
        prewarm(&mut bench, &format!("https://h.example/{number}"));
    }
    bench.wait(350);
    assert_eq!((bench.refreshes.len(), refreshes(&bench, RefreshEnd::Refused)), (64, 6));
    bench.refresh(&ok("x"));
    assert_eq!((refreshes(&bench, RefreshEnd::Replaced), bench.worker.memory().entries()), (64, 65));
    prewarm(&mut bench, "https://h.example/again");
    bench.wait(350);
    assert_eq!(bench.refreshes.len(), 1, "those are done");
}

#[test]
fn a_prewarm_that_waits_for_another_pod_gives_up_in_time() {
    let mut bench = serving(&warmable());
    let mut other = bench.pod(&warmable());
    other.leads(&get("/p"));
    prewarm(&mut bench, "https://h.example/p");
    bench.wait(350);
    let stream = bench.refreshes.remove(0);
    bench.on(stream, Event::Refresh);
    bench.go_on(stream);
    assert_eq!(bench.phase(stream), "polling");
    bench.pass(1_000);
    bench.overdue();
    assert_eq!(bench.phase(stream), "polling", "longer than a client would");
    bench.pass(2_000);
    bench.overdue();
    assert_eq!((bench.phase(stream), refreshes(&bench, RefreshEnd::Failed)), ("none", 1));
    assert_eq!(bench.calls("lookup", L2End::Abandoned), 0);
}

#[test]
fn a_prewarm_without_l2s_word_asks_nobody() {
    let mut bench = serving(&warmable());
    prewarm(&mut bench, "https://h.example/p");
    bench.wait(350);
    bench.replies.push_back(Err(L2Failure::Timeout));
    bench.refresh(&ok("x"));
    assert_eq!((bench.origin_calls.len(), refreshes(&bench, RefreshEnd::Failed)), (0, 1));
}
