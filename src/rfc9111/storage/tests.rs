//! RFC 9111 §3 as tables: which answers may be stored.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const CREDENTIALS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];

/// A GET that shows no user, and a plain 200: storable. Each test changes one thing.
struct Case {
    method: &'static str,
    request: Vec<(&'static str, &'static str)>,
    shared: bool,
    body_keyed: bool,
    keeps_cookies: bool,
    status: u16,
    response: Vec<(&'static str, &'static str)>,
}

impl Case {
    fn plain() -> Self {
        let (shared, body_keyed, keeps_cookies) = (false, false, false);
        Self { method: "GET", request: vec![], shared, body_keyed, keeps_cookies, status: 200, response: vec![] }
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
            credentialed: credentialed(&headers, &CREDENTIALS.map(str::to_owned)),
            shared: self.shared,
            body_keyed: self.body_keyed,
            keeps_cookies: self.keeps_cookies,
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
fn every_final_status_but_two_may_be_stored() {
    for status in 0..=999 {
        let expected = match status {
            206 => Err(NotStored::Partial),
            304 => Err(NotStored::Status),
            200..=599 => Ok(()),
            _ => Err(NotStored::Status),
        };
        assert_eq!(Case { status, ..Case::plain() }.judge(), expected, "{status}");
    }
}

/// §3, §5.2.2.3, and the codes of RFC 9110 §15.
#[test]
fn must_understand_asks_for_a_status_that_is_understood() {
    use NotStored::*;
    let understood = "200 201 202 203 204 205 300 301 302 303 305 307 308 400 401 402 403 404 405 406 407 408 409 410 411 \
                      412 413 414 415 416 417 421 422 426 500 501 502 503 504 505";
    let understood: Vec<u16> = understood.split(' ').filter_map(|status| status.parse().ok()).collect();
    for status in 100..=600 {
        let judge = |said| Case { status, ..Case::answered(&[("cache-control", said)]) }.judge();
        let (alone, beside) = match status {
            206 => (Err(Partial), Err(NoStore)),
            status if understood.contains(&status) => (Ok(()), Ok(())),
            _ => (Err(Status), Err(NoStore)),
        };
        assert_eq!(judge("must-understand, max-age=60"), alone, "{status}");
        assert_eq!(judge("no-store, must-understand, max-age=60"), beside, "{status}");
        assert_eq!(judge("must-understand=1, no-store"), Err(NoStore), "{status}");
    }
    let judge = |said| Case::answered(&[("cache-control", said)]).judge();
    assert_eq!(judge("must-understand, private"), Err(Private));
    let request = vec![("cache-control", "no-store")];
    let case = Case { request, ..Case::answered(&[("cache-control", "must-understand")]) };
    assert_eq!(case.judge(), Err(RequestNoStore));
}

/// RFC 9110 §15.1.
#[test]
fn some_statuses_let_a_life_be_guessed() {
    let guessed: Vec<u16> = (0..=999).filter(|status| heuristically_cacheable(*status)).collect();
    assert_eq!(guessed, [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]);
}

/// RFC 9110 §14.4.
#[test]
fn content_range_means_nothing_on_other_statuses() {
    let case = |status| Case { status, ..Case::answered(&[("content-range", "bytes 0-1/2")]) };
    assert_eq!(case(200).judge(), Ok(()));
    assert_eq!(case(416).judge(), Ok(()));
    assert_eq!(case(206).judge(), Err(NotStored::Partial));
}

#[test]
fn answers_that_forbid_it_are_not_stored() {
    use NotStored::*;
    for (name, value, expected) in [
        ("cache-control", "no-store, public, max-age=60", NoStore),
        ("cache-control", "private, public, max-age=60", Private),
        ("cache-control", "private=\"x-user\", private", Private),
        ("cache-control", "private=\"x-user, etag\"", Private),
        ("cache-control", "no-cache", NoCache),
        ("cache-control", "no-cache=\"vary\"", NoCache),
        ("cdn-cache-control", "no-store", NoStore),
        ("cdn-cache-control", "private", Private),
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
fn qualified_forms_allow_the_rest_to_be_stored() {
    for said in ["private=\"x-user\"", "no-cache=\"x-user, x-b\"", "private=x-user"] {
        assert_eq!(Case::answered(&[("cache-control", said), ("x-user", "1")]).judge(), Ok(()), "{said}");
    }
}

#[test]
fn what_is_said_to_us_alone_decides() {
    let targeted =
        |said| Case::answered(&[("cache-control", "no-store, private"), ("cdn-cache-control", said)]).judge();
    assert_eq!(targeted("max-age=60"), Ok(()));
    assert_eq!(targeted("none"), Ok(()));
    assert_eq!(targeted("&"), Err(NotStored::NoStore));
}

#[test]
fn cookies_are_stored_only_where_somebody_allows_it() {
    for name in ["set-cookie", "set-cookie2"] {
        let with = |said: &'static str| Case::answered(&[("cache-control", said), (name, "a=b"), (name, "c=d")]);
        assert_eq!(with("public").judge(), Err(NotStored::SetCookie), "{name}");
        assert_eq!(Case { keeps_cookies: true, ..with("public") }.judge(), Ok(()), "{name}");
        for said in ["private=\"set-cookie, Set-Cookie2\"", "no-cache=\"x, set-cookie2, set-cookie\""] {
            assert_eq!(with(said).judge(), Ok(()), "{name} {said}");
        }
        for said in ["private=\"set-cookies\"", "no-cache=\"cookie\"", "x=\"set-cookie, set-cookie2\""] {
            assert_eq!(with(said).judge(), Err(NotStored::SetCookie), "{name} {said}");
        }
    }
    let both = [("cache-control", "private=set-cookie2"), ("set-cookie2", "a"), ("set-cookie", "a")];
    assert_eq!(Case::answered(&both).judge(), Err(NotStored::SetCookie));
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
    for name in CREDENTIALS {
        for (directive, permits) in permissions {
            let case = Case { request: vec![(name, "x")], ..Case::answered(&[("cache-control", directive)]) };
            let expected = if permits { Ok(()) } else { Err(NotStored::Authorization) };
            assert_eq!(case.judge(), expected, "{name} {directive}");
            assert_eq!(Case { shared: true, ..case }.judge(), Ok(()), "{name} {directive} shared");
        }
    }
    let credentialed =
        |name| credentialed(&Headers::from([("accept", "x"), (name, "")]), &["cookie", "x-api-key"].map(str::to_owned));
    assert!(credentialed("cookie") && credentialed("x-api-key"));
    assert!(!credentialed("x-api-keys") && !credentialed("authorization"));
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
