//! RFC 9111 §3.1 as tables: which headers of a stored answer are kept.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn kept(headers: &[(&str, &str)], stripped: &[&str]) -> Vec<(String, String)> {
    let headers = headers.iter().copied().collect();
    let kept = storable_headers(&headers, |name| stripped.contains(&name));
    assert!(kept.is_ok(), "{headers:?}");
    kept.unwrap_or_default()
}

#[test]
fn headers_of_one_exchange_are_not_kept() {
    let names = ":status connection keep-alive te trailer transfer-encoding upgrade proxy-authenticate \
                 proxy-authentication-info proxy-connection content-length age server set-cookie set-cookie2 \
                 x-envoy-upstream-service-time x-envoy-immediate-health-check-fail \
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
    ];
    let kept = kept(&all, &["x-other"]);
    assert_eq!(kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), all);
}

#[test]
fn a_kept_value_has_to_be_text() {
    let headers = Headers::from_pairs(vec![("x-a".to_owned(), vec![0xff])]);
    assert_eq!(storable_headers(&headers, |_| false), Err(NotStored::HeaderEncoding));
    assert_eq!(storable_headers(&headers, |name| name == "x-a"), Ok(vec![]));
}
