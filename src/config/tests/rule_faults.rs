//! Faults of rules: matches, keys, and what rules are to one another.

use serde_json::{Value, json};

use super::{expect, parse, problems, with_rule};
use crate::config::Auth;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Expects `part`, put into a rule, to have one fault at `path`, below `rules[0]`.
fn expect_in_rule(part: Value, path: &str, wrong: &str, remedy: &str) {
    expect(&with_rule(part), &format!("rules[0]{path}"), wrong, remedy);
}

/// Two rules, each by its `match`.
fn rules(first: Value, second: Value) -> Value {
    json!({ "rules": [{ "name": "one", "match": first }, { "name": "two", "match": second }] })
}

#[test]
fn rules_are_named_and_matched() {
    let name = "write 1 to 40 of a-z, 0-9, _ and -";
    for text in ["", "Profiles", "a b", "a.b", "é", &"a".repeat(41)] {
        expect_in_rule(json!({ "name": text }), ".name", &format!("{text:?} is not a name for a rule"), name);
    }
    assert_eq!(parse(&with_rule(json!({ "name": "a_1-".repeat(10) }))).rules[0].name.len(), 40);
    expect(
        &json!({ "rules": [{ "match": { "path": "/a" } }] }),
        "rules[0].name",
        "is missing",
        "write a name such as profiles",
    );
    expect(
        &json!({ "rules": [{ "name": "a" }] }),
        "rules[0].match",
        "is missing",
        "write match: { paths: [\"/...\"] }",
    );
    let example = r#"write rules, as in {"rules": [{"name": "profiles", "match": {"paths": ["/v1/profiles/**"]}}]}"#;
    expect(&json!({}), "rules", "is missing", example);
}

#[test]
fn two_rules_of_one_name() {
    let mut config = rules(json!({ "path": "/a" }), json!({ "path": "/b" }));
    assert_eq!(problems(&config.to_string()), []);
    config["rules"][1]["name"] = json!("one");
    expect(&config, "rules[1]", "has the name of rules[0], \"one\"", "give each rule a name of its own");
}

#[test]
fn paths_that_no_request_has() {
    let of = |path: &str| json!({ "match": { "paths": ["/ok", path] } });
    for (path, wrong, remedy) in [
        ("", "\"\" is not a path", "write \"/**\" for all paths"),
        ("*", "\"*\" is not a path", "write \"/**\" for all paths"),
        ("**", "\"**\" is not a path", "write \"/**\" for all paths"),
        ("v1/a", "\"v1/a\" does not begin with a slash", "write \"/v1/a\""),
        ("http://a/b", "\"http://a/b\" is a URL", "write the path in `paths` and the host in `hosts`"),
        ("/a?b=c", "\"/a?b=c\" has a query or a fragment", "write the path alone, and query parameters in `key.query`"),
        ("/a/{id}", "\"/a/{id}\" has braces, which name no placeholder here", "write * for any one segment"),
        ("/a b", "\"/a b\" has characters that no path has", "write them percent-encoded, as in %20"),
        ("/é", "\"/é\" has characters that no path has", "write them percent-encoded, as in %20"),
        (
            "/v1/a**",
            "\"/v1/a**\" has a ** that is not a segment of its own",
            "write * for text within a segment, or /** for whole segments",
        ),
        (
            "/***",
            "\"/***\" has a ** that is not a segment of its own",
            "write * for text within a segment, or /** for whole segments",
        ),
    ] {
        expect_in_rule(of(path), ".match.paths[1]", wrong, remedy);
    }
    expect_in_rule(
        json!({ "match": {} }),
        ".match",
        "names no path",
        "add paths: [\"/...\"], or paths: [\"/**\"] for all",
    );
    expect_in_rule(
        json!({ "match": { "paths": [] } }),
        ".match.paths",
        "is empty, so nothing matches",
        "name one at least, or remove `paths`",
    );
    expect_in_rule(
        json!({ "match": { "paths": ["/a"], "path": "/b" } }),
        ".match.path",
        "stands beside `paths`",
        "put it into `paths`",
    );
}

#[test]
fn hosts_that_no_request_has() {
    let host = "write a name such as \"api.example.com\" or \"*.example.com\", or \"*\"";
    for (text, wrong, remedy) in [
        ("", "\"\" is not a host", host),
        ("a b", "\"a b\" is not a host", host),
        ("http://a", "\"http://a\" is more than a host", "write the host name alone, such as \"api.example.com\""),
        ("a.com:8080", "\"a.com:8080\" has a port, and hosts are compared without", "write \"a.com\""),
        ("[::1]:80", "\"[::1]:80\" has a port, and hosts are compared without", "write \"[::1]\""),
        ("**.a.com", "\"**.a.com\" has a **, which is for paths", "write \"*.a.com\""),
        ("*.a.*", "\"*.a.*\" has more than one *", "write one pattern with one * for each form"),
    ] {
        expect_in_rule(json!({ "match": { "path": "/a", "host": text } }), ".match.host", wrong, remedy);
        expect_in_rule(json!({ "match": { "path": "/a", "hosts": [text] } }), ".match.hosts[0]", wrong, remedy);
    }
}

#[test]
fn methods_that_are_not_cached() {
    let of = |methods: Value| json!({ "match": { "path": "/a", "methods": methods }, "key": { "body": "whole" } });
    let upper = "write \"GET\": methods have case";
    expect_in_rule(of(json!(["POST", "get"])), ".match.methods[1]", "\"get\" is not in upper case", upper);
    expect_in_rule(of(json!(["A B"])), ".match.methods[0]", "\"A B\" is not a method", "write GET, HEAD or POST");
    let list = "\"POST\" stands where a list belongs";
    expect_in_rule(of(json!("POST")), ".match.methods", list, "write [\"POST\"]");
    expect_in_rule(
        of(json!([])),
        ".match.methods",
        "is empty, so nothing matches",
        "write [GET, HEAD], or remove `methods`",
    );
    for method in ["PUT", "DELETE", "PATCH", "CONNECT", "OPTIONS", "TRACE"] {
        let wrong = format!("answers to {method} are never cached");
        expect_in_rule(of(json!(["POST", method])), ".match.methods[1]", &wrong, "remove it");
    }
    expect_in_rule(
        of(json!(["POST", "HEAD"])),
        ".match.methods",
        "has HEAD without GET, from whose entries HEAD is answered",
        "add GET",
    );
    assert_eq!(parse(&with_rule(of(json!(["GET", "HEAD", "POST", "QUERY"])))).rules[0].matches.methods.len(), 4);
}

#[test]
fn a_body_that_is_not_keyed_and_a_key_without_a_body() {
    let post = |key: Value| json!({ "match": { "path": "/a", "methods": ["GET", "POST"] }, "key": key });
    expect_in_rule(
        post(json!({})),
        "",
        "answers POST without regard to the request body, so with someone else's answer",
        "add key: { body: whole } or key: { json: { include: [...] } }",
    );
    assert_eq!(problems(&with_rule(post(json!({ "body": "whole" }))).to_string()), []);
    for key in [json!({ "body": "whole" }), json!({ "json": { "include": ["/a"] } })] {
        expect_in_rule(
            json!({ "key": key }),
            "",
            "keys on a request body, and its methods have none",
            "write methods: [POST], or remove `body` and `json` from `key`",
        );
    }
    let both = json!({ "body": "whole", "json": { "include": ["/a"] } });
    let remedy = "keep `json` for chosen members, or `body` for all bytes";
    expect_in_rule(post(both), ".key", "has both `body` and `json`", remedy);
}

#[test]
fn pointers_that_overlap_or_name_nothing() {
    let of = |json: Value| json!({ "match": { "path": "/a", "methods": ["POST"] }, "key": { "json": json } });
    let once = "name each member once, and none within another";
    for (json, at, wrong) in [
        (json!({ "include": ["/a"], "echo": ["/a"] }), "echo[0]", "\"/a\" overlaps \"/a\" in `include`"),
        (json!({ "include": ["/a"], "ignore": ["/b", "/a/x"] }), "ignore[1]", "\"/a/x\" overlaps \"/a\" in `include`"),
        (json!({ "echo": ["/a/x"], "ignore": ["/a"] }), "ignore[0]", "\"/a\" overlaps \"/a/x\" in `echo`"),
        (json!({ "include": ["/a", "/a"] }), "include[1]", "\"/a\" overlaps \"/a\" in `include`"),
    ] {
        expect_in_rule(of(json), &format!(".key.json.{at}"), wrong, once);
    }
    for json in [json!({}), json!({ "ignore": ["/a"] }), json!({ "include": [], "echo": [] })] {
        expect_in_rule(of(json), ".key.json", "keys on no member", "name one in `include` at least, such as [/id]");
    }
    let wrong = "\"tls.data\" is not a JSON pointer";
    expect_in_rule(of(json!({ "include": ["/a", "tls.data"] })), ".key.json.include[1]", wrong, "write \"/tls/data\"");
    assert_eq!(problems(&with_rule(of(json!({ "include": ["/a", "/ab"], "echo": ["/b"] }))).to_string()), []);
    assert_eq!(problems(&with_rule(of(json!({ "echo": ["/b"] }))).to_string()), []);
}

#[test]
fn headers_that_make_no_key() {
    let user = "tells users apart, and an answer for one user does not belong in a shared cache";
    let shared = "remove it, and write `auth: shared` if the answer does not depend on who asks";
    for (header, wrong, remedy) in [
        ("Authorization", user, shared),
        ("cookie", user, shared),
        ("Host", "is part of every key", "remove it"),
        (":path", "is part of every key", "remove it"),
        ("Connection", "belongs to one connection, not to the answer", "remove it"),
        ("transfer-encoding", "belongs to one connection, not to the answer", "remove it"),
        ("x-*", "is a pattern", "write each header by its full name"),
        ("a b", "is not a header name", "write a name such as accept-language"),
        ("", "is not a header name", "write a name such as accept-language"),
    ] {
        let part = json!({ "key": { "headers": ["accept", header] } });
        expect_in_rule(part, ".key.headers[1]", &format!("{header:?} {wrong}"), remedy);
    }
    let part = json!({ "key": { "headers": ["Accept", "accept"] } });
    expect_in_rule(part, ".key.headers[1]", "accept stands here twice", "remove one");
}

#[test]
fn other_parts_of_the_key() {
    let query = |query: Value| json!({ "key": { "query": query } });
    let both = "keep one: `include` leaves out all that it does not name";
    expect_in_rule(
        query(json!({ "include": ["a"], "ignore": ["b"] })),
        ".key.query",
        "has both `include` and `ignore`",
        both,
    );
    for name in ["", "a=b", "a%20b"] {
        let wrong = format!("{name:?} is not the name of a query parameter");
        let remedy = "write the name alone, as it reads when percent-decoded";
        expect_in_rule(query(json!({ "ignore": [name] })), ".key.query.ignore[0]", &wrong, remedy);
    }
    let property = |property: Value| json!({ "key": { "properties": [["a"], property] } });
    let path = "write a property path such as [filter_state, lab.ja4]";
    expect_in_rule(property(json!([])), ".key.properties[1]", "is empty", path);
    let elements = "write the elements of a property path, such as [filter_state, lab.ja4]";
    expect_in_rule(property(json!([""])), ".key.properties[1][0]", "is empty", elements);
    expect_in_rule(
        property(json!(["a\u{0}b"])),
        ".key.properties[1][0]",
        "has a NUL",
        "write each element of the path by itself",
    );
    let part = json!({ "key": { "body": "digest" }, "match": { "path": "/a" } });
    expect_in_rule(part, ".key.body", "\"digest\" is not a way to read a body", "write whole, or use `json`");
}

#[test]
fn auth_is_one_of_two_words() {
    let remedy = "write shared if the answer does not depend on who asks, else origin";
    expect_in_rule(json!({ "auth": "public" }), ".auth", "\"public\" is neither origin nor shared", remedy);
    assert_eq!(parse(&with_rule(json!({ "auth": "origin" }))).rules[0].auth, Auth::Origin);
    assert_eq!(parse(&with_rule(json!({ "auth": "shared" }))).rules[0].auth, Auth::Shared);
}

#[test]
fn headers_that_must_not_be_stripped() {
    for (pattern, name) in
        [("*", "cache-control"), ("Vary", "vary"), ("content-*", "content-encoding"), ("*-type", "content-type")]
    {
        let wrong = format!("{pattern:?} strips {name}, without which an answer would be misread");
        expect_in_rule(json!({ "strip": [pattern] }), ".strip[0]", &wrong, "write a narrower pattern");
    }
    let remedy = "write a name such as x-request-id, or the start of one such as x-quota-*";
    expect_in_rule(json!({ "strip": ["x y"] }), ".strip[0]", "\"x y\" is not a header name", remedy);
    let one = "write one pattern with one * for each form";
    expect_in_rule(json!({ "strip": ["x-*-*"] }), ".strip[0]", "\"x-*-*\" has more than one *", one);
}

#[test]
fn rules_that_an_earlier_one_hides() {
    let (hidden, remedy) =
        ("is never reached: rules[0] (\"one\") matches all that it does", "move it before rules[0], or remove it");
    for (first, second) in [
        (json!({ "path": "/**" }), json!({ "path": "/a", "host": "b" })),
        (json!({ "path": "/v1/**" }), json!({ "paths": ["/v1/a", "/v1/*/b"], "methods": ["GET"] })),
        (json!({ "paths": ["/a", "/b/*"] }), json!({ "paths": ["/b/c", "/a"] })),
        (json!({ "path": "/a", "hosts": ["*.lab", "x"] }), json!({ "path": "/a", "hosts": ["X", "a.lab"] })),
    ] {
        expect(&rules(first, second), "rules[1]", hidden, remedy);
    }
}

#[test]
fn rules_that_only_overlap_stand_side_by_side() {
    for (first, second) in [
        (json!({ "path": "/a/**" }), json!({ "path": "/**" })),
        (json!({ "path": "/a/**" }), json!({ "paths": ["/a/b", "/c"] })),
        (json!({ "path": "/**", "host": "a" }), json!({ "path": "/a" })),
        (json!({ "path": "/**", "methods": ["GET"] }), json!({ "path": "/a" })),
        (json!({ "path": "/a/*" }), json!({ "path": "/a/**" })),
    ] {
        assert_eq!(problems(&rules(first, second).to_string()), []);
    }
}

#[test]
fn a_rule_that_cannot_be_read_hides_none() {
    let paths =
        |config: Value| problems(&config.to_string()).into_iter().map(|problem| problem.path).collect::<Vec<_>>();
    assert_eq!(paths(rules(json!({ "paths": ["/**", "x"] }), json!({ "path": "/a" }))), ["rules[0].match.paths[1]"]);
    assert_eq!(paths(rules(json!({ "path": "/**" }), json!({ "path": "a" }))), ["rules[1].match.path"]);
}
