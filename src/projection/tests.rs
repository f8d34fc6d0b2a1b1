//! Tables: which bodies are the same to a rule, which are not, and which it does not take.

use super::*;
use crate::config::BodyKey;
use crate::key::tests::config;
use serde_json::{Value, json};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The projection that a rule with this `json` makes.
pub(crate) fn projection(json: Value) -> Projection {
    let rules = json!([{ "name": "r", "match": { "methods": ["POST"], "path": "/**" }, "key": { "json": json } }]);
    match config(rules).rules.remove(0).key.body {
        BodyKey::Json(projection) => projection,
        other => panic!("{other:?}"),
    }
}

/// `/a` and `/o/p` count, `/e` is echoed, `/i` and `/o/i` are ignored.
fn usual(body: &str) -> Result<Projected, Forward> {
    let lists = json!({ "include": ["/a", "/o/p"], "echo": ["/e"], "ignore": ["/i", "/o/i"] });
    project(body.as_bytes(), &projection(lists))
}

fn canonical(body: &str) -> String {
    usual(body).unwrap_or_else(|reason| panic!("{body}: {reason:?}")).canonical
}

#[test]
fn the_same_in_other_words_is_the_same() {
    for (one, other) in [
        (r#"{"a":1,"o":{"p":2}}"#, r#"{"o":{"p":2},"a":1}"#),
        (r#"{"a":{"x":1,"y":[1,2]}}"#, " {\"a\" :\n{ \"y\":[ 1 ,2\t],\r\"x\":1 } } "),
        (r#"{"a":{"x":{"z":1,"y":2}}}"#, r#"{"a":{"x":{"y":2,"z":1}}}"#),
        (r#"{"a":[{"x":1,"y":2}]}"#, r#"{"a":[{"y":2,"x":1}]}"#),
        (r#"{"a":"aé\u000a/\"\\"}"#, r#"{"a":"\u0061\u00e9\n\/\u0022\u005C"}"#),
        (r#"{"a":"😀"}"#, r#"{"a":"\ud83d\uDE00"}"#),
        (r#"{"a":{"k":1}}"#, r#"{"\u0061":{"\u006b":1}}"#),
        (r#"{"a":1,"i":1}"#, r#"{"a":1,"i":{"any":["thing",{}]}}"#),
        (r#"{"a":1,"i":"\ud83d"}"#, r#"{"a":1}"#),
        (r#"{"o":{"p":1,"i":2}}"#, r#"{"o":{"p":1}}"#),
        (r#"{"a":1,"e":"x"}"#, r#"{"a":1,"e":"y"}"#),
        (r#"{"a":1,"e":"x"}"#, r#"{"a":1}"#),
        (r#"{"a":{}}"#, r#"{"a":{ }}"#),
        (r#"{"a":[]}"#, r#"{"a":[ ]}"#),
    ] {
        assert_eq!(canonical(one), canonical(other), "{one} {other}");
    }
}

#[test]
fn what_an_origin_could_tell_apart_is_different() {
    let bodies = [
        "{}",
        r#"{"a":null}"#,
        r#"{"a":false}"#,
        r#"{"a":0}"#,
        r#"{"a":-0}"#,
        r#"{"a":1}"#,
        r#"{"a":1.0}"#,
        r#"{"a":1e0}"#,
        r#"{"a":1E0}"#,
        r#"{"a":10e-1}"#,
        r#"{"a":9007199254740992}"#,
        r#"{"a":9007199254740993}"#,
        r#"{"a":9007199254740993.0}"#,
        r#"{"a":1e400}"#,
        r#"{"a":123456789012345678901234567890}"#,
        r#"{"a":123456789012345678901234567891}"#,
        r#"{"a":"1"}"#,
        r#"{"a":""}"#,
        r#"{"a":"null"}"#,
        r#"{"a":"é"}"#,
        r#"{"a":"e\u0301"}"#,
        r#"{"a":"E"}"#,
        r#"{"a":"e"}"#,
        r#"{"a":"\u0000"}"#,
        r#"{"a":"\\u0000"}"#,
        r#"{"a":"\n"}"#,
        r#"{"a":[]}"#,
        r#"{"a":{}}"#,
        r#"{"a":[null]}"#,
        r#"{"a":[1,2]}"#,
        r#"{"a":[2,1]}"#,
        r#"{"a":[12]}"#,
        r#"{"a":[[1],2]}"#,
        r#"{"a":[[1,2]]}"#,
        r#"{"a":{"x":1}}"#,
        r#"{"a":{"x":{"y":1}}}"#,
        r#"{"a":{"x":{},"y":1}}"#,
        r#"{"a":"{\"x\":1}"}"#,
        r#"{"o":{}}"#,
        r#"{"o":{"p":null}}"#,
        r#"{"o":{"p":1}}"#,
        r#"{"a":1,"o":{}}"#,
        r#"{"a":1,"o":{"p":1}}"#,
        r#"{"a":"1\n\n/o/p\n1"}"#,
    ];
    for (index, one) in bodies.iter().enumerate() {
        for other in &bodies[index + 1..] {
            assert_ne!(canonical(one), canonical(other), "{one} {other}");
        }
    }
}

#[test]
fn a_body_that_is_not_wholly_understood_passes() {
    use Forward::{BodyDuplicate, BodyEcho, BodyNotJson, BodyUnlisted};
    for (body, reason) in [
        ("", BodyNotJson),
        (" ", BodyNotJson),
        ("[]", BodyNotJson),
        ("1", BodyNotJson),
        ("null", BodyNotJson),
        ("\"a\"", BodyNotJson),
        (r#"{"a":1"#, BodyNotJson),
        (r#"{"a":1}{}"#, BodyNotJson),
        (r#"{"a":1},"#, BodyNotJson),
        (r#"{"a":1,}"#, BodyNotJson),
        (r#"{"a":01}"#, BodyNotJson),
        (r#"{"a":.5}"#, BodyNotJson),
        (r#"{"a":NaN}"#, BodyNotJson),
        (r#"{a:1}"#, BodyNotJson),
        (r#"{'a':1}"#, BodyNotJson),
        ("{\"a\":1/**/}", BodyNotJson),
        ("\u{feff}{\"a\":1}", BodyNotJson),
        ("{\"a\":\"\n\"}", BodyNotJson),
        (r#"{"a":"\ud83d"}"#, BodyNotJson),
        (r#"{"a":"\ude00\ud83d"}"#, BodyNotJson),
        (r#"{"a":["\ud83dx"]}"#, BodyNotJson),
        (r#"{"\ud83d":1}"#, BodyNotJson),
        (r#"{"a":"\x41"}"#, BodyNotJson),
        (r#"{"o":1}"#, BodyNotJson),
        (r#"{"o":null}"#, BodyNotJson),
        (r#"{"o":[{"p":1}]}"#, BodyNotJson),
        (r#"{"b":1}"#, BodyUnlisted),
        (r#"{"a":1,"":1}"#, BodyUnlisted),
        (r#"{"A":1}"#, BodyUnlisted),
        (r#"{"a ":1}"#, BodyUnlisted),
        (r#"{"a\u0000":1}"#, BodyUnlisted),
        (r#"{"/a":1}"#, BodyUnlisted),
        (r#"{"p":1}"#, BodyUnlisted),
        (r#"{"o":{"q":1}}"#, BodyUnlisted),
        (r#"{"o":{"p":1,"a":1}}"#, BodyUnlisted),
        (r#"{"o/p":1}"#, BodyUnlisted),
        (r#"{"a":1,"a":1}"#, BodyDuplicate),
        (r#"{"a":1,"\u0061":2}"#, BodyDuplicate),
        (r#"{"i":1,"i":2}"#, BodyDuplicate),
        (r#"{"e":"x","e":"y"}"#, BodyDuplicate),
        (r#"{"o":{"p":1,"p":1}}"#, BodyDuplicate),
        (r#"{"a":{"x":1,"y":2,"x":3}}"#, BodyDuplicate),
        (r#"{"a":[[{"x":1,"x":1}]]}"#, BodyDuplicate),
        (r#"{"a":{"User-Agent":"x","user-agent":"y"}}"#, BodyDuplicate),
        (r#"{"a":1,"A":1}"#, BodyDuplicate),
        (r#"{"e":{}}"#, BodyEcho),
        (r#"{"e":["x"]}"#, BodyEcho),
        (r#"{"e":"\ud83d"}"#, BodyEcho),
    ] {
        assert_eq!(usual(body), Err(reason), "{body}");
    }
    assert_eq!(project(b"{\"a\":\"\xff\"}", &projection(json!({ "include": ["/a"] }))), Err(BodyNotJson));
    assert_eq!(
        project(b"{\"i\":\"\xff\"}", &projection(json!({ "include": ["/a"], "ignore": ["/i"] }))),
        Err(BodyNotJson)
    );
}

#[test]
fn depth_has_a_limit_and_no_stack_to_lose() {
    let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(usual(&nested(MAX_DEPTH)).is_ok());
    assert_eq!(usual(&nested(MAX_DEPTH + 2)), Err(Forward::BodyNotJson));
    assert_eq!(usual(&nested(400_000)), Err(Forward::BodyNotJson));
    let objects = format!(r#"{{"a":{}1{}}}"#, r#"{"x":"#.repeat(50_000), "}".repeat(50_000));
    assert_eq!(usual(&objects), Err(Forward::BodyNotJson));
    // What is ignored is not looked into.
    let ignored = format!(r#"{{"i":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(usual(&ignored).is_ok());
}

#[test]
fn every_echo_is_read_in_the_order_of_the_rule() {
    let lists = projection(json!({ "echo": ["/x", "/y/z", "/w"] }));
    let projected = project(br#"{"w":7,"y":{"z":"\u0061"}}"#, &lists).unwrap();
    let expected = [Echo::Absent, Echo::Text("a".to_owned()), Echo::Number("7".to_owned())];
    assert_eq!(projected.echoes, expected);
    let there = project(br#"{"w":7,"y":{}}"#, &lists).unwrap();
    assert_ne!(projected.canonical, project(br#"{"w":7}"#, &lists).unwrap().canonical);
    assert_eq!(projected.canonical, there.canonical);
}

/// Objects that hold nothing listed are there or not, each under its own name and in its own place.
#[test]
fn empty_objects_on_the_way_are_told_apart() {
    let lists = projection(json!({ "include": ["/a/b/x", "/a/y", "/b/x", "/c/x"] }));
    let bodies = [
        "{}",
        r#"{"a":{}}"#,
        r#"{"b":{}}"#,
        r#"{"c":{}}"#,
        r#"{"a":{"b":{}}}"#,
        r#"{"a":{},"b":{}}"#,
        r#"{"a":{},"c":{}}"#,
        r#"{"a":{"b":{}},"b":{}}"#,
    ];
    let keys = bodies.map(|body| project(body.as_bytes(), &lists).unwrap().canonical);
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[index + 1..].contains(key), "{}", bodies[index]);
    }
}

#[test]
fn names_with_slashes_are_not_paths() {
    let escaped = projection(json!({ "include": ["/a~1b", "/c~0d"] }));
    assert!(project(br#"{"a/b":1,"c~d":2}"#, &escaped).is_ok());
    assert_eq!(project(br#"{"a":{"b":1}}"#, &escaped), Err(Forward::BodyUnlisted));
}
