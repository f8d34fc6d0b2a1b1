//! Faults of what pods share: `fill`, `sync`, tags, and the headers of refreshes.

use serde_json::json;

use super::{expect_at_root, expect_in_rule, parse, with_root};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn times_out_of_their_range() {
    let late = "has a `max_lag` below twice its `interval`: one late reading would suspend all of L1";
    expect_at_root(&[
        (json!({ "fill": { "lease": "99ms" } }), "fill.lease", "99ms is out of range", "write 100ms to 1m"),
        (json!({ "fill": { "wait": "31s" } }), "fill.wait", "31s is out of range", "write 0ms to 30s"),
        (json!({ "fill": { "uncacheable": "11m" } }), "fill.uncacheable", "11m is out of range", "write 100ms to 10m"),
        (json!({ "sync": { "interval": "49ms" } }), "sync.interval", "49ms is out of range", "write 50ms to 10s"),
        (
            json!({ "sync": { "interval": "3s", "max_lag": "5s" } }),
            "sync",
            late,
            "write a longer `max_lag`, such as 5s, or a shorter `interval`",
        ),
    ]);
}

#[test]
fn a_long_interval_has_a_longer_lag() {
    let config = parse(&with_root(json!({ "sync": { "interval": "10s" } })));
    assert_eq!(config.sync.max_lag.as_secs(), 40);
}

#[test]
fn names_that_are_none() {
    let remedy = "write 1 to 64 of A-Z, a-z, 0-9, ., _, : and -";
    let many: Vec<String> = (0..17).map(|tag| tag.to_string()).collect();
    expect_in_rule(&[
        (json!({ "tags": [""] }), ".tags[0]", "\"\" is not a tag", remedy),
        (json!({ "tags": ["a b"] }), ".tags[0]", "\"a b\" is not a tag", remedy),
        (json!({ "tags": many }), ".tags", "has 17 tags", "write 16 at most"),
        (
            json!({ "refresh": { "cluster": "a", "headers": { "authorization": "Bearer x" } } }),
            ".refresh.headers.authorization",
            "is not the name of an environment variable",
            "write the name of a variable such as FPC_AUTHORIZATION, and set it in the VM's environment_variables",
        ),
        (
            json!({ "refresh": { "cluster": "a", "headers": { "host": "A" } } }),
            ".refresh.headers.host",
            "\"host\" is in every request, so it shows nobody",
            "remove it",
        ),
    ]);
}
