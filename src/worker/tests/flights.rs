//! One asks, the others of this worker wait: who gets what.

use super::bench::{Bench, get, ok, post, request, rule, with_redis};
use super::crowd::fate;
use crate::metrics::{L2End, LeaseEnd, Metric, Status, Tier};
use crate::reason::NotStored;
use crate::transaction::{Event, Stream};
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A worker without L2, and one with.
pub const BOTH: [fn() -> Bench; 2] = [|| Bench::with_rule(json!({})), || Bench::with_l2(json!({}))];

/// The head of an answer whose body is still to come.
pub fn begins(bench: &mut Bench, stream: Stream) {
    let headers = ok("whole").headers.into_iter().collect();
    bench.on(stream, Event::ResponseHead { headers, end: false, from_origin: true });
    assert_eq!(bench.phase(stream), "filling");
}

// --- together ---------------------------------------------------------------------------------------------------------

#[test]
fn those_who_come_together_ask_once() {
    for bench in BOTH {
        let mut bench = bench();
        let first = bench.leads(&get("/a"));
        let others = [bench.waits(&get("/a")), bench.waits(&get("/a"))];
        begins(&mut bench, first);
        assert!(bench.wakes.is_empty(), "the body is still to come");
        bench.on(first, Event::ResponseBody(b"whole"));
        bench.on(first, Event::ResponseEnd);
        assert_eq!(bench.wakes, others);
        assert_eq!(bench.woken(), others.map(|stream| (stream, "collapsed;origin")));
        assert_eq!([LeaseEnd::Led, LeaseEnd::Collapsed, LeaseEnd::HandedOver].map(|end| bench.leased(end)), [1, 2, 0]);
        assert_eq!(bench.count(Metric::Requests { rule: 0, status: Status::Collapsed, tier: Tier::Origin }), 2);
        bench.settle();
        assert!(bench.is_quiet());
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    }
}

#[test]
fn a_collapsed_answer_says_so() {
    let mut bench = Bench::with_l2(json!({}));
    let first = bench.leads(&get("/a"));
    let other = bench.waits(&get("/a"));
    bench.respond(first, &ok("one"));
    let crate::transaction::Verdict::Reply(answer) = bench.wake(other) else { panic!("no answer") };
    assert_eq!((answer.body(), answer.age), (&b"one"[..], 0));
    assert_eq!(answer.cache_status, "fingerprint-cache; fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=300");
}

#[test]
fn those_who_wait_share_what_l2_has() {
    let mut first = Bench::with_l2(json!({}));
    first.ask(&get("/a"), &ok("one"));
    first.settle();
    let mut bench = first.sibling(&with_redis(json!([rule(json!({}))])));
    bench.wait(0);
    let leader = bench.stream();
    bench.head(leader, &get("/a"));
    let other = bench.waits(&get("/a"));
    assert_eq!(fate(&bench.go_on(leader).unwrap()), "hit;l2");
    assert_eq!(bench.woken(), [(other, "hit;l2")]);
    assert_eq!((bench.lookups.len(), bench.leased(LeaseEnd::Led)), (1, 0));
    let said = [L2End::Ok, L2End::Miss].map(|end| bench.calls("lease", end));
    assert_eq!(said, [0, 0], "no lease was granted, so none is given back");
    assert!(bench.is_quiet());
}

#[test]
fn a_confirmed_answer_is_shared_too() {
    for bench in BOTH {
        let mut bench = bench();
        bench.ask(&get("/a"), &ok("one").with("etag", "\"1\"").with("cache-control", "max-age=10"));
        bench.settle();
        bench.wait(10_000);
        let first = bench.leads(&get("/a"));
        let other = bench.waits(&get("/a"));
        bench.respond(first, &super::bench::empty("304").with("cache-control", "max-age=10"));
        assert_eq!(bench.woken(), [(other, "collapsed;origin")]);
    }
}

#[test]
fn those_who_want_another_answer_do_not_wait() {
    let mut bench = Bench::with_rule(json!({}));
    bench.leads(&get("/a"));
    for other in [
        get("/b"),
        request("HEAD", "/a"),
        get("/a").with("range", "bytes=0-1"),
        get("/a").with("cache-control", "no-cache"),
    ] {
        let (_, verdict) = bench.send(&other);
        assert_eq!(fate(&verdict), "origin", "{:?}", other.headers);
    }
    assert_eq!(bench.ask(&get("/a").with("cache-control", "only-if-cached"), &ok("x")), "only_if_cached");
    bench.waits(&get("/a"));
}

/// Neither of them leads: nobody waits for what is not for all.
#[test]
fn nobody_waits_for_those() {
    for first in
        [request("HEAD", "/a"), get("/a").with("range", "bytes=0-1"), get("/a").with("cache-control", "no-cache")]
    {
        let mut bench = Bench::with_rule(json!({}));
        bench.leads(&first);
        bench.leads(&get("/a"));
    }
}

#[test]
fn a_body_goes_on_while_its_request_waits() {
    let whole = json!({ "match": { "methods": ["POST"], "path": "/**" }, "key": { "body": "whole" } });
    let mut bench = Bench::with_rule(whole);
    let first = bench.leads(&post("/a", "q"));
    let [other, last] = [(); 2].map(|()| bench.waits(&post("/a", "q")));
    // Trailers end the body a second time.
    let verdict = bench.on(other, Event::RequestBody { length: 1, bytes: None });
    assert_eq!((fate(&verdict), bench.phase(other)), ("paused", "waiting"));
    bench.leaves(first);
    bench.on(other, Event::RequestBody { length: 1, bytes: None });
    assert_eq!(bench.phase(other), "waiting");
    assert_eq!(bench.woken(), [(other, "origin")], "it leads all the same");
    bench.respond(other, &ok("one"));
    assert_eq!(bench.woken(), [(last, "collapsed;origin")]);
}

// --- whom it does not fit ---------------------------------------------------------------------------------------------

#[test]
fn who_wants_another_variant_asks_anew() {
    for bench in BOTH {
        let mut bench = bench();
        let speaking = |language: &str| get("/a").with("accept-language", language);
        let first = bench.leads(&speaking("de"));
        let [german, english, french] = ["de", "en", "en"].map(|language| bench.waits(&speaking(language)));
        bench.respond(first, &ok("gut").with("vary", "accept-language"));
        assert_eq!(bench.woken(), [(german, "collapsed;origin"), (english, "origin"), (french, "paused")]);
        bench.respond(english, &ok("good").with("vary", "accept-language"));
        assert_eq!(bench.woken(), [(french, "collapsed;origin")]);
        // By now it is known what tells them apart.
        let later = bench.leads(&get("/b").with("accept-language", "de"));
        bench.leads(&get("/b").with("accept-language", "en"));
        bench.waits(&get("/b").with("accept-language", "de"));
        bench.leaves(later);
    }
}

/// L2 knows what tells variants apart, and this worker does not: the first to ask learns it, and leads on.
#[test]
fn who_learns_what_tells_variants_apart_leads_on() {
    let speaking = |language: &str| get("/a").with("accept-language", language);
    let mut first = Bench::with_l2(json!({}));
    first.ask(&speaking("fr"), &ok("bon").with("vary", "accept-language"));
    first.settle();
    let mut bench = first.pod(&with_redis(json!([rule(json!({}))])));
    bench.wait(0);
    let leader = bench.stream();
    bench.head(leader, &speaking("de"));
    let [german, english] = ["de", "en"].map(|language| bench.waits(&speaking(language)));
    bench.go_on(leader);
    assert_eq!(bench.woken(), [(german, "paused"), (english, "origin")]);
    assert_eq!((bench.phase(german), fate(&bench.go_on(leader).unwrap())), ("waiting", "origin"));
    bench.respond(leader, &ok("gut").with("vary", "accept-language"));
    assert_eq!(bench.woken(), [(german, "collapsed;origin")]);
    assert_eq!(bench.lookups.len(), 3);
}

#[test]
fn who_may_not_have_the_answer_goes_alone() {
    for (request, state) in [
        (get("/a").with("cache-control", "min-fresh=1000"), "origin"),
        (get("/a").with("cache-control", "max-age=5"), "collapsed;origin"),
    ] {
        let mut bench = Bench::with_rule(json!({}));
        let first = bench.leads(&get("/a"));
        let other = bench.waits(&request);
        bench.respond(first, &ok("one"));
        assert_eq!(bench.woken(), [(other, state)], "{:?}", request.headers);
        assert!(bench.worker.flights.is_idle(), "and leads nobody");
    }
}

/// Whoever shows who he is may get an answer for him alone: others need not wait for it, nor he for theirs.
#[test]
fn who_shows_who_he_is_waits_for_his_like_alone() {
    let mut bench = Bench::with_rule(json!({}));
    let own = || get("/a").with("authorization", "x");
    let (others, his) = (bench.leads(&get("/a")), bench.leads(&own()));
    let like_him = bench.waits(&own());
    bench.respond(his, &ok("his"));
    assert_eq!(bench.woken(), [(like_him, "origin")]);
    let one = bench.waits(&get("/a"));
    bench.respond(others, &ok("one"));
    assert_eq!(bench.woken(), [(one, "collapsed;origin")]);
}

#[test]
fn who_waits_through_an_invalidation_asks_anew() {
    let mut bench = Bench::with_l2(json!({}));
    let first = bench.leads(&get("/a"));
    let other = bench.waits(&get("/a"));
    bench.respond(first, &ok("old"));
    bench.settle();
    let (change, _) = bench.send(&request("PUT", "/a"));
    bench.respond(change, &super::bench::empty("204"));
    assert_eq!(bench.woken(), [(other, "origin")], "the answer was there, and is the older one");
    assert_eq!(bench.leased(LeaseEnd::Collapsed), 0);
}

/// The log says so while the answer waits for those who wait for it.
#[test]
fn an_answer_that_is_banned_meanwhile_is_not_shared() {
    for (op, wakes) in [("invalidate", "origin"), ("refresh", "origin")] {
        let mut bench = Bench::with_l2(json!({}));
        bench.wait(0);
        let first = bench.leads(&get("/a"));
        let other = bench.waits(&get("/a"));
        bench.respond(first, &ok("old").with("cache-tag", "t"));
        bench.settle();
        let now = bench.now.mono;
        bench.l2().tell(op, "tag", "t", now);
        bench.wait(350);
        assert_eq!(bench.woken(), [(other, wakes)], "{op}");
    }
}

// --- what is for nobody else ------------------------------------------------------------------------------------------

#[test]
fn what_may_not_be_stored_lets_each_go_alone_at_once() {
    for (origin, reason) in [
        (ok("x").with("cache-control", "private"), NotStored::Private),
        (ok("x").with("cache-control", "no-store"), NotStored::NoStore),
        (ok("x").with("set-cookie", "id=1"), NotStored::SetCookie),
        (ok("x").with("vary", "*"), NotStored::VaryStar),
    ] {
        let mut bench = Bench::with_l2(json!({}));
        let first = bench.leads(&get("/a"));
        let others = [(); 3].map(|()| bench.waits(&get("/a")));
        bench.respond(first, &origin);
        assert_eq!(bench.woken(), others.map(|stream| (stream, "origin")), "{reason:?}");
        let next = bench.leads(&get("/a"));
        assert_eq!(bench.lookups.len(), 2, "nobody begins to wait; in L2 there might be something after all");
        assert_eq!(bench.l2().holders(), ["U"], "and other pods hear of it");
        for stream in others.into_iter().chain([next]) {
            bench.respond(stream, &origin);
        }
        assert!(bench.worker.flights.is_idle() && bench.leases.is_empty());
        assert_eq!(bench.count(Metric::NotStored { rule: 0, reason }), 5);
        bench.wait(4_999);
        bench.leads(&get("/a"));
        assert_eq!((bench.lookups.len(), fate(&bench.send(&get("/a")).1)), (3, "origin"));
        bench.wait(1);
        bench.leads(&get("/a"));
        assert_eq!((bench.lookups.len(), fate(&bench.send(&get("/a")).1)), (5, "paused"), "until that is over");
    }
}

#[test]
fn what_grows_too_large_lets_each_go_alone() {
    let mut bench = Bench::with_l2(json!({ "max_response": "10B" }));
    let first = bench.leads(&get("/a"));
    let other = bench.waits(&get("/a"));
    let headers = ok("x").chunked().headers.into_iter().collect();
    bench.on(first, Event::ResponseHead { headers, end: false, from_origin: true });
    bench.on(first, Event::ResponseBody(b"12345678901"));
    assert_eq!(bench.woken(), [(other, "origin")]);
    bench.leads(&get("/a"));
}

/// In another pod, it was; so it need not be tried here.
#[test]
fn what_l2_says_is_uncacheable_lets_each_go_alone() {
    let mut first = Bench::with_l2(json!({}));
    first.ask(&get("/a"), &ok("x").with("cache-control", "private"));
    first.errands();
    assert_eq!(first.l2().holders(), ["U"]);
    let mut bench = first.pod(&with_redis(json!([rule(json!({}))])));
    let leader = bench.stream();
    bench.head(leader, &get("/a"));
    let others = [(); 2].map(|()| bench.waits(&get("/a")));
    assert_eq!(fate(&bench.go_on(leader).unwrap()), "origin");
    assert_eq!(bench.woken(), others.map(|stream| (stream, "origin")));
    bench.leads(&get("/a"));
    assert_eq!(bench.lookups.len(), 2);
    // Should it be one to store after all, it is.
    bench.respond(leader, &ok("one"));
    bench.settle();
    assert_eq!(bench.l2().hashes.len(), 1);
}
