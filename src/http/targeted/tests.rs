//! What `CDN-Cache-Control` is read as, beside `Cache-Control` and by the types of its values.

use crate::http::{Headers, ResponseDirectives, withheld_fields};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The directives of an answer with these lines of `CDN-Cache-Control`, that says `max-age=7` to everybody else.
fn of(lines: &[&str]) -> ResponseDirectives {
    ResponseDirectives::of(&headers(lines))
}

fn headers(lines: &[&str]) -> Headers {
    let untargeted = ("cache-control", "max-age=7, private=\"x-all\"");
    std::iter::once(untargeted).chain(lines.iter().map(|line| ("cdn-cache-control", *line))).collect()
}

fn none() -> ResponseDirectives {
    ResponseDirectives { targeted: true, ..ResponseDirectives::default() }
}

fn untargeted() -> ResponseDirectives {
    ResponseDirectives { max_age: Some(7), ..ResponseDirectives::default() }
}

/// §2.2, §3.1.
#[test]
fn it_alone_counts() {
    for (lines, expected) in [
        (&["max-age=600"][..], ResponseDirectives { max_age: Some(600), ..none() }),
        (&["none"], none()),
        (&["no-store"], ResponseDirectives { no_store: true, ..none() }),
        (&["no-cache, private"], ResponseDirectives { no_cache: true, private: true, ..none() }),
        (
            &["public, must-revalidate, proxy-revalidate, must-understand, immutable"],
            ResponseDirectives {
                public: true,
                must_revalidate: true,
                proxy_revalidate: true,
                must_understand: true,
                immutable: true,
                ..none()
            },
        ),
        (
            &["s-maxage=1, stale-while-revalidate=2, stale-if-error=3"],
            ResponseDirectives {
                s_maxage: Some(1),
                stale_while_revalidate: Some(2),
                stale_if_error: Some(3),
                ..none()
            },
        ),
        (&["max-age=5", "public"], ResponseDirectives { public: true, max_age: Some(5), ..none() }),
        (&[" max-age=5;x=1 ,\tpublic;y "], ResponseDirectives { public: true, max_age: Some(5), ..none() }),
        (&["max-age=5, ext=(\"a\" b), other=:YQ==:, then=@0"], ResponseDirectives { max_age: Some(5), ..none() }),
        (&["min-fresh=1, max-stale, only-if-cached"], none()),
    ] {
        assert_eq!(of(lines), expected, "{lines:?}");
    }
}

/// §2.1: "behaves as if the field were not present".
#[test]
fn what_is_empty_or_cannot_be_parsed_does_not_count() {
    for lines in [
        &[""][..],
        &["  "],
        &["", ""],
        &["no-store, &&&&"],
        &["no-store,"],
        &["no-store", ""],
        &["Max-Age=600"],
        &["max-age =600"],
        &["max-age= 600"],
        &["max-age=1000000000000000"],
        &["max-age=\"600"],
        &["no-store", "&"],
        &["no-store; max-age=5;="],
        &["no-store \u{e9}"],
    ] {
        assert_eq!(of(lines), untargeted(), "{lines:?}");
        assert_eq!(withheld_fields(&headers(lines)), ["x-all"], "{lines:?}");
    }
    let bytes = Headers::from_pairs(vec![("cdn-cache-control".to_owned(), b"no-store, x=\"\xff\"".to_vec())]);
    assert_eq!(ResponseDirectives::of(&bytes), ResponseDirectives::default());
}

#[test]
fn times_are_whole_seconds_or_none_at_all() {
    for (value, expected) in [
        ("=0", 0),
        ("=007", 7),
        ("=2147483648", 1 << 31),
        ("=2147483649", 1 << 31),
        ("=999999999999999", 1 << 31),
        ("=-5", 0),
        ("=-999999999999999", 0),
        ("=5.0", 0),
        ("=\"5\"", 0),
        ("=a5", 0),
        ("=@5", 0),
        ("=?1", 0),
        ("=?0", 0),
        ("=(5)", 0),
        ("", 0),
        // The last of several counts.
        ("=10, max-age=20", 20),
        ("=20, max-age=10", 10),
        ("=20, max-age=x", 0),
    ] {
        assert_eq!(
            of(&[&format!("max-age{value}")]),
            ResponseDirectives { max_age: Some(expected), ..none() },
            "{value}"
        );
        let named = |name| of(&[&format!("{name}{}", value.replace("max-age", name))]);
        assert_eq!(named("s-maxage").s_maxage, Some(expected), "{value}");
        assert_eq!(named("stale-while-revalidate").stale_while_revalidate, Some(expected), "{value}");
        assert_eq!(named("stale-if-error").stale_if_error, Some(expected), "{value}");
    }
    assert_eq!(of(&["max-age=20", "max-age=30"]).max_age, Some(30));
}

#[test]
fn values_of_another_type_forbid_but_never_permit() {
    for value in ["=1", "=0", "=\"\"", "=a:b", "=1.5", "=:YQ==:", "=(a)", "=()"] {
        let all = format!(
            "no-store{value}, no-cache{value}, private{value}, must-revalidate{value}, proxy-revalidate{value}"
        );
        let forbids =
            ResponseDirectives { no_store: true, no_cache: true, private: true, proxy_revalidate: true, ..none() };
        assert_eq!(of(&[&all]), forbids, "{value}");
    }
    for value in ["=1", "=\"\"", "=a", "=(a)", "=?0"] {
        assert_eq!(of(&[&format!("public{value}, immutable{value}, must-understand{value}")]), none(), "{value}");
    }
    let denied = "no-store=?0, no-cache=?0, private=?0, must-revalidate=?0, proxy-revalidate=?0";
    assert_eq!(of(&[denied]), none());
    assert_eq!(
        of(&["no-store, no-store=?0", "private=?0, private=?1"]),
        ResponseDirectives { private: true, ..none() }
    );
}

#[test]
fn its_qualified_forms_count_in_place_of_the_others() {
    let line = "private=\"X-A, x-b\", no-cache=x-c";
    assert_eq!(of(&[line]), none());
    assert_eq!(withheld_fields(&headers(&[line])), ["x-a", "x-b", "x-c"]);
    assert_eq!(withheld_fields(&headers(&["none"])), [""; 0]);
    for line in ["private=\"x-a, vary\"", "private=\"x-a,,; \"", "private=\"\\\"\""] {
        assert!(of(&[line]).private, "{line}");
        assert_eq!(withheld_fields(&headers(&[line])), [""; 0], "{line}");
    }
}
