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
    must_understand: false,
    immutable: false,
    targeted: false,
    max_age: None,
    s_maxage: None,
    stale_while_revalidate: None,
    stale_if_error: None,
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
        ("Must-Understand", ResponseDirectives { must_understand: true, ..NONE }),
        ("immutable", ResponseDirectives { immutable: true, ..NONE }),
        ("stale-while-revalidate=60", ResponseDirectives { stale_while_revalidate: Some(60), ..NONE }),
        ("Stale-If-Error=60", ResponseDirectives { stale_if_error: Some(60), ..NONE }),
        ("min-fresh=60, max-stale, only-if-cached, community=\"UCI\", no-transform", NONE),
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
        let named = |name| response(&text.replace("max-age", name));
        assert_eq!(named("s-maxage").s_maxage, Some(expected), "{text}");
        assert_eq!(named("stale-while-revalidate").stale_while_revalidate, Some(expected), "{text}");
        assert_eq!(named("stale-if-error").stale_if_error, Some(expected), "{text}");
    }
}

fn withheld(text: &str) -> Vec<String> {
    withheld_fields(&text.lines().map(|line| ("cache-control", line)).collect())
}

/// RFC 9111 §5.2.2.4 and §5.2.2.7: what is listed is withheld, and the rest may be used.
#[test]
fn qualified_forms_withhold_fields() {
    for (argument, expected) in [
        ("=\"set-cookie\"", &["set-cookie"][..]),
        ("=Set-Cookie", &["set-cookie"]),
        ("=\"b, A ,\tb,, c\"", &["a", "b", "c"]),
        ("=\"x-date, vary-by\"", &["vary-by", "x-date"]),
    ] {
        for name in ["no-cache", "private", "PRIVATE"] {
            let text = format!("max-age=5, {name}{argument}, public");
            let rest = ResponseDirectives { public: true, max_age: Some(5), ..NONE };
            assert_eq!(response(&text), rest, "{text}");
            assert_eq!(withheld(&text), expected, "{text}");
        }
    }
    assert_eq!(withheld("no-cache=\"b\", private=\"a, b\"\nprivate=c"), ["a", "b", "c"]);
    assert_eq!(withheld("no-cache, private, public=\"a\", x=\"b\""), [""; 0]);
}

#[test]
fn qualified_forms_that_cannot_be_followed_count_as_unqualified() {
    let needed = "cache-control cdn-cache-control vary date age expires etag last-modified content-type content-encoding \
                  content-length location Cache-Control :status";
    let needed = needed.split(' ').map(|name| format!("=\"x-a, {name}\""));
    let malformed = [
        "=",
        "=\"\"",
        "=\" , \"",
        "=\"a",
        "=a\"",
        "=\"a b\"",
        "=\"a;b\"",
        "=\"a\" \"b\"",
        "=\"\\a\"",
        "='a'",
        ";a",
        " a",
        ":a",
    ];
    for argument in needed.chain(malformed.map(str::to_owned)) {
        let private = format!("private{argument}");
        assert!(response(&private).private, "{private}");
        assert_eq!(withheld(&private), [""; 0], "{private}");
        let no_cache = format!("no-cache{argument}");
        assert!(response(&no_cache).no_cache, "{no_cache}");
        assert_eq!(withheld(&no_cache), [""; 0], "{no_cache}");
    }
}

#[test]
fn the_unqualified_form_wins() {
    for text in
        ["private, private=\"a\"", "private=\"a\", private", "private=a\nprivate", "private=\"a\", private=\"vary\""]
    {
        assert!(response(text).private, "{text}");
    }
    for text in ["no-cache, no-cache=\"a\"", "no-cache=\"a\", no-cache", "no-cache=a, no-cache="] {
        assert!(response(text).no_cache, "{text}");
    }
    assert!(!response("private=\"a\", no-cache").private);
    assert!(!response("no-cache=\"a\", private").no_cache);
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
    assert!(response("private;public").private && !response("private;public").public);
    assert!(!response("public=1, public;, pub lic, publicly, \"public\"").public);
    assert!(!response("must-understand=1, must-understand;, \"must-understand\"").must_understand);
    assert!(!response("immutable;, immutable x, \"immutable\"").immutable);
    let forbids = ResponseDirectives { proxy_revalidate: true, ..NONE };
    assert_eq!(response("must-revalidate=1"), forbids);
}

/// RFC 8246 §2.
#[test]
fn arguments_of_immutable_are_ignored() {
    for text in ["immutable=1", "immutable=\"x\"", "immutable=", "immutable, immutable"] {
        assert_eq!(response(text), ResponseDirectives { immutable: true, ..NONE }, "{text}");
    }
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
        ("Only-If-Cached", RequestDirectives { only_if_cached: true, ..none }),
        ("only-if-cached=1, only-if-cached;", none),
        ("max-stale=60", RequestDirectives { max_stale: Some(60), ..none }),
        ("Max-Stale=\"60\"", RequestDirectives { max_stale: Some(60), ..none }),
        ("max-stale", RequestDirectives { max_stale: Some(u32::MAX), ..none }),
        ("max-stale=99999999999", RequestDirectives { max_stale: Some(1 << 31), ..none }),
        ("max-stale=", RequestDirectives { max_stale: Some(0), ..none }),
        ("max-stale=1.5", RequestDirectives { max_stale: Some(0), ..none }),
        ("max-stale;60", RequestDirectives { max_stale: Some(0), ..none }),
        ("max-stale, max-stale=9, max-stale=10", RequestDirectives { max_stale: Some(9), ..none }),
        ("public, private, s-maxage=1, must-understand, immutable, stale-if-error=60", none),
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

/// They travel to L2 as they are.
#[test]
fn directives_survive_being_written() {
    let all = response("no-store, immutable, max-age=5, stale-if-error=9");
    let text = serde_json::to_string(&all).expect("plain values");
    assert_eq!(serde_json::from_str::<ResponseDirectives>(&text).ok(), Some(all));
}
