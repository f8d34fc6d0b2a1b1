//! RFC 9111 §3.1 as tables: which headers of a stored answer are kept.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn kept(headers: &[(&str, &str)], stripped: &[&str]) -> Vec<(String, String)> {
    kept_by(false, headers, stripped)
}

fn kept_by(keeps_cookies: bool, headers: &[(&str, &str)], stripped: &[&str]) -> Vec<(String, String)> {
    let headers = headers.iter().copied().collect();
    let kept = storable_headers(&headers, keeps_cookies, |name| stripped.contains(&name));
    assert!(kept.is_ok(), "{headers:?}");
    kept.unwrap_or_default()
}

#[test]
fn headers_of_one_exchange_are_not_kept() {
    let names = ":status connection keep-alive te trailer transfer-encoding upgrade proxy-authenticate \
                 proxy-authentication-info proxy-connection content-length age server set-cookie set-cookie2 \
                 x-envoy-upstream-service-time x-envoy-immediate-health-check-fail \
                 cdn-cache-control surrogate-key cache-tag \
                 x-ratelimit-remaining";
    for name in names.split(' ') {
        assert_eq!(kept(&[(name, "1")], &["x-ratelimit-remaining"]), [], "{name}");
    }
    let named =
        [("x-hop", "1"), ("Connection", "close, X-Hop"), ("connection", "x-hip"), ("x-hip", "1"), ("x-hup", "1")];
    assert_eq!(kept(&named, &[]), [("x-hup".to_owned(), "1".to_owned())]);
}

#[test]
fn connection_cannot_take_away_what_decides_about_reuse() {
    for name in ["cache-control", "vary", "expires", "date"] {
        let kept = kept(&[("connection", name), (name, "1")], &[]);
        assert_eq!(kept, [(name.to_owned(), "1".to_owned())]);
    }
}

#[test]
fn what_the_origin_withholds_is_not_kept() {
    let lines = |said| [("cache-control", said), ("x-a", "1"), ("x-b", "2"), ("x-a", "3"), ("set-cookie", "a=b")];
    let names = |keeps_cookies, said| {
        kept_by(keeps_cookies, &lines(said), &[]).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    for said in ["private=\"X-A\"", "no-cache=\"x-a\", max-age=5", "private=x-a"] {
        assert_eq!(names(false, said), ["cache-control", "x-b"], "{said}");
        assert_eq!(names(true, said), ["cache-control", "x-b", "set-cookie"], "{said}");
    }
    assert_eq!(names(true, "no-cache=\"set-cookie, x-b\""), ["cache-control", "x-a", "x-a"]);
    let targeted =
        [("cdn-cache-control", "private=\"x-a\""), ("cache-control", "private=\"x-b\""), ("x-a", "1"), ("x-b", "1")];
    let kept: Vec<_> = kept(&targeted, &[]).into_iter().map(|(name, _)| name).collect();
    assert_eq!(kept, ["cache-control", "x-b"]);
}

#[test]
fn cookies_are_kept_where_the_rule_says_so() {
    let cookies = [("set-cookie", "a=b"), ("x", "1"), ("set-cookie", "c=d"), ("set-cookie2", "e=f")];
    let kept = kept_by(true, &cookies, &[]);
    assert_eq!(kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), cookies);
    assert_eq!(kept_by(true, &cookies, &["set-cookie", "set-cookie2"]), [("x".to_owned(), "1".to_owned())]);
}

#[test]
fn all_other_headers_are_kept_in_order() {
    let all = [
        ("content-type", "text/plain"),
        ("cache-status", "a; hit"),
        ("x-unknown", "é"),
        ("link", "1"),
        ("link", "2"),
        ("date", "x"),
        ("etag", "\"1\""),
        ("x-envoyage", "1"),
        ("expires", "0"),
        ("cache-groups", "\"a\""),
        ("content-range", "bytes 0-1/2"),
    ];
    let kept = kept(&all, &["x-other"]);
    assert_eq!(kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), all);
}

#[test]
fn a_kept_value_has_to_be_text() {
    let headers = Headers::from_pairs(vec![("x-a".to_owned(), vec![0xff])]);
    assert_eq!(storable_headers(&headers, false, |_| false), Err(NotStored::HeaderEncoding));
    assert_eq!(storable_headers(&headers, false, |name| name == "x-a"), Ok(vec![]));
}
