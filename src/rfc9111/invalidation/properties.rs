//! RFC 9111 §4.4 on arbitrary answers: the target always, another origin never.

use super::*;
use proptest::prelude::*;

fn piece() -> impl Strategy<Value = String> {
    proptest::sample::select(
        &[
            "http://",
            "https://",
            "//",
            "/",
            "..",
            ".",
            "h.example",
            "other",
            ":80",
            ":443",
            "@",
            "?",
            "#",
            "a",
            "%2e",
            "[::1]",
            "é",
            " ",
        ][..],
    )
    .prop_map(str::to_owned)
}

fn reference() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(piece(), 0..8).prop_map(|pieces| pieces.concat().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..24),
    ]
}

fn response() -> impl Strategy<Value = Headers> {
    let name = proptest::sample::select(&["location", "content-location"][..]).prop_map(str::to_owned);
    proptest::collection::vec((name, reference()), 0..4).prop_map(Headers::from_pairs)
}

proptest! {
    /// The target first, nothing twice, no other host, and only what a request could ask for.
    #[test]
    fn any_answer_is_read(
        scheme in proptest::sample::select(&["http", "https", "HTTP", "", "x"][..]),
        host in prop_oneof!["h.example(:80)?", "[A-Z]{0,3}[.:@ ]?[0-9]{0,3}"],
        target in prop_oneof!["/[a-c./?#{]{0,8}", "\\PC{0,8}"],
        response in response(),
    ) {
        let (scheme, host, target) = (scheme.as_bytes(), host.as_bytes(), target.as_bytes());
        let all = affected(scheme, host, target, &response);
        let own = Target { host: normal_host(host, scheme), target: until(target, b'#').to_vec() };
        prop_assert_eq!(all.first(), Some(&own));
        for (at, one) in all.iter().enumerate() {
            prop_assert_eq!(&one.host, &own.host);
            prop_assert!(!one.target.contains(&b'#'));
            prop_assert!(at == 0 || one.target.starts_with(b"/"));
            prop_assert!(all.iter().skip(at + 1).all(|other| other != one));
        }
        if represents_target(scheme, host, target, &response) {
            let named = response.all("content-location").map(|value| vec![("location".to_owned(), value.to_vec())]);
            for lines in named {
                prop_assert_eq!(affected(scheme, host, target, &Headers::from_pairs(lines)).len(), 1);
            }
        }
    }

    /// The one form of a host is its own one form, in whatever case it was written.
    #[test]
    fn a_host_has_one_form(host in r"([a-zA-Z.]{0,5}|\[::[0-9A-F]?\])(:[0-9]{0,5})?", scheme in "https?") {
        let once = normal_host(host.as_bytes(), scheme.as_bytes());
        prop_assert_eq!(&normal_host(&once, scheme.as_bytes()), &once);
        prop_assert_eq!(&normal_host(host.to_uppercase().as_bytes(), scheme.as_bytes()), &once);
        prop_assert_eq!(&normal_host(host.to_lowercase().as_bytes(), scheme.as_bytes()), &once);
    }

    #[test]
    fn any_host_has_a_form(host in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b':'), Just(b'0')], 0..12)) {
        prop_assert!(normal_host(&host, b"http").len() <= host.len());
    }
}
