//! Envoy with the built module: started, changed while it runs, refused, restarted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use stack::bootstrap::Bootstrap;
use stack::{Client, Origin, Request, Stack, Step, answer};

const PROFILE: &str = "/v1/fingerprints/profiles/a";

fn origin() -> Origin {
    Origin::start(|_| answer(200, &[("cache-control", "max-age=60"), ("content-type", "application/json")], "{}"))
        .unwrap()
}

/// The shipped plugin configuration under another name in `Cache-Status`.
fn named(name: &str) -> Value {
    let mut plugin = Bootstrap::shipped().unwrap().plugin().unwrap();
    plugin["name"] = json!(name);
    plugin
}

#[test]
fn a_hit_is_seen_in_header_metrics_and_log() {
    let origin = origin();
    let stack = Stack::builder().service(origin.port()).workers(1).start().unwrap();
    assert!(stack.get(PROFILE).unwrap().cache_status().unwrap().stored);
    assert!(stack.get(PROFILE).unwrap().cache_status().unwrap().hit_from("l1"));
    assert_eq!(origin.count(), 1);
    let labels = [("rule", "profiles"), ("status", "hit"), ("tier", "l1")];
    assert_eq!(stack.metrics().unwrap().sum("fingerprint_cache_requests_total", &labels), 1.0);
    let log = stack.envoy.log();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while !std::fs::read_to_string(&log).unwrap().contains("; hit; ttl=") {
        assert!(std::time::Instant::now() < deadline, "no hit in the access log");
    }
}

#[test]
fn two_stacks_run_side_by_side() {
    let (origin, other) = (origin(), origin());
    let one = Stack::builder().service(origin.port()).start().unwrap();
    let two = Stack::builder().service(other.port()).start().unwrap();
    assert_eq!(one.get(PROFILE).unwrap().status, 200);
    assert_eq!((origin.count(), other.count()), (1, 0));
    assert_eq!(two.get(PROFILE).unwrap().status, 200);
    assert_eq!((origin.count(), other.count()), (1, 1));
}

#[test]
fn a_change_is_in_force_when_it_returns() {
    let origin = origin();
    let mut stack = Stack::builder().service(origin.port()).start().unwrap();
    for round in 0..10 {
        let name = format!("round-{round}");
        stack.envoy.reconfigure(&named(&name)).unwrap();
        for _ in 0..8 {
            let status = stack.get(PROFILE).unwrap().text("cache-status").unwrap();
            assert!(status.starts_with(&name), "{name}: {status}");
        }
    }
}

#[test]
fn a_refused_change_says_why_and_leaves_the_old_one() {
    let origin = origin();
    let mut stack = Stack::builder().service(origin.port()).plugin(named("first")).start().unwrap();
    let error = stack.envoy.reconfigure(&json!({ "no_such_field": 1 })).unwrap_err();
    assert!(error.contains("no_such_field"), "{error}");
    assert!(stack.get(PROFILE).unwrap().text("cache-status").unwrap().starts_with("first"));
    stack.envoy.reconfigure(&named("second")).unwrap();
    assert!(stack.get(PROFILE).unwrap().text("cache-status").unwrap().starts_with("second"));
}

#[test]
fn a_refused_start_says_why() {
    let error = Stack::builder().plugin(json!({ "no_such_field": 1 })).start().unwrap_err();
    assert!(error.contains("no_such_field"), "{error}");
    let error = Stack::builder().change(|bootstrap| {
        *bootstrap.tree() = json!({ "nonsense": 1 });
        Ok(())
    });
    assert!(error.start().is_err());
}

#[test]
fn connections_that_are_open_survive_a_change() {
    let origin = origin();
    let mut stack = Stack::builder().service(origin.port()).start().unwrap();
    let port = stack.envoy.port();
    let over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&over);
    let load = thread::spawn(move || {
        let mut client = Client::connect(port).unwrap();
        let mut answers = 0;
        while !until.load(Ordering::Relaxed) {
            assert_eq!(client.send(&Request::get(PROFILE)).unwrap().status, 200);
            answers += 1;
        }
        answers
    });
    for round in 0..3 {
        stack.envoy.reconfigure(&named(&format!("round-{round}"))).unwrap();
    }
    over.store(true, Ordering::Relaxed);
    assert!(load.join().unwrap() > 10);
}

#[test]
fn a_restarted_envoy_serves_on_its_port() {
    let origin = origin();
    let mut stack = Stack::builder().service(origin.port()).redis(false).webdis(false).start().unwrap();
    assert_eq!(stack.get(PROFILE).unwrap().status, 200);
    stack.envoy.kill();
    assert!(stack.get(PROFILE).is_err());
    stack.envoy.start().unwrap();
    assert_eq!(stack.get(PROFILE).unwrap().status, 200);
    stack.envoy.restart().unwrap();
    assert_eq!(stack.get(PROFILE).unwrap().status, 200);
}

#[test]
fn escaped_slashes_are_refused_and_paths_made_normal() {
    let origin = origin();
    let stack = Stack::builder().service(origin.port()).start().unwrap();
    for path in ["/v1/fingerprints/profiles/..%2f..%2fauth", "/a%5Cb", "/a%2Fb"] {
        assert_eq!(stack.get(path).unwrap().status, 400, "{path}");
    }
    assert_eq!(origin.count(), 0);
    stack.get("/v1//fingerprints/./x/../profiles/%61").unwrap();
    assert_eq!(origin.asked()[0].path(), PROFILE);
}

#[test]
fn a_service_that_breaks_off_is_seen_by_the_client() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec();
    let origin = Origin::start(move |_| vec![Step::Write(head.clone()), Step::Close]).unwrap();
    let stack = Stack::builder().service(origin.port()).start().unwrap();
    assert!(stack.get(PROFILE).unwrap_err().contains("cut short"));
    drop(origin);
    assert_eq!(stack.get("/health").unwrap().status, 503);
}
