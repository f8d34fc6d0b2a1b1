//! Tables: how long an entry lives, whom it may answer, what it weighs.

use super::*;
use crate::http::Headers;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// An entry with something in every part.
pub(crate) fn entry(key: &str) -> Entry {
    let headers = [("content-type", "application/json"), ("cache-control", "max-age=60"), ("x-e", "ü")];
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Entry {
        key: key.to_owned(),
        selecting: vec![("accept".to_owned(), Some("a, b".to_owned())), ("origin".to_owned(), None)],
        status: 200,
        directives: Entry::directives_of(&headers, None),
        headers,
        body: b"{\"id\":,\"n\":\"\xff\"}".to_vec(),
        cuts: vec![Cut { at: 6, echo: 0 }],
        explicit: Some(Duration::from_secs(60)),
        initial_age: Duration::from_millis(1500),
        position: Position { epoch: "ab".repeat(20), n: 7 },
        targeted: None,
        unmodified: None,
        tags: Vec::new(),
        made_in: Duration::from_millis(250),
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_rule_overrides_the_origin_and_fills_its_silence() {
    let lifetime = |explicit: Option<u64>, default: Option<u64>, override_: Option<u64>| {
        let freshness =
            Freshness { default: default.map(secs), override_: override_.map(secs), ..Freshness::default() };
        Entry { explicit: explicit.map(secs), ..entry("k") }.lifetime(&freshness).as_secs()
    };
    assert_eq!(lifetime(None, None, None), 0);
    assert_eq!(lifetime(None, Some(5), None), 5);
    assert_eq!(lifetime(Some(7), Some(5), None), 7);
    assert_eq!(lifetime(Some(0), Some(5), None), 0);
    assert_eq!(lifetime(Some(7), Some(5), Some(9)), 9);
    assert_eq!(lifetime(Some(70), None, Some(9)), 9);
}

/// Whether an entry with this `Cache-Control`, ten seconds old, may answer a request.
fn answers(stored: &str, request: &str, credentialed: bool, shared: bool) -> Result<(), Forward> {
    let headers = vec![("cache-control".to_owned(), stored.to_owned())];
    let entry = Entry { directives: Entry::directives_of(&headers, None), headers, ..entry("k") };
    let request = Headers::from([("cache-control", request)]);
    let directives = RequestDirectives::of(&request);
    let freshness = Freshness::default();
    let lifetime = entry.lifetime(&freshness);
    entry.may_answer(secs(10), lifetime, &Asking { directives, credentialed, shared, freshness: &freshness })
}

#[test]
fn credentials_need_somebodys_word() {
    for (stored, credentialed, shared, expected) in [
        ("max-age=60", false, false, Ok(())),
        ("max-age=60", true, false, Err(Forward::Credentials)),
        ("max-age=60", true, true, Ok(())),
        ("max-age=60, public", true, false, Ok(())),
        ("max-age=60, s-maxage=60", true, false, Ok(())),
        ("max-age=60, must-revalidate", true, false, Ok(())),
        ("max-age=60, proxy-revalidate", true, false, Err(Forward::Credentials)),
        ("no-cache", true, false, Err(Forward::Credentials)),
        ("no-cache", true, true, Err(Forward::Stale)),
    ] {
        assert_eq!(answers(stored, "", credentialed, shared), expected, "{stored} {credentialed} {shared}");
    }
}

#[test]
fn what_the_client_says_counts_last() {
    for (request, expected) in [
        ("", Ok(())),
        ("no-cache", Err(Forward::RequestNoCache)),
        ("max-age=10", Ok(())),
        ("max-age=9", Err(Forward::RequestMaxAge)),
        ("min-fresh=50", Ok(())),
        ("min-fresh=51", Err(Forward::RequestMaxAge)),
    ] {
        assert_eq!(answers("max-age=60", request, false, false), expected, "{request}");
    }
    assert_eq!(answers("max-age=60, no-cache", "no-cache", false, false), Err(Forward::Stale));
}

#[test]
fn everything_that_can_grow_weighs() {
    let plain = entry("k");
    let mut grown = plain.clone();
    grown.key.push_str("123");
    assert_eq!(grown.weight(), plain.weight() + 3);
    grown.body.extend_from_slice(b"12345");
    assert_eq!(grown.weight(), plain.weight() + 8);
    grown.headers.push(("name".to_owned(), "value".to_owned()));
    assert!(grown.weight() >= plain.weight() + 8 + 9 + 48);
    let before = grown.weight();
    grown.selecting.push(("name".to_owned(), Some("value".to_owned())));
    assert!(grown.weight() >= before + 9 + 48);
    let before = grown.weight();
    grown.cuts.push(Cut { at: 0, echo: 0 });
    assert!(grown.weight() >= before + size_of::<Cut>());
}

/// The allowances cover what the bytes themselves do not: the structures that hold them.
#[test]
fn an_entry_weighs_no_less_than_its_structures() {
    assert!(entry("").weight() >= size_of::<Entry>());
    let header = size_of::<(String, String)>();
    let mut one = entry("");
    let before = one.weight();
    one.headers.push((String::new(), String::new()));
    assert!(one.weight() >= before + header);
}
