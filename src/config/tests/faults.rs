//! Every fault: where it is, what is wrong, what to write instead.

use serde_json::json;

use super::{expect, expect_at_root, expect_in_rule, full, problems, with_root};
use crate::config::Config;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const EXAMPLE: &str = r#"{"rules": [{"name": "profiles", "match": {"paths": ["/v1/profiles/**"]}}]}"#;

#[test]
fn the_example_in_the_messages_is_right() {
    assert_eq!(problems(EXAMPLE), []);
}

#[test]
fn nothing_at_all_asks_for_the_least_there_is() {
    for text in ["", " \n"] {
        let [problem] = problems(text).try_into().unwrap();
        let expected =
            format!("configuration: is empty, and there is nothing to cache without rules; write at least {EXAMPLE}");
        assert_eq!(problem.to_string(), expected);
    }
}

#[test]
fn what_is_no_json_is_said_to_be_what_it_is() {
    for (text, wrong, remedy) in [
        ("{\"rules\": [}", "is not JSON: expected value at line 1 column 12", "correct it there"),
        ("rules:\n- name: a", "is not a JSON object: expected value", "`fpcache check` reads YAML as well"),
        (
            "\n\u{b}\n\u{4}name",
            "is a google.protobuf.Struct",
            "write it as a google.protobuf.StringValue that holds JSON",
        ),
        ("\n rules", "is not a JSON object", "write JSON"),
        ("{} x", "is not JSON: trailing characters", "correct it there"),
    ] {
        let [problem] = problems(text).try_into().unwrap();
        assert_eq!(problem.path, "");
        assert!(problem.wrong.starts_with(wrong), "{text:?}: {problem}");
        assert!(problem.remedy.contains(remedy), "{text:?}: {problem}");
    }
    expect(&json!([]), "", "a list stands where an object belongs", "write { ... } with named fields");
}

#[test]
fn members_that_stand_there_twice() {
    let text = r#"{"name":"a","rules":[{"name":"a","name":"b","match":{"path":"/a"}}],"name":"b"}"#;
    let paths: Vec<_> = problems(text).into_iter().map(|problem| (problem.path, problem.wrong)).collect();
    assert_eq!(paths, ["rules[0].name", "name"].map(|path| (path.to_owned(), "stands there twice".to_owned())));
}

#[test]
fn unknown_fields_with_the_name_that_was_meant() {
    expect_at_root(&[
        (json!({ "schema_verison": "1" }), "schema_verison", "is an unknown field", "did you mean `schema_version`?"),
        (
            json!({ "l2": {} }),
            "l2",
            "is an unknown field",
            "remove it; known here: name, schema_version, memory, redis, \
        fill, sync, rules",
        ),
        (
            json!({ "memory": { "max_entrys": 1 } }),
            "memory.max_entrys",
            "is an unknown field",
            "did you mean `max_entries`?",
        ),
        (
            json!({ "a\nb": 1 }),
            "a\\nb",
            "is an unknown field",
            "remove it; known here: name, schema_version, memory, redis, \
        fill, sync, rules",
        ),
    ]);
    expect_in_rule(&[
        (json!({ "matches": {} }), ".matches", "is an unknown field", "did you mean `match`?"),
        (json!({ "key": { "header": [] } }), ".key.header", "is an unknown field", "did you mean `headers`?"),
        (
            json!({ "key": { "query": { "sorted": true } } }),
            ".key.query.sorted",
            "is an unknown field",
            "did you mean `sort`?",
        ),
        (
            json!({ "match": { "path": "/a", "method": "GET" } }),
            ".match.method",
            "is an unknown field",
            "did you mean `methods`?",
        ),
    ]);
}

#[test]
fn all_faults_come_at_once() {
    let text = json!({
        "name": "my cache", "memory": { "ttl": 5 }, "redis": {}, "tags": 1,
        "rules": [{ "match": { "paths": ["a", "/b", "/c?d"] }, "auth": "x" }, 7, { "name": "B" }],
    });
    let paths: Vec<_> = problems(&text.to_string()).into_iter().map(|problem| problem.path).collect();
    let expected = [
        "name",
        "memory.ttl",
        "redis.cluster",
        "rules[0].name",
        "rules[0].match.paths[0]",
        "rules[0].match.paths[2]",
        "rules[0].auth",
        "rules[1]",
        "rules[2].name",
        "rules[2].match",
        "tags",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn a_fault_is_one_line() {
    let errors = Config::parse(br#"{"name": "a\nb", "rules": [], "x\ny": 0}"#).unwrap_err();
    let expected = "name: \"a\\nb\" is not a token, as which Cache-Status names a cache; write a letter and up to 63 \
        letters, digits, hyphens or dots, such as fingerprint-cache\n\
        rules: is empty, so nothing is cached; write one rule at least: [{ name: ..., match: { paths: [...] } }]\n\
        x\\ny: is an unknown field; remove it; known here: name, schema_version, memory, redis, \
        fill, sync, rules";
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn long_values_are_cut_short() {
    let [problem] = problems(&with_root(json!({ "name": "é".repeat(1000) })).to_string()).try_into().unwrap();
    assert!(problem.wrong.starts_with(&format!("\"{}...\" is not", "é".repeat(80))), "{problem}");
}

#[test]
fn the_full_configuration_has_no_fault() {
    assert_eq!(problems(&full().to_string()), []);
}
