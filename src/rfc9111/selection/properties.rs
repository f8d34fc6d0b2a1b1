//! RFC 9111 §4.1 on arbitrary headers: what is written matches what is compared.

use super::*;
use proptest::prelude::*;

const NAMES: [&str; 2] = ["x", "accept-language"];

/// Lines of the same header, one that is compared byte for byte or one that is not.
fn requests() -> impl Strategy<Value = (&'static str, Headers, Headers)> {
    let byte = prop_oneof![proptest::sample::select(&b"abAB,, ;;\"\\%2F"[..]), any::<u8>()];
    let lines = proptest::collection::vec(proptest::collection::vec(byte, 0..6), 0..3);
    (proptest::sample::select(&NAMES[..]), lines.clone(), lines).prop_map(|(name, one, other)| {
        let named = |lines: Vec<Vec<u8>>| lines.into_iter().map(|line| (name.to_owned(), line)).collect();
        (name, named(one), named(other))
    })
}

proptest! {
    /// `matches` is the equality of what `nominated` writes, and a request always matches itself.
    #[test]
    fn matching_is_equality_of_the_text((name, one, other) in requests()) {
        let names = [name.to_owned()];
        prop_assert!(matches(&selecting(&one, &names), &one));
        let equal = nominated(&one, name) == nominated(&other, name);
        prop_assert_eq!(matches(&selecting(&one, &names), &other), equal);
    }

    /// What matches byte for byte matches without case too, and what then matches differs in case and spaces only.
    #[test]
    fn folding_loses_nothing_but_case_and_spaces((_, one, other) in requests()) {
        let under = |headers: &Headers, name| {
            let lines = headers.iter().map(|(_, value)| (String::from(name), value.to_vec()));
            nominated(&lines.collect(), name)
        };
        let [plain_one, plain_other] = [&one, &other].map(|headers| under(headers, "x"));
        let [one, other] = [&one, &other].map(|headers| under(headers, "accept-encoding"));
        prop_assert!(plain_one != plain_other || one == other);
        let bare = |text: Option<String>| text.map(|text| text.to_ascii_lowercase().replace([' ', '\t'], ""));
        prop_assert!(one != other || bare(plain_one) == bare(plain_other));
    }

    /// Values without commas and outer whitespace are equal as text only if they are equal as bytes.
    #[test]
    fn different_bytes_are_never_equal(one in proptest::collection::vec(any::<u8>(), 0..4), other in proptest::collection::vec(any::<u8>(), 0..4)) {
        let plain = |bytes: &[u8]| !bytes.iter().any(|byte| b", \t".contains(byte));
        prop_assume!(plain(&one) && plain(&other));
        let text = |bytes: &[u8]| nominated(&Headers::from_pairs(vec![("x".to_owned(), bytes.to_vec())]), "x");
        prop_assert_eq!(text(&one) == text(&other), one == other);
    }

    #[test]
    fn any_vary_is_answered(line in proptest::collection::vec(any::<u8>(), 0..20)) {
        let star = line.split(|byte| *byte == b',').any(|member| member == b"*");
        let names = vary_names(&Headers::from_pairs(vec![("vary".to_owned(), line)]));
        prop_assert!(!star || names.is_err());
        prop_assert!(names.unwrap_or_default().is_sorted());
    }
}
