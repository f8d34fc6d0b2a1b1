//! Which requests a rule is for, and which response headers it strips.

use serde_json::json;

use super::{parse, with_rule};
use crate::config::Rule;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn rule(change: serde_json::Value) -> Rule {
    parse(&with_rule(change)).rules.remove(0)
}

#[test]
fn a_rule_needs_its_method_its_host_and_its_path() {
    let rule = rule(json!({ "match": { "hosts": ["api.example.com", "*.lab"], "paths": ["/v1/**", "/health"] } }));
    for (method, host, path, expected) in [
        ("GET", "api.example.com", "/v1/x", true),
        ("HEAD", "api.example.com", "/health", true),
        ("GET", "a.b.lab", "/health", true),
        ("get", "api.example.com", "/v1/x", false),
        ("POST", "api.example.com", "/v1/x", false),
        ("GET", "example.com", "/v1/x", false),
        ("GET", "lab", "/v1/x", false),
        ("GET", "", "/v1/x", false),
        ("GET", "api.example.com", "/v1", false),
        ("GET", "api.example.com", "/healthy", false),
        ("GET", "api.example.com", "/V1/x", false),
        ("GET", "api.example.com", "", false),
    ] {
        assert_eq!(rule.matches(method, host.as_bytes(), path.as_bytes()), expected, "{method} {host}{path}");
    }
}

#[test]
fn a_uri_belongs_to_a_rule_whatever_the_method() {
    let rule = rule(json!({ "match": { "hosts": ["api.example.com"], "paths": ["/v1/**"], "methods": ["GET"] } }));
    for (host, path, expected) in [
        ("api.example.com", "/v1/x", true),
        ("API.example.com:8443", "/v1/", true),
        ("example.com", "/v1/x", false),
        ("api.example.com", "/v2/x", false),
        ("", "/v1/x", false),
    ] {
        assert_eq!(rule.matches_uri(host.as_bytes(), path.as_bytes()), expected, "{host}{path}");
        assert_eq!(rule.matches("GET", host.as_bytes(), path.as_bytes()), expected, "{host}{path}");
        assert!(!rule.matches("DELETE", host.as_bytes(), path.as_bytes()), "{host}{path}");
    }
}

#[test]
fn hosts_are_compared_without_case_and_port() {
    let of = |host: &str| rule(json!({ "match": { "host": host, "path": "/a" } }));
    for (pattern, host, expected) in [
        ("api.example.com", "API.Example.com", true),
        ("API.example.com", "api.example.com:8080", true),
        ("api.example.com", "api.example.com:", true),
        ("api.example.com", "api.example.com:80x", false),
        ("*.Example.com", "A.EXAMPLE.COM:1", true),
        ("*.example.com", ".example.com", true),
        ("*.example.com", "aexample.com", false),
        ("api-*.lab", "api-.lab", true),
        ("api-*.lab", "api.lab", false),
        ("[::1]", "[::1]:8080", true),
        ("[::1]", "[::1]", true),
        ("10.0.0.1", "10.0.0.1:80", true),
        ("10.0.0.1", "10.0.0.12", false),
        ("*", "", true),
        ("*", "whatever:1", true),
    ] {
        assert_eq!(of(pattern).matches("GET", host.as_bytes(), b"/a"), expected, "{pattern} {host}");
    }
}

#[test]
fn bytes_that_are_no_text_match_only_wildcards() {
    let rule = rule(json!({ "match": { "hosts": ["a", "*.b"], "paths": ["/x", "/y/*", "/z/**/end"] } }));
    assert!(!rule.matches("GET", b"\xff", b"/x"));
    assert!(!rule.matches("GET", b"a", b"\xff"));
    assert!(rule.matches("GET", b"\xff.b", b"/y/\xff\0"));
    assert!(rule.matches("GET", b"a", b"/z/\xff/\xfe/end"));
}

#[test]
fn strip_patterns_have_no_case() {
    let default = rule(json!({}));
    assert!(default.strips("x-ratelimit-remaining") && default.strips("X-Quota-Tier") && default.strips("x-quota-"));
    assert!(!default.strips("x-ratelimit") && !default.strips("content-type"));
    let own = rule(json!({ "strip": ["X-Trace-*", "server"] }));
    assert!(own.strips("x-trace-id") && own.strips("Server"));
    assert!(!own.strips("x-ratelimit-remaining") && !own.strips("server-timing"));
    assert!(!rule(json!({ "strip": [] })).strips("x-quota-tier"));
}
