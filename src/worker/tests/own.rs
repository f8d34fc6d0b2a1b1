//! Answers to unsafe requests that are stored, beside their own invalidation and those of others; and what becomes of the
//! log when the configuration names another one.

use super::bench::{get, ok, post, request};
use super::notices::{filled, settings};
use crate::transaction::Event;
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A POST whose answer is what GET would give; what others publish while it is at the origin; then a GET, when all is heard.
fn posted(others: &[[&str; 3]]) -> String {
    let origin = ok("new").with("content-location", "/a").with("cache-control", "max-age=60");
    let mut bench = filled(json!({}));
    let (stream, _) = bench.send(&post("/a", "x"));
    let now = bench.now.mono;
    others.iter().for_each(|[op, scope, value]| bench.l2().tell(op, scope, value, now));
    bench.respond(stream, &origin);
    bench.ban();
    bench.on(stream, Event::Gone);
    bench.wait(1_000);
    bench.ask(&get("/a"), &ok("x"))
}

#[test]
fn its_own_invalidation_is_not_about_it() {
    assert_eq!(posted(&[]), "hit;l1");
    assert_eq!(posted(&[["invalidate", "tag", "other"], ["prewarm", "uri", "-"]]), "hit;l1");
}

#[test]
fn what_others_invalidated_meanwhile_is_about_it() {
    for [scope, value] in [["uri", "/a"], ["prefix", "/"], ["rule", "r"], ["all", ""]] {
        assert_eq!(posted(&[["invalidate", scope, value]]), "miss;invalidated", "{scope}");
        let around = [["invalidate", "tag", "1"], ["invalidate", scope, value], ["invalidate", "tag", "2"]];
        assert_eq!(posted(&around), "miss;invalidated", "{scope}");
    }
}

#[test]
fn in_another_log_no_place_means_anything() {
    let mut bench = filled(json!({}));
    assert!(bench.worker.following.follower.position().is_some());
    let mut other = settings(json!({}));
    other["redis"]["key_prefix"] = json!("other");
    bench.configure(&other);
    assert_eq!(bench.worker.memory().entries(), 0);
    assert_eq!(bench.worker.following.follower.position(), None);
}

#[test]
fn where_entries_live_longer_all_bans_are_read_anew() {
    for (ttl, reads) in [("1h", true), ("10m", false), ("30m", false)] {
        let mut bench = filled(json!({}));
        let mut other = settings(json!({}));
        other["redis"]["ttl"] = json!(ttl);
        bench.configure(&other);
        assert_eq!(bench.worker.following.follower.position().is_none(), reads, "{ttl}");
        assert_eq!(bench.worker.memory().entries(), 1, "what is there stays");
        bench.wait(1_000);
        assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    }
}

/// Without L2 a worker is its own log; it never counts on in that of a Redis.
#[test]
fn alone_it_does_not_count_for_redis() {
    let mut bench = filled(json!({}));
    let mut alone = settings(json!({}));
    alone.as_object_mut().unwrap().remove("redis");
    bench.configure(&alone);
    let (stream, _) = bench.send(&request("PUT", "/b"));
    bench.respond(stream, &super::bench::empty("204"));
    let position = bench.worker.following.follower.position().cloned().unwrap();
    assert_eq!((position.epoch.as_str(), position.n), ("alone", 1));
    bench.configure(&settings(json!({})));
    assert_eq!(bench.worker.following.follower.position(), None, "what Redis did meanwhile is not known");
}
