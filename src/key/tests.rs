//! Tables: what shares a key, and what must not.

use super::*;
use crate::config::Config;
use serde_json::{Value, json};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A configuration with these rules.
pub(crate) fn config(rules: Value) -> Config {
    Config::parse(json!({ "rules": rules }).to_string().as_bytes()).unwrap()
}

/// The rule `r` for GET and HEAD of everything, with this `key`.
pub(crate) fn rule(key: Value) -> Rule {
    config(json!([{ "name": "r", "match": { "path": "/**" }, "key": key }])).rules.remove(0)
}

fn key_of(rule: &Rule, host: &[u8], target: &[u8]) -> String {
    KeyBuilder::new(rule, 1, "GET", host, target).build().text().to_owned()
}

/// The key of a target under a choice of query parameters.
fn asked(query: Value, target: &str) -> String {
    key_of(&rule(json!({ "query": query })), b"h", target.as_bytes())
}

fn lines(lines: &[(&str, &[u8])]) -> Headers {
    lines.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
}

/// Asserts that all keys are different, in their text and in their digest.
fn assert_different(keys: &[PrimaryKey]) {
    for (index, one) in keys.iter().enumerate() {
        for other in &keys[index + 1..] {
            assert_ne!(one.text(), other.text());
            assert_ne!(one.digest(), other.digest(), "{}", one.text());
        }
    }
}

#[test]
fn a_key_is_readable_text() {
    let key = KeyBuilder::new(&rule(json!({})), 0xab, "GET", b"h.example:80", b"/a\\b?c=\xff")
        .scheme(b"https")
        .headers(&["accept".to_owned()], &lines(&[("accept", b"x\ny")]))
        .property(&["filter_state".to_owned(), "ja4".to_owned()], Some(b"t13"))
        .property(&["absent".to_owned()], None)
        .body(&[0, 255], &lines(&[("content-type", b"text/plain")]))
        .echo("/session_id", "string")
        .build();
    let expected = "r 00000000000000ab\nGET\nh.example:80\n/a\\x5cb?c=\\xff\nscheme =https\nheader accept=x\\x0ay\n\
        property filter_state/ja4=t13\nproperty absent\nheader content-type=text/plain\nbody sha256=00ff\n\
        echo /session_id=string";
    assert_eq!(key.text(), expected);
    assert_eq!(key.digest(), xxhash_rust::xxh3::xxh3_128(expected.as_bytes()));
}

#[test]
fn a_head_request_shares_with_get_and_no_other_method_does() {
    let rule = rule(json!({}));
    let key = |method| KeyBuilder::new(&rule, 1, method, b"h", b"/a").build();
    assert_eq!(key("HEAD"), key("GET"));
    assert_different(&["GET", "POST", "QUERY", "get", "head"].map(key));
}

#[test]
fn the_rule_and_its_revision_are_part_of_the_key() {
    let other = json!([{ "name": "r2", "match": { "path": "/**" } }]);
    let (one, other) = (rule(json!({})), config(other).rules.remove(0));
    let key = |rule, revision| KeyBuilder::new(rule, revision, "GET", b"h", b"/a").build();
    assert_different(&[key(&one, 1), key(&one, 2), key(&one, u64::MAX), key(&other, 1)]);
}

#[test]
fn nothing_can_imitate_a_line() {
    let rule = rule(json!({}));
    let table: &[(&[u8], &[u8])] = &[
        (b"h", b"/a"),
        (b"H", b"/a"),
        (b"h:80", b"/a"),
        (b"h.", b"/a"),
        (b"", b"/a"),
        (b"h\n/a", b""),
        (b"h\n", b"/a"),
        (b"h\\x0a", b"/a"),
        (b"h\\", b"/a"),
        (b"h\\x5c", b"/a"),
        (b"h\xff", b"/a"),
        (b"h\\xff", b"/a"),
        (b"h\xc3", b"/a"),
        (b"h\xc3\xa9", b"/a"),
        ("h\u{fffd}".as_bytes(), b"/a"),
        (b"h", b"/a\nscheme =x"),
        (b"h", b"/a\rscheme =x"),
        (b"h", b"/a\0"),
        (b"h", b"/A"),
        (b"h", b"/%61"),
        (b"h", b"/%2e/a"),
        (b"h", b"/a%2Fb"),
        (b"h", b"/a%2fb"),
        (b"h", b"/a/b"),
        (b"h", b"//a"),
        (b"h", b"/a/"),
        (b"h", b"/a?"),
        (b"h", b"/a?x"),
        (b"h", b"/a?x="),
        (b"h", b"/a?x&"),
        (b"h", b"/a?x#y"),
        (b"h", b"/a?x=1&y=2"),
        (b"h", b"/a?y=2&x=1"),
    ];
    let keys: Vec<_> =
        table.iter().map(|(host, target)| KeyBuilder::new(&rule, 1, "GET", host, target).build()).collect();
    assert_different(&keys);
}

#[test]
fn values_stay_in_their_own_lines() {
    let names = ["a".to_owned(), "b".to_owned()];
    let key = |headers: &[(&str, &[u8])]| {
        KeyBuilder::new(&rule(json!({})), 1, "GET", b"h", b"/").headers(&names, &lines(headers)).build()
    };
    let table: &[&[(&str, &[u8])]] = &[
        &[],
        &[("a", b"")],
        &[("b", b"")],
        &[("a", b""), ("a", b"")],
        &[("a", b"1")],
        &[("b", b"1")],
        &[("a", b"1, 2")],
        &[("a", b"1"), ("a", b"2")],
        &[("a", b"2"), ("a", b"1")],
        &[("a", b"1"), ("b", b"2")],
        &[("a", b"1\nheader b=2")],
        &[("a", b"1\\x0aheader b=2")],
        &[("a", b"1 ")],
        &[("a", b"\xff")],
    ];
    assert_different(&table.iter().map(|headers| key(headers)).collect::<Vec<_>>());
    assert_eq!(key(&[("a", b"1"), ("b", b"2"), ("c", b"3")]), key(&[("b", b"2"), ("a", b"1")]));
}

#[test]
fn a_property_is_absent_or_has_its_bytes() {
    let key = |value: Option<&[u8]>| {
        let path = ["filter_state".to_owned(), "x".to_owned()];
        KeyBuilder::new(&rule(json!({})), 1, "GET", b"h", b"/").scheme(b"").property(&path, value).build()
    };
    assert_different(&[None, Some(&b""[..]), Some(b"="), Some(b"1"), Some(b"1\n"), Some(b"\0")].map(key));
}

#[test]
fn the_scheme_is_part_of_the_key() {
    let key = |scheme: &[u8]| KeyBuilder::new(&rule(json!({})), 1, "GET", b"h", b"/").scheme(scheme).build();
    assert_different(&[key(b"http"), key(b"https"), key(b"")]);
}

#[test]
fn a_body_counts_with_all_that_says_how_to_read_it() {
    let key = |digest: &[u8], headers: &[(&str, &[u8])]| {
        KeyBuilder::new(&rule(json!({})), 1, "POST", b"h", b"/").body(digest, &lines(headers)).build()
    };
    let json: (&str, &[u8]) = ("content-type", b"application/json");
    assert_different(&[
        key(b"1", &[]),
        key(b"2", &[]),
        key(b"1", &[("content-type", b"")]),
        key(b"1", &[json]),
        key(b"1", &[json, ("content-type", b"text/plain")]),
        key(b"1", &[("content-type", b"text/plain"), json]),
        key(b"1", &[json, ("content-encoding", b"gzip")]),
        key(b"1", &[json, ("content-encoding", b"identity"), ("content-encoding", b"gzip")]),
        key(b"1", &[json, ("content-encoding", b"identity"), ("content-encoding", b"br")]),
    ]);
}

#[test]
fn an_echo_counts_with_its_kind() {
    let key = |pointer, kind| KeyBuilder::new(&rule(json!({})), 1, "POST", b"h", b"/").echo(pointer, kind).build();
    assert_different(&[key("/a", "absent"), key("/a", "string"), key("/b", "absent"), key("/a\necho /b", "absent")]);
}

#[test]
fn included_parameters_count_however_they_are_written() {
    let include = |target| asked(json!({ "include": ["a", "f[*", "Page"] }), target);
    for (one, other) in [
        ("/p?a=1&x=2", "/p?a=1&x=3"),
        ("/p?x=2&a=1", "/p?a=1"),
        ("/p?x=2", "/p"),
        ("/p?", "/p"),
        ("/p?&&a=1&", "/p?a=1"),
        ("/p?ab=1", "/p?aab=1"),
        ("/p?=a", "/p"),
    ] {
        assert_eq!(include(one), include(other), "{one} {other}");
    }
    for (one, other) in [
        ("/p?a=1", "/p?a=2"),
        ("/p?a", "/p?a="),
        ("/p?a=1", "/p"),
        ("/p?a=1", "/P?a=1"),
        ("/p?a=1&a=2", "/p?a=2&a=1"),
        ("/p?a=1&a=1", "/p?a=1"),
        // The same name to an origin that decodes, or that reads names without case.
        ("/p?%61=1", "/p"),
        ("/p?%61=1", "/p?%61=2"),
        ("/p?A=1", "/p"),
        ("/p?%41=1", "/p"),
        ("/p?page=1", "/p"),
        ("/p?PAGE=1", "/p"),
        ("/p?f%5Bx%5D=1", "/p"),
        ("/p?F[x]=1", "/p?f[x]=1"),
        // An origin that splits at `;` finds another `a` there.
        ("/p?x=2;a=1", "/p"),
        ("/p?x=2;a=1", "/p?x=2;a=2"),
        ("/p?x;a=1&a=2", "/p?a=2"),
        ("/p?x=1&y=;", "/p?x=2&y=;"),
        // Values are not decoded, so that no value can pass for another.
        ("/p?a=%31", "/p?a=1"),
        ("/p?a=1%26x=2", "/p?a=1"),
    ] {
        assert_ne!(include(one), include(other), "{one} {other}");
    }
}

#[test]
fn ignored_parameters_count_only_where_they_might_be_others() {
    let ignore = |target| asked(json!({ "ignore": ["utm_*", "a b"] }), target);
    for (one, other) in [
        ("/p?utm_source=1&a=1", "/p?a=1&utm_medium=2"),
        ("/p?%75tm_x=1&a=1", "/p?a=1"),
        ("/p?utm_", "/p"),
        ("/p?a+b=1", "/p?a%20b=2"),
    ] {
        assert_eq!(ignore(one), ignore(other), "{one} {other}");
    }
    for (one, other) in [
        ("/p?a=1&b=2", "/p?b=2&a=1"),
        ("/p?a=1&", "/p?a=1"),
        ("/p?", "/p"),
        ("/p?UTM_source=1", "/p"),
        ("/p?utm_x=1;a=1", "/p?utm_x=1;a=2"),
        ("/p?utm_x=1;a=1", "/p"),
        ("/p?utm=1", "/p"),
        ("/p?xutm_=1", "/p"),
        ("/p?a%2Bb=1", "/p"),
        ("/p?%zztm_=1", "/p"),
        ("/p?%7=1", "/p"),
        ("/p?%=1", "/p?%=2"),
    ] {
        assert_ne!(ignore(one), ignore(other), "{one} {other}");
    }
}

#[test]
fn sorting_moves_names_and_never_equal_ones() {
    let sort = |target| asked(json!({ "sort": true }), target);
    for (one, other) in [
        ("/p?a=1&b=2&c=3", "/p?c=3&b=2&a=1"),
        ("/p?b=2&%61=1", "/p?%61=1&b=2"),
        ("/p?b=2&a=1&a=0", "/p?a=1&a=0&b=2"),
        ("/p?&a", "/p?a&"),
    ] {
        assert_eq!(sort(one), sort(other), "{one} {other}");
    }
    for (one, other) in [
        ("/p?a=1&a=0", "/p?a=0&a=1"),
        ("/p?a=1&%61=0", "/p?%61=0&a=1"),
        ("/p?a=1&A=0", "/p?A=0&a=1"),
        ("/p?a=1&b=2", "/p?a=2&b=1"),
        ("/p?a=1", "/p?a=1&a=1"),
        ("/p?b=2&a=1;b=3", "/p?a=1;b=3&b=2"),
    ] {
        assert_ne!(sort(one), sort(other), "{one} {other}");
    }
    let all = asked(json!({}), "/p?b&a");
    assert_ne!(all, asked(json!({}), "/p?a&b"), "without `sort` the order counts");
}

#[test]
fn a_query_begins_at_the_first_question_mark() {
    assert_eq!(split_target(b"/a?b?c"), (&b"/a"[..], Some(&b"b?c"[..])));
    assert_eq!(split_target(b"/a?"), (&b"/a"[..], Some(&b""[..])));
    assert_eq!(split_target(b"/a"), (&b"/a"[..], None));
    assert_eq!(split_target(b""), (&b""[..], None));
}

#[test]
fn the_uri_of_a_text_is_that_of_its_request() {
    let rule = rule(json!({ "query": { "ignore": ["utm_*"] } }));
    for (scheme, host, target) in [
        (&b"https"[..], &b"H.example:443"[..], &b"/a?b=1&utm_x=2"[..]),
        (b"http", b"h.example:8080", b"/\xff\\?"),
        (b"http", b"\xc3\x84.example", b""),
    ] {
        let key = KeyBuilder::new(&rule, 1, "GET", host, target).scheme(scheme).build();
        let normal = crate::rfc9111::invalidation::normal_host(host, scheme);
        assert_eq!(uri_of(key.text()), uri(&rule, &normal, target), "{}", key.text());
    }
}
