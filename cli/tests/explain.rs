//! `fpcache explain` as an operator runs it: the binary, on URLs and recorded messages.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so")]

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// The exit status, standard output and standard error of `fpcache explain`, with `input` on standard input.
fn explain(arguments: &[&str], input: &str) -> (i32, String, String) {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let mut child = Command::new(env!("CARGO_BIN_EXE_fpcache"))
        .arg("explain")
        .args(arguments)
        .args(["--config", "fleet.yaml"])
        .current_dir(fixtures)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read it may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn explain_json(arguments: &[&str], input: &str) -> (i32, Value) {
    let (status, stdout, stderr) = explain(&[arguments, &["--json"]].concat(), input);
    assert_eq!(stderr, "");
    (status, serde_json::from_str(&stdout).unwrap())
}

const URL: &str = "https://api.example/v1/profiles/chrome?os=win";

#[test]
fn a_url_is_told_its_rule_and_its_key() {
    let (status, stdout, stderr) = explain(&[URL], "");
    let key = stdout.split("  key ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let version = fingerprint_cache::codec::VERSION;
    let revision = stdout.split("    profiles ").nth(1).unwrap().lines().next().unwrap();
    let expected = format!(
        "\
GET {URL}
  rule profiles
  key {key}
    profiles {revision}
    GET
    api.example
    /v1/profiles/chrome?os=win
    scheme =https
  in Redis fpc:{version}.7:{key}
  goes to the origin: uri_miss, nothing is stored under its key
"
    );
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (0, expected.as_str(), ""));
    assert!(key.starts_with("profiles:") && key.len() == "profiles:".len() + 32, "{key}");
}

#[test]
fn a_stored_response_answers_the_same_request_again() {
    let response = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 4\r\nVary: Accept\r\n\
        Surrogate-Key: a b\r\n\r\nbody";
    let (status, stdout, _) = explain(&[URL, "-H", "accept: text/html", "--response", "-"], response);
    let expected = "\
the response
  stored
  Cache-Status: fingerprint-cache; fwd=uri-miss; fwd-status=200; stored
  lifetime 5m, says the rule's freshness.default; 0s old on arrival
  served stale while revalidated: for 30s
  served stale instead of errors: no
  varies by accept: text/html
  tags a, b
  tags of the rule browsers
  4 B of body
the same request again
  answered by the cache: 200
  Cache-Status: fingerprint-cache; hit; ttl=300; detail=l1
";
    assert!(stdout.ends_with(expected), "{stdout}");
    assert_eq!(status, 0);
}

#[test]
fn who_says_the_lifetime_is_told() {
    let says = |path: &str, head: &str| {
        let response = format!("HTTP/1.1 {head}\nContent-Length: 0\n\n");
        let url = format!("https://api.example{path}");
        let entry = explain_json(&[&url, "--response", "-"], &response).1["response"]["entry"].clone();
        (entry["lifetime_ms"].as_u64().unwrap(), entry["lifetime_says"].as_str().unwrap().to_owned())
    };
    let heuristic =
        "200 OK\nDate: Sun, 06 Nov 1994 08:49:37 GMT\nLast-Modified: Sun, 06 Nov 1994 08:32:57 GMT\nETag: \"1\"";
    for (path, head, lifetime, who) in [
        ("/v1/profiles/x", "200 OK\nCache-Control: max-age=300", 300_000, "the origin"),
        (
            "/v1/profiles/x",
            "200 OK\nCache-Control: max-age=1\nCDN-Cache-Control: max-age=9",
            9000,
            "the origin's CDN-Cache-Control",
        ),
        ("/v1/profiles/x", "404 Not Found\nCache-Control: max-age=10", 10_000, "the rule's freshness.status"),
        ("/v1/profiles/x", "200 OK", 300_000, "the rule's freshness.default"),
        ("/pages/x", "200 OK\nCache-Control: max-age=3600", 3_600_000, "the rule's freshness.override"),
        ("/old/x", heuristic, 100_000, "the rule's freshness.heuristic"),
    ] {
        assert_eq!(says(path, head), (lifetime, who.to_owned()), "{path} {head}");
    }
}

#[test]
fn what_is_not_stored_says_why() {
    let response = "HTTP/1.1 200 OK\nContent-Length: 0\nSet-Cookie: a=b\n\n";
    let (status, tree) = explain_json(&[URL, "--response", "-"], response);
    assert_eq!((status, &tree["response"]["stored"]), (1, &json!(false)));
    assert_eq!(tree["response"]["not_stored"]["reason"], "set_cookie");
    assert_eq!(tree["again"]["is"], "looked");
    let (_, stdout, _) = explain(&[URL, "--response", "-"], response);
    assert!(stdout.contains("not stored: set_cookie, it sets a cookie; `set_cookie: store`"), "{stdout}");

    let short = "HTTP/1.1 200 OK\nContent-Length: 9\n\nshort";
    assert_eq!(explain_json(&[URL, "--response", "-"], short).1["response"]["not_stored"]["reason"], "not_whole");
}

#[test]
fn a_head_without_its_body_is_taken_for_whole() {
    let (status, tree) = explain_json(&[URL, "--response", "-"], "HTTP/1.1 200 OK\nContent-Length: 9\n");
    assert_eq!((status, &tree["response"]["body_assumed"]), (0, &json!(true)));
    assert_eq!(tree["response"]["entry"]["body_bytes"], 9);
}

#[test]
fn a_response_without_a_body_is_stored_too() {
    let moved = "HTTP/1.1 301 Moved Permanently\nLocation: /x\n\n";
    let (status, tree) = explain_json(&[URL, "--response", "-"], moved);
    assert_eq!((status, &tree["response"]["stored"]), (0, &json!(true)));
    assert_eq!(tree["response"]["entry"]["status"], 301);
    assert_eq!(tree["again"]["status"], 301);
}

#[test]
fn the_response_to_what_passes_is_not_looked_at() {
    let response = "HTTP/1.1 200 OK\nContent-Length: 0\n\n";
    let (status, stdout, _) = explain(&[URL, "-H", "cache-control: no-store", "--response", "-"], response);
    let expected = "\
  passes: request_no_store, the client said no-store
the response
  not looked at
  Cache-Status: fingerprint-cache; fwd=bypass; fwd-status=200; detail=request_no_store
the same request again
  passes: request_no_store, the client said no-store
";
    assert!(stdout.ends_with(expected), "{stdout}");
    assert_eq!(status, 1);
}

#[test]
fn what_no_rule_has_is_told_why() {
    let (status, stdout, _) = explain(&["https://api.other/v1/profiles/x", "-X", "PUT"], "");
    let expected = "\
PUT https://api.other/v1/profiles/x
  not profiles: method \"PUT\" is none of GET, HEAD; host \"api.other\" is none of *.example
  not identify: method \"PUT\" is none of POST; path \"/v1/profiles/x\" is none of /v1/identify
  not pages: method \"PUT\" is none of GET, HEAD; path \"/v1/profiles/x\" is none of /pages/**
  not old: method \"PUT\" is none of GET, HEAD; path \"/v1/profiles/x\" is none of /old/**
  no rule has it; as its method is unsafe, its success makes what is stored of its URI invalid
";
    assert_eq!((status, stdout.as_str()), (1, expected));
    assert_eq!(explain_json(&["https://api.other/x"], "").1["treatment"]["is"], "no_rule");
}

#[test]
fn a_recorded_request_is_keyed_on_its_body() {
    let request = |body: &str| format!("POST /v1/identify HTTP/1.1\r\nHost: api.example\r\n\r\n{body}");
    let (status, one) = explain_json(&["-"], &request(r#"{"tls_data": 1, "session_id": "a"}"#));
    let (_, other) = explain_json(&["-"], &request(r#"{"session_id": "b", "tls_data": 1}"#));
    assert_eq!((status, &one["treatment"]["key"]["name"]), (0, &other["treatment"]["key"]["name"]));
    let (status, third) = explain_json(&["-"], &request(r#"{"tls_data": 1, "more": 2}"#));
    assert_eq!((status, &third["treatment"]["is"]), (1, &json!("passed")));
    assert_eq!(third["treatment"]["reason"], "body_unlisted");
}

#[test]
fn what_cannot_be_read_says_what_to_write() {
    for (arguments, input, expected) in [
        (&["ftp://h/"][..], "", "\"ftp://h/\" is not a URL. Write http://host/path"),
        (&["-"], "nonsense\n", "- is not a recorded request: its first line is \"nonsense\"; write as in GET /path"),
        (&[URL, "--response", "-"], "200 OK\n", "standard input is not a recorded response: its first line is"),
        (&["missing.http"], "", "Cannot read missing.http: "),
    ] {
        let (status, stdout, stderr) = explain(arguments, input);
        assert_eq!((status, stdout.as_str()), (2, ""));
        assert!(stderr.starts_with(expected), "{stderr}");
    }
}
