//! What each directive of `Cache-Control` is read as, well-formed and not.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NONE: ResponseDirectives = ResponseDirectives {
    no_store: false,
    no_cache: false,
    private: false,
    public: false,
    must_revalidate: false,
    proxy_revalidate: false,
    max_age: None,
    s_maxage: None,
};

fn response(text: &str) -> ResponseDirectives {
    ResponseDirectives::parse(text.lines().map(str::as_bytes))
}

fn request(pairs: &[(&str, &str)]) -> RequestDirectives {
    RequestDirectives::of(&pairs.iter().copied().collect())
}

#[test]
fn each_response_directive_is_read() {
    for (text, expected) in [
        ("", NONE),
        ("no-store", ResponseDirectives { no_store: true, ..NONE }),
        ("No-Cache", ResponseDirectives { no_cache: true, ..NONE }),
        ("PRIVATE", ResponseDirectives { private: true, ..NONE }),
        ("public", ResponseDirectives { public: true, ..NONE }),
        ("must-revalidate", ResponseDirectives { must_revalidate: true, ..NONE }),
        ("proxy-revalidate", ResponseDirectives { proxy_revalidate: true, ..NONE }),
        ("max-age=60", ResponseDirectives { max_age: Some(60), ..NONE }),
        ("S-MaxAge=60", ResponseDirectives { s_maxage: Some(60), ..NONE }),
        ("min-fresh=60, community=\"UCI\", immutable", NONE),
    ] {
        assert_eq!(response(text), expected, "{text}");
    }
}

#[test]
fn directives_of_all_lines_add_up() {
    let both = ResponseDirectives { public: true, max_age: Some(5), s_maxage: Some(7), ..NONE };
    assert_eq!(response("public, max-age=5\ns-maxage=7"), both);
    assert_eq!(response("\t, public ,\n,s-maxage=7 , max-age=5"), both);
}

#[test]
fn lifetimes_are_read_on_the_safe_side() {
    for (text, expected) in [
        ("max-age=0", 0),
        ("max-age=003600", 3600),
        ("max-age=\"3600\"", 3600),
        ("max-age=2147483648", 1 << 31),
        ("max-age=2147483649", 1 << 31),
        ("max-age=99999999999999999999999", 1 << 31),
        ("max-age=10, max-age=20", 10),
        ("max-age=20\nmax-age=10", 10),
        ("max-age=20, max-age=x", 0),
        ("max-age", 0),
        ("max-age=", 0),
        ("max-age=\"\"", 0),
        ("max-age=\"60", 0),
        ("max-age='60'", 0),
        ("max-age=-60", 0),
        ("max-age=+60", 0),
        ("max-age=60.0", 0),
        ("max-age=60a", 0),
        ("max-age=a60", 0),
        ("max-age =60", 0),
        ("max-age= 60", 0),
        ("max-age=6 0", 0),
        ("max-age=60;public", 0),
        ("max-age:60", 0),
    ] {
        assert_eq!(response(text).max_age, Some(expected), "{text}");
        let shared = text.replace("max-age", "s-maxage");
        assert_eq!(response(&shared).s_maxage, Some(expected), "{shared}");
    }
}

#[test]
fn what_stands_in_a_quoted_string_is_not_a_directive() {
    assert_eq!(response("extension=\"max-age=3600, no-store\", max-age=1").max_age, Some(1));
    assert_eq!(response("max-age=1, extension=\"public, no-store\""), ResponseDirectives { max_age: Some(1), ..NONE });
}

#[test]
fn malformed_members_forbid_but_never_permit() {
    for text in ["no-store=1", "no-store;", "no-store; max-age=60", "x=\", no-store", "no-store \"", "no-store é"] {
        assert!(response(text).no_store, "{text}");
    }
    for text in ["private=\"set-cookie\"", "private=x", "private;public"] {
        assert!(response(text).private && !response(text).public, "{text}");
    }
    assert!(response("no-cache=\"a, b\"").no_cache);
    assert!(!response("public=1, public;, pub lic, publicly, \"public\"").public);
    let forbids = ResponseDirectives { proxy_revalidate: true, ..NONE };
    assert_eq!(response("must-revalidate=1"), forbids);
}

#[test]
fn request_directives_are_read_on_the_safe_side() {
    let none = RequestDirectives::default();
    for (text, expected) in [
        ("", none),
        ("no-store, NO-CACHE", RequestDirectives { no_store: true, no_cache: true, ..none }),
        ("max-age=5, max-age=3", RequestDirectives { max_age: Some(3), ..none }),
        ("max-age=old", RequestDirectives { max_age: Some(0), ..none }),
        ("min-fresh=5, min-fresh=3", RequestDirectives { min_fresh: Some(5), ..none }),
        ("min-fresh", RequestDirectives { min_fresh: Some(1 << 31), ..none }),
        ("public, private, s-maxage=1, max-stale=60", none),
    ] {
        assert_eq!(request(&[("cache-control", text)]), expected, "{text}");
    }
}

#[test]
fn pragma_speaks_only_where_cache_control_is_silent() {
    assert!(request(&[("pragma", "x, No-Cache")]).no_cache);
    assert!(!request(&[("pragma", "no-cache"), ("cache-control", "max-age=5")]).no_cache);
    assert_eq!(request(&[("pragma", "no-store, max-age=5")]), RequestDirectives::default());
}
