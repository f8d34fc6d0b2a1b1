//! An L2 that lies, fails, or is not there.

use super::bench::{Bench, POSITION, bulk, get, ok, post};
use crate::codec::tests::sealed;
use crate::metrics::{L2End, Metric};
use crate::reason::L2Failure;
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A hit whose entry is `bytes`.
fn hit(age: u64, bytes: &[u8]) -> Vec<u8> {
    bulk(&[format!("H{POSITION}{age}|").as_bytes(), bytes].concat())
}

#[test]
fn entries_that_are_not_what_was_asked_for_are_misses() {
    let mut donor = Bench::with_l2(json!({}));
    donor.ask(&get("/other"), &ok("another's"));
    let foreign = donor.fills.remove(0).body.unwrap();
    donor.ask(&get("/a").with("x", "1"), &ok("for one").with("vary", "x"));
    let variant = donor.fills.remove(0).body.unwrap();
    let mut damaged = foreign.clone();
    damaged[20] ^= 1;
    for (what, bytes) in [
        ("nothing", vec![]),
        ("garbage", b"<html>".to_vec()),
        ("cut short", foreign[..foreign.len() - 1].to_vec()),
        ("damaged", damaged),
        ("of the future", sealed(b"FPC2", 2, b"{}")),
        ("under a foreign key", foreign),
        ("for other values", variant),
    ] {
        let mut bench = Bench::with_l2(json!({}));
        bench.replies.push_back(Ok(hit(0, &bytes)));
        assert_eq!(bench.ask(&get("/a"), &ok("own")), "miss;uri_miss", "{what}");
        assert_eq!(bench.calls("lookup", L2End::Failed(L2Failure::Corrupt)), 1, "{what}");
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
        assert_eq!(bench.body(), "own", "{what}");
    }
}

/// More cuts than values: a small entry that would make a large answer, or one that no answer can be made of.
#[test]
fn cuts_that_the_rule_does_not_make_are_misses() {
    let key = json!({ "json": { "include": ["/q"], "echo": ["/id"] } });
    let change = json!({ "match": { "methods": ["POST"], "path": "/**" }, "key": key });
    let mut bench = Bench::with_l2(change.clone());
    let ask = post("/a", r#"{"q":1,"id":"me"}"#);
    bench.ask(&ask, &ok(r#"{"id":"me"}"#));
    let stored = crate::codec::decode(bench.fills[0].body.as_ref().unwrap()).unwrap();
    assert_eq!(stored.cuts.len(), 1);
    let with = |cuts: Vec<(usize, usize)>| {
        let cuts = cuts.into_iter().map(|(at, echo)| crate::echo::Cut { at, echo }).collect();
        hit(0, &crate::codec::encode(&crate::entry::Entry { cuts, ..stored.clone() }).unwrap())
    };
    for cuts in [vec![(6, 0), (6, 0)], vec![(6, 1)], vec![(6, usize::MAX)], vec![(0, 0); 1000]] {
        let mut bench = Bench::with_l2(change.clone());
        bench.replies.push_back(Ok(with(cuts.clone())));
        assert_eq!(bench.ask(&ask, &ok(r#"{"id":"me"}"#)), "miss;uri_miss", "{cuts:?}");
        assert_eq!(bench.calls("lookup", L2End::Failed(L2Failure::Corrupt)), 1);
    }
}

#[test]
fn every_failure_goes_to_the_origin_with_its_name() {
    for (reply, failure) in [
        (Err(L2Failure::Timeout), L2Failure::Timeout),
        (Err(L2Failure::Unreachable), L2Failure::Unreachable),
        (Ok("-READONLY x\r\n"), L2Failure::Refused),
        (Ok("-OOM x\r\n"), L2Failure::Refused),
        (Ok("-ERR x\r\n"), L2Failure::Error),
        (Err(L2Failure::Error), L2Failure::Error),
        (Ok("$5\r\nM"), L2Failure::Corrupt),
        (Ok(""), L2Failure::Corrupt),
    ] {
        let mut bench = Bench::with_l2(json!({}));
        bench.replies.push_back(reply.map(|text| text.as_bytes().to_vec()));
        assert_eq!(bench.ask(&get("/a"), &ok("one")), "miss;uri_miss", "{failure:?}");
        assert_eq!(bench.calls("lookup", L2End::Failed(failure)), 1);
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1", "L1 works all the same");
    }
}

#[test]
fn the_breaker_spares_requests_the_wait() {
    let mut bench = Bench::with_l2(json!({}));
    bench.cut = true;
    let asks = |bench: &mut Bench, number: u32, reply: Option<L2Failure>| {
        bench.replies.extend(reply.map(Err));
        let target = format!("/{number}");
        assert_eq!(bench.ask(&get(&target), &ok("x")), "miss;uri_miss");
    };
    for number in 0..5 {
        asks(&mut bench, number, Some(L2Failure::Timeout));
    }
    assert_eq!((bench.lookups.len(), bench.count(Metric::BreakerOpen)), (5, 1));
    assert_eq!((bench.fills.len(), bench.calls("fill", L2End::Dropped)), (0, 5), "nobody said where the log stands");
    asks(&mut bench, 10, None);
    assert_eq!(bench.lookups.len(), 5, "nobody is asked");
    assert_eq!((bench.fills.len(), bench.leases.len()), (0, 5), "nor written to");
    bench.wait(500);
    asks(&mut bench, 11, None);
    assert_eq!((bench.lookups.len(), bench.count(Metric::BreakerOpen)), (6, 0));
    asks(&mut bench, 12, None);
    assert_eq!((bench.lookups.len(), bench.fills.len()), (7, 2));
}

#[test]
fn answers_that_say_no_are_answers_to_the_breaker() {
    let mut bench = Bench::with_l2(json!({}));
    for number in 0..20 {
        bench.replies.push_back(Ok(b"-READONLY x\r\n".to_vec()));
        bench.ask(&get(&format!("/{number}")), &ok("x"));
    }
    assert_eq!((bench.lookups.len(), bench.count(Metric::BreakerOpen)), (20, 0));
}
