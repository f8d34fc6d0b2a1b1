//! What is written to L2 behind the client's back, and how much of it at once.

use super::bench::{Bench, get, ok, rule, with_redis};
use crate::metrics::L2End;
use crate::reason::L2Failure;
use serde_json::{Value, json};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The life of the last fill, in milliseconds.
fn life(bench: &Bench) -> u64 {
    bench.fills.last().unwrap().arguments[2].parse().unwrap()
}

#[test]
fn a_fill_lives_no_longer_than_its_answer_nor_than_the_operator_says() {
    let mut bench = Bench::with_l2(json!({}));
    for (cache_control, age, random, expected) in [
        ("max-age=60", "0", 0, 60_000),
        ("max-age=60", "20", u64::MAX, 40_000),
        ("max-age=86400", "0", 0, 1_710_000),
        ("max-age=86400", "0", u64::MAX, 1_890_000),
    ] {
        bench.random = random;
        bench.ask(
            &get("/a").with("cache-control", "no-cache"),
            &ok("x").with("cache-control", cache_control).with("age", age),
        );
        assert_eq!(life(&bench), expected, "{cache_control} {age}");
        bench.settle();
    }
    let before = bench.fills.len();
    bench.ask(&get("/b"), &ok("x").with("cache-control", "max-age=0").with("etag", "\"1\""));
    assert_eq!(bench.fills.len(), before, "what is stale at once need not be shared");
    bench.ask(&get("/b"), &ok("x").with("cache-control", "no-cache").with("etag", "\"1\""));
    assert_eq!(life(&bench), 1_890_000, "what is asked for each time is kept for its validator");
    assert_eq!(bench.calls("fill", L2End::Dropped), 0);
}

#[test]
fn an_unknown_script_is_sent_whole_and_once() {
    let mut bench = Bench::with_l2(json!({}));
    bench.ask(&get("/a"), &ok("x"));
    let call = bench.fills.remove(0);
    bench.filled(call.clone(), Ok(b"-NOSCRIPT x\r\n"));
    let whole = bench.fills.remove(0);
    assert!(!call.whole && whole.whole);
    assert_eq!(
        (whole.keys.clone(), whole.arguments.clone(), whole.body.clone()),
        (call.keys, call.arguments, call.body)
    );
    bench.filled(whole, Ok(b"-NOSCRIPT x\r\n"));
    assert!(bench.fills.is_empty());
    assert_eq!(bench.calls("fill", L2End::Failed(L2Failure::NoScript)), 2);
}

#[test]
fn every_end_of_a_fill_is_counted() {
    let mut bench = Bench::with_l2(json!({}));
    for (number, (reply, end)) in [
        (Ok(&b"$1\r\nS\r\n"[..]), L2End::Ok),
        (Ok(b"$1\r\nF\r\n"), L2End::Fenced),
        (Ok(b"$1\r\nM\r\n"), L2End::Failed(L2Failure::Corrupt)),
        (Ok(b"-OOM x\r\n"), L2End::Failed(L2Failure::Refused)),
        (Err(L2Failure::Timeout), L2End::Failed(L2Failure::Timeout)),
        (Err(L2Failure::Unreachable), L2End::Failed(L2Failure::Unreachable)),
    ]
    .into_iter()
    .enumerate()
    {
        bench.ask(&get(&format!("/{number}")), &ok("x"));
        let call = bench.fills.remove(0);
        bench.filled(call, reply);
        assert_eq!(bench.calls("fill", end), 1, "{end:?}");
    }
}

/// Asks for many targets; returns how many fills went out.
fn burst(bench: &mut Bench, name: &str, count: usize, body: &str) -> usize {
    let before = bench.fills.len();
    for number in 0..count {
        bench.ask(&get(&format!("/{name}/{number}")), &ok(body));
    }
    bench.fills.len() - before
}

#[test]
fn only_so_many_fills_are_under_way() {
    let mut bench = Bench::with_l2(json!({}));
    assert_eq!(burst(&mut bench, "a", 70, "x"), 64);
    assert_eq!(bench.calls("fill", L2End::Dropped), 6);
    assert_eq!(bench.worker.memory().entries(), 70, "L1 has them all");
    let call = bench.fills.remove(0);
    bench.filled(call.clone(), Ok(b"-NOSCRIPT x\r\n"));
    assert_eq!(burst(&mut bench, "b", 1, "x"), 0, "one that is sent again is still under way");
    bench.filled(call, Err(L2Failure::Timeout));
    assert_eq!(burst(&mut bench, "c", 2, "x"), 1);
}

#[test]
fn fills_that_are_never_heard_of_again_are_forgotten() {
    let mut bench = Bench::with_l2(json!({}));
    assert_eq!(burst(&mut bench, "a", 64, "x"), 64);
    bench.wait(59_999);
    assert_eq!(burst(&mut bench, "b", 1, "x"), 0);
    bench.wait(1);
    assert_eq!(burst(&mut bench, "c", 70, "x"), 64);
    for call in std::mem::take(&mut bench.fills) {
        bench.filled(call, Ok(b"$1\r\nS\r\n"));
    }
    assert_eq!(burst(&mut bench, "d", 70, "x"), 64, "late news do no harm");
}

#[test]
fn fills_under_way_are_no_larger_than_l1() {
    let settings = |bytes: &str| -> Value {
        let mut settings = with_redis(json!([rule(json!({}))]));
        settings["memory"] = json!({ "max_bytes": bytes });
        settings
    };
    let mut bench = Bench::new(&settings("64KiB"));
    let body = "x".repeat(3000);
    let sent = burst(&mut bench, "a", 40, &body);
    let bytes: usize = bench.fills.iter().map(|call| call.body.as_ref().unwrap().len()).sum();
    assert!((15..22).contains(&sent) && bytes <= 64 << 10, "{sent} {bytes}");
    let call = bench.fills.remove(0);
    bench.filled(call, Ok(b"$1\r\nS\r\n"));
    assert_eq!(burst(&mut bench, "b", 2, &body), 1);
    // What ends makes as much room as it took.
    let mut bench = Bench::new(&settings("64KiB"));
    assert!(burst(&mut bench, "large", 30, &body) > 10);
    let small = burst(&mut bench, "small", 20, "x");
    assert!((1..20).contains(&small), "{small}");
    let call = bench.fills.pop().unwrap();
    bench.filled(call, Ok(b"$1\r\nS\r\n"));
    assert_eq!(burst(&mut bench, "more", 1, &body), 0);
    assert_eq!(burst(&mut bench, "tiny", 1, "x"), 1);
}
