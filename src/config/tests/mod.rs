//! Tests of the configuration as a whole.

mod defaults;
mod faults;
mod fleet_faults;
mod patterns;
mod requests;
mod reuse_faults;
mod rule_faults;
#[cfg(not(target_family = "wasm"))]
mod total;
mod value_faults;

use serde_json::{Value, json};

use super::{Config, Problem};

/// A configuration with all that can be written in it.
pub(super) fn full() -> Value {
    json!({
        "name": "edge", "schema_version": "2",
        "memory": { "max_entries": 500, "max_bytes": "2MiB", "ttl": "90s" },
        "redis": {
            "cluster": "outbound|7379||webdis.caching.svc.cluster.local", "authority": "webdis",
            "timeout": "20ms", "ttl": "2h", "key_prefix": "edge",
        },
        "fill": { "lease": "2s", "wait": "0ms", "uncacheable": "1m" },
        "sync": { "interval": "100ms", "max_lag": "1s" },
        "rules": [
            {
                "name": "profiles", "auth": "shared", "tags": ["profile", "a.b:c_d-E"],
                "match": { "methods": ["GET"], "host": "API.example.com", "paths": ["/v1/profiles/**", "/v1/*/x"] },
                "key": {
                    "query": { "include": ["page", "filter[*"], "sort": true },
                    "headers": ["Accept-Language"], "properties": [["filter_state", "lab.ja4"]],
                },
                "freshness": {
                    "default": "5m", "override": "1h", "heuristic": "1d", "status": { "503": "1s", "404": "10s" },
                    "stale_while_revalidate": "30s", "stale_if_error": "10m", "early_refresh": false,
                },
                "set_cookie": "store", "client_directives": "ignore", "show_key": true,
                "max_response": "100KiB", "strip": ["X-Trace-*"],
            },
            {
                "name": "identify", "match": { "methods": ["POST"], "path": "/identify" },
                "credentials": ["Authorization", "x-session"],
                "key": {
                    "query": { "ignore": ["utm_*"] }, "max_body": "1KiB",
                    "json": { "include": ["/tls_data"], "echo": ["/session_id"], "ignore": ["/a~1b"] },
                },
            },
            { "name": "compare", "match": { "methods": ["POST"], "path": "/compare" }, "key": { "body": "whole" } },
        ],
    })
}

/// A configuration with one rule, changed by `change`.
pub(super) fn with_rule(change: Value) -> Value {
    let mut rule = json!({ "name": "a", "match": { "path": "/a" } });
    merge(&mut rule, change);
    json!({ "rules": [rule] })
}

/// A configuration with one rule and other members at the top.
pub(super) fn with_root(change: Value) -> Value {
    let mut root = with_rule(json!({}));
    merge(&mut root, change);
    root
}

pub(super) fn merge(into: &mut Value, change: Value) {
    let Value::Object(change) = change else { panic!("{change}") };
    into.as_object_mut().unwrap().extend(change);
}

pub(super) fn parse(config: &Value) -> Config {
    let text = config.to_string();
    Config::parse(text.as_bytes()).unwrap_or_else(|errors| panic!("{text}\n{errors}"))
}

pub(super) fn problems(text: &str) -> Vec<Problem> {
    match Config::parse(text.as_bytes()) {
        Ok(_) => vec![],
        Err(errors) => errors.problems().to_vec(),
    }
}

/// Expects `config` to have one fault and no other.
pub(super) fn expect(config: &Value, path: &str, wrong: &str, remedy: &str) {
    let expected = Problem { path: path.to_owned(), wrong: wrong.to_owned(), remedy: remedy.to_owned() };
    assert_eq!(problems(&config.to_string()), [expected], "{config}");
}

/// Expects each part, put into a rule, to have one fault at the path, below `rules[0]`.
pub(super) fn expect_in_rule(cases: &[(Value, &str, &str, &str)]) {
    for (part, path, wrong, remedy) in cases {
        expect(&with_rule(part.clone()), &format!("rules[0]{path}"), wrong, remedy);
    }
}

/// Expects each part, put beside the rules, to have one fault at the path.
pub(super) fn expect_at_root(cases: &[(Value, &str, &str, &str)]) {
    for (part, path, wrong, remedy) in cases {
        expect(&with_root(part.clone()), path, wrong, remedy);
    }
}
