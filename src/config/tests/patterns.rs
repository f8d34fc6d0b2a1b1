//! Globs: what matches, and what one pattern certainly takes from another.

use crate::config::Pattern;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn path_patterns_match_by_segment() {
    for (pattern, yes, no) in [
        ("/v1/a", &["/v1/a"][..], &["/v1/a/", "/v1/ab", "/v1", "/V1/a", ""][..]),
        ("/v1/**", &["/v1/", "/v1/a", "/v1/a/b/"], &["/v1", "/v2/a", "/v11/a"]),
        ("/**", &["/", "/a/b"], &["", "*"]),
        ("/v1/*", &["/v1/", "/v1/a"], &["/v1", "/v1/a/b", "/v1/a/"]),
        ("/v1/*.json", &["/v1/a.json", "/v1/.json"], &["/v1/a/b.json", "/v1/json", "/v1/a.jsonx"]),
        ("/*/b/*", &["/a/b/c", "//b/"], &["/a/b", "/a/x/b/c"]),
        ("/a/**/b", &["/a/b", "/a/x/b", "/a/x/y/b"], &["/a/xb", "/ab", "/a/b/c"]),
        ("/a/**/*.js", &["/a/x.js", "/a/x/y.js"], &["/a/x.css", "/x.js"]),
        ("/a[1]/*!/**", &["/a[1]/x!/y"], &["/a1/x!/y", "/a[1]/x/y"]),
        ("/a\\b/*/*", &["/a\\b/x/y"], &["/ab/x/y"]),
    ] {
        let glob = Pattern::path(pattern).unwrap();
        yes.iter().for_each(|text| assert!(glob.matches(text.as_bytes()), "{pattern} {text}"));
        no.iter().for_each(|text| assert!(!glob.matches(text.as_bytes()), "{pattern} {text}"));
        yes.iter().for_each(|text| assert!(glob.matches_ignoring_case(text.as_bytes()), "{pattern} {text}"));
    }
}

#[test]
fn parameter_patterns_match_any_text_with_case() {
    for (pattern, text, expected) in [
        ("utm_*", "utm_source", true),
        ("utm_*", "UTM_source", false),
        ("filter[*", "filter[a/b]", true),
        ("*", "a/b", true),
        ("*id", "id", true),
        ("ab*ba", "aba", false),
        ("page", "pages", false),
    ] {
        let glob = Pattern::parameter(pattern).unwrap();
        assert_eq!(glob.matches(text.as_bytes()), expected, "{pattern} {text}");
    }
}

#[test]
fn a_pattern_covers_what_it_certainly_matches() {
    for (wide, narrow, expected) in [
        ("/**", "/a/*/b/**", true),
        ("/v1/**", "/v1/a", true),
        ("/v1/**", "/v1/**", true),
        ("/v1/**", "/v1/*/x", true),
        ("/v1/**", "/v1", false),
        ("/v1/**", "/v*/a", false),
        ("/v1/*", "/v1/a", true),
        ("/v1/*", "/v1/a/b", false),
        ("/v1/*", "/v1/a*b", true),
        ("/v1/*", "/v1/**", false),
        ("/*/x", "/v1/x", true),
        ("/*/*", "/v1/*", true),
        ("/v1/*", "/*/*", false),
        ("/a/**/b", "/a/x/**/b", true),
        ("/a/**/b", "/a/*/b", true),
        ("/a/*/b", "/a/**/b", false),
        ("/a/**/*/b", "/a/**/b", false),
        ("/a/**/*", "/a/**", true),
        ("/a/b", "/a/*", false),
    ] {
        let [wide, narrow] = [wide, narrow].map(|text| Pattern::path(text).unwrap());
        assert_eq!(wide.covers(&narrow), expected, "{} {}", wide.as_str(), narrow.as_str());
    }
    let host = |text| Pattern::host(text).unwrap();
    assert!(host("*").covers(&host("*.lab")) && host("*.lab").covers(&host("A.lab")));
    assert!(host("*.lab").covers(&host("*.a.lab")) && !host("*.a.lab").covers(&host("*.lab")));
}
