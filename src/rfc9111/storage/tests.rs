//! RFC 9111 §3 as tables: which answers may be stored.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A GET that shows no user, and a plain 200: storable. Each test changes one thing.
struct Case {
    method: &'static str,
    request: Vec<(&'static str, &'static str)>,
    shared: bool,
    body_keyed: bool,
    status: u16,
    response: Vec<(&'static str, &'static str)>,
}

impl Case {
    fn plain() -> Self {
        Self { method: "GET", request: vec![], shared: false, body_keyed: false, status: 200, response: vec![] }
    }

    fn answered(response: &[(&'static str, &'static str)]) -> Self {
        Self { response: response.to_vec(), ..Self::plain() }
    }

    fn judge(&self) -> Result<(), NotStored> {
        let headers: Headers = self.request.iter().copied().collect();
        let answer: Headers = self.response.iter().copied().collect();
        let request = Request {
            method: self.method,
            headers: &headers,
            directives: RequestDirectives::of(&headers),
            credentialed: credentialed(&headers),
            shared: self.shared,
            body_keyed: self.body_keyed,
        };
        let directives = ResponseDirectives::of(&answer);
        may_store(&request, &Response { status: self.status, headers: &answer, directives })
    }
}

#[test]
fn a_plain_answer_may_be_stored() {
    assert_eq!(Case::plain().judge(), Ok(()));
    assert_eq!(Case::answered(&[("cache-control", "max-age=60, immutable"), ("vary", "accept")]).judge(), Ok(()));
}

#[test]
fn methods_with_a_key_may_be_stored() {
    for (method, without, with) in [
        ("GET", true, true),
        ("POST", false, true),
        ("QUERY", false, true),
        ("get", false, true),
        ("HEAD", false, false),
        ("PUT", false, false),
        ("DELETE", false, false),
        ("CONNECT", false, false),
        ("OPTIONS", false, false),
        ("TRACE", false, false),
    ] {
        for (body_keyed, allowed) in [(false, without), (true, with)] {
            let verdict = Case { method, body_keyed, ..Case::plain() }.judge();
            assert_eq!(verdict, if allowed { Ok(()) } else { Err(NotStored::Method) }, "{method} {body_keyed}");
        }
    }
}

#[test]
fn only_statuses_that_are_understood_may_be_stored() {
    let understood = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
    for status in 0..=999 {
        let expected = match status {
            206 => Err(NotStored::Partial),
            status if understood.contains(&status) => Ok(()),
            _ => Err(NotStored::Status),
        };
        assert_eq!(Case { status, ..Case::plain() }.judge(), expected, "{status}");
    }
}

#[test]
fn answers_that_forbid_it_are_not_stored() {
    use NotStored::*;
    for (name, value, expected) in [
        ("cache-control", "no-store, public, max-age=60", NoStore),
        ("cache-control", "private, public, max-age=60", Private),
        ("cache-control", "private=\"x-user\"", Private),
        ("cache-control", "no-cache", NoCache),
        ("content-range", "bytes 0-1/2", Partial),
        ("set-cookie", "a=b", SetCookie),
        ("set-cookie2", "a=b", SetCookie),
        ("vary", "*", VaryStar),
        ("vary", "accept, *", VaryStar),
        ("vary", "accept encoding", VaryStar),
        ("access-control-allow-origin", "https://a.example", Cors),
        ("access-control-allow-origin", "null", Cors),
        ("access-control-allow-origin", "", Cors),
    ] {
        assert_eq!(Case::answered(&[(name, value)]).judge(), Err(expected), "{name}: {value}");
    }
}

#[test]
fn no_cache_is_stored_with_a_validator_only() {
    let with = |name, value| Case::answered(&[("cache-control", "no-cache"), (name, value)]).judge();
    assert_eq!(with("etag", "\"1\""), Ok(()));
    assert_eq!(with("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"), Ok(()));
    assert_eq!(with("etag", "1"), Err(NotStored::NoCache));
    assert_eq!(with("last-modified", "yesterday"), Err(NotStored::NoCache));
}

#[test]
fn an_answer_for_one_origin_has_to_vary_by_it() {
    let one = ("access-control-allow-origin", "https://a.example");
    assert_eq!(Case::answered(&[one, ("vary", "accept, ORIGIN")]).judge(), Ok(()));
    assert_eq!(Case::answered(&[one, ("vary", "origin-x")]).judge(), Err(NotStored::Cors));
    let any = ("access-control-allow-origin", " * ");
    assert_eq!(Case::answered(&[any]).judge(), Ok(()));
    assert_eq!(Case::answered(&[any, one]).judge(), Err(NotStored::Cors));
}

#[test]
fn the_client_can_forbid_storing() {
    let case = |value| Case { request: vec![("cache-control", value)], ..Case::plain() };
    assert_eq!(case("no-store").judge(), Err(NotStored::RequestNoStore));
    assert_eq!(case("no-cache, max-age=0").judge(), Ok(()));
}

/// §3.5 for every header that shows a user and every directive that might permit.
#[test]
fn credentialed_answers_need_permission() {
    let permissions = [
        ("max-age=60", false),
        ("public", true),
        ("must-revalidate", true),
        ("s-maxage=60", true),
        ("s-maxage=0", false),
        ("s-maxage=x", false),
        ("public=yes", false),
        ("must-revalidate=yes", false),
        ("proxy-revalidate", false),
    ];
    for name in ["authorization", "proxy-authorization", "cookie", "x-api-key"] {
        for (directive, permits) in permissions {
            let case = Case { request: vec![(name, "x")], ..Case::answered(&[("cache-control", directive)]) };
            let expected = if permits { Ok(()) } else { Err(NotStored::Authorization) };
            assert_eq!(case.judge(), expected, "{name} {directive}");
            assert_eq!(Case { shared: true, ..case }.judge(), Ok(()), "{name} {directive} shared");
        }
    }
    assert!(!credentialed(&Headers::from([("x-api-keys", "x"), ("accept", "x")])));
    assert!(credentialed(&Headers::from([("cookie", "")])));
}

#[test]
fn a_shared_rule_does_not_overrule_the_origin() {
    let request = vec![("authorization", "Bearer x")];
    for (name, value, expected) in [
        ("cache-control", "private", NotStored::Private),
        ("cache-control", "no-store", NotStored::NoStore),
        ("set-cookie", "a=b", NotStored::SetCookie),
    ] {
        let case = Case { request: request.clone(), shared: true, ..Case::answered(&[(name, value)]) };
        assert_eq!(case.judge(), Err(expected), "{name}: {value}");
    }
}
