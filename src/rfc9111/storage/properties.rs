//! RFC 9111 §3 on arbitrary headers: no answer is stored that says it must not be.

use super::*;
use proptest::prelude::*;

const NAMES: [&str; 12] = [
    "cache-control",
    "cdn-cache-control",
    "set-cookie",
    "vary",
    "connection",
    "etag",
    "date",
    "access-control-allow-origin",
    "content-range",
    "x-a",
    ":status",
    "age",
];

fn headers() -> impl Strategy<Value = Headers> {
    let value = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        "(no-store|private|private=\"x-b, (set-cookie|vary)\"|public|must-understand|max-age=1|origin|\\*|x-a|\"1\")(, (no-cache|accept|age))?"
            .prop_map(String::into_bytes),
    ];
    let line = (proptest::sample::select(&NAMES[..]).prop_map(str::to_owned), value);
    proptest::collection::vec(line, 0..8).prop_map(Headers::from_pairs)
}

proptest! {
    /// Whatever the headers: no answer is stored that says it must not be, and nothing panics.
    #[test]
    fn what_is_forbidden_is_not_stored(
        asked in headers(), answer in headers(), credentialed: bool, keeps_cookies: bool, status in 199_u16..320,
    ) {
        let directives = ResponseDirectives::of(&answer);
        let request = Request {
            method: "GET", headers: &asked, directives: RequestDirectives::of(&asked), credentialed, shared: false,
            body_keyed: false, keeps_cookies,
        };
        let verdict = may_store(&request, &Response { status, headers: &answer, directives });
        let forbidden = (directives.no_store && !directives.must_understand) || directives.private || request.directives.no_store
            || (credentialed && !allows_sharing(&directives)) || answer.list("vary").any(|member| member == b"*");
        prop_assert!(!(forbidden && verdict.is_ok()));
        let kept = storable_headers(&answer, keeps_cookies, |_| false).unwrap_or_default();
        prop_assert!(keeps_cookies || !kept.iter().any(|(name, _)| name.starts_with("set-cookie")));
    }

    #[test]
    fn kept_headers_are_some_of_those_received(answer in headers()) {
        if let Ok(kept) = storable_headers(&answer, true, |name| name == "x-a") {
            for (name, value) in &kept {
                prop_assert!(answer.all(name).any(|line| line == value.as_bytes()));
                prop_assert!(!["connection", ":status", "age", "x-a", "cdn-cache-control"].contains(&name.as_str()));
                prop_assert!(!withheld_fields(&answer).contains(name));
            }
        }
    }
}
