//! Tables: what stands in the log and how it is understood.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn read(op: &str, scope: &str, value: &str) -> Notice {
    Notice::read(op.as_bytes(), scope.as_bytes(), value.as_bytes())
}

/// Op, scope and value again, as they are understood.
fn words(op: &str, scope: &str, value: &str) -> String {
    let notice = read(op, scope, value);
    format!("{} {} {}", notice.op.as_str(), notice.scope.as_str(), notice.scope.value())
}

#[test]
fn what_is_understood_stands_as_it_was_written() {
    for (op, scope, value) in [
        ("invalidate", "key", "profiles:0123456789abcdef0123456789abcdef"),
        ("invalidate", "uri", "0123456789abcdef0123456789abcdef"),
        ("refresh", "uri", "/V1/a?b=c"),
        ("refresh", "uri", "api.example.com:8080/V1/a"),
        ("invalidate", "prefix", "/v1/"),
        ("invalidate", "prefix", "api.example.com/v1/"),
        ("invalidate", "prefix", "api."),
        ("refresh", "pattern", "/v1/*/b?c=*"),
        ("refresh", "pattern", "*.example.com/**"),
        ("invalidate", "tag", "Models"),
        ("invalidate", "rule", "profiles"),
    ] {
        assert_eq!(words(op, scope, value), format!("{op} {scope} {value}"));
    }
    assert_eq!(words("refresh", "all", ""), "refresh all ");
    assert_eq!(words("invalidate", "all", "-"), "invalidate all ");
}

#[test]
fn places_have_one_form() {
    for (scope, written, read) in [
        ("uri", "ABCDEF6789abcdef0123456789abcdef", "abcdef6789abcdef0123456789abcdef"),
        ("uri", "https://API.example.com/V1", "api.example.com/V1"),
        ("uri", "HTTP://api.example.com", "api.example.com/"),
        ("uri", "httpd/a", "httpd/a"),
        ("uri", "http", "http/"),
        ("prefix", "http://API.example.com/V", "api.example.com/V"),
        ("prefix", "API.exa", "api.exa"),
        ("pattern", "https://*.Example.com/V1/**", "*.example.com/V1/**"),
        ("uri", "/A://b", "/A://b"),
        ("uri", "http://https://A/", "a/"),
    ] {
        assert_eq!(words("invalidate", scope, written), format!("invalidate {scope} {read}"));
        assert_eq!(words("invalidate", scope, read), format!("invalidate {scope} {read}"));
    }
}

#[test]
fn what_is_not_understood_invalidates_everything() {
    let long = "a".repeat(LONGEST + 1);
    for (op, scope, value) in [
        ("", "", ""),
        ("purge", "tag", "a"),
        ("Invalidate", "tag", "a"),
        ("refresh", "host", "a"),
        ("refresh", "tag", ""),
        ("invalidate", "uri", ""),
        ("invalidate", "prefix", ""),
        ("invalidate", "prefix", "http://"),
        ("invalidate", "uri", "https://"),
        ("invalidate", "tag", &long),
        ("invalidate", "pattern", "*"),
        ("invalidate", "pattern", "/v1/a**"),
        ("refresh", "pattern", "/v1 /*"),
        ("refresh", "pattern", "/v1/*#top"),
    ] {
        assert_eq!(read(op, scope, value), Notice::EVERYTHING, "{op} {scope} {value}");
    }
    assert_eq!(words("refresh", "tag", &long[1..]), format!("refresh tag {}", &long[1..]));
    assert_eq!(Notice::read(b"invalidate", b"tag", b"\xff"), Notice::EVERYTHING);
    assert_eq!(Notice::read(b"invalidate", b"\xff", b"a"), Notice::EVERYTHING);
    assert_eq!(Notice::read(b"\xff", b"tag", b"a"), Notice::EVERYTHING);
}

#[test]
fn a_prewarm_asks_for_a_url() {
    for (value, scheme, host, target) in [
        ("https://API.example.com/V1?a=http://b", Some("https"), "api.example.com", "/V1?a=http://b"),
        ("http://api:8080/", Some("http"), "api:8080", "/"),
        ("api.example.com/v1", None, "api.example.com", "/v1"),
    ] {
        assert_eq!(read("prewarm", "uri", value).wanted(), Some(Wanted { scheme, host, target }), "{value}");
    }
    assert_eq!(read("invalidate", "uri", "api.example.com/v1").wanted(), None);
}

#[test]
fn a_prewarm_of_anything_else_asks_for_nothing() {
    let nothing = Notice { op: Op::Prewarm, scope: Scope::Uri(String::new()) };
    let long = format!("a/{}", "a".repeat(LONGEST));
    for (scope, value) in [
        ("all", ""),
        ("tag", "a/b"),
        ("", "a/b"),
        ("uri", ""),
        ("uri", "/v1"),
        ("uri", "https:///v1"),
        ("uri", "https://host"),
        ("uri", "user@host/"),
        ("uri", "host?a/b"),
        ("uri", "ftp://host/a b"),
        ("uri", "host/\r\n"),
        ("uri", &long),
    ] {
        assert_eq!(read("prewarm", scope, value), nothing, "{scope} {value}");
    }
    assert_eq!(Notice::read(b"prewarm", b"uri", b"a/\xff"), nothing);
    assert_eq!(Notice::read(b"prewarm", b"\xff", b"a/b"), nothing);
    assert_eq!(nothing.wanted(), None);
}

#[test]
fn an_unsafe_request_tells_of_a_digest() {
    assert_eq!(Notice::of_uri(0xab), read("invalidate", "uri", "000000000000000000000000000000ab"));
}
