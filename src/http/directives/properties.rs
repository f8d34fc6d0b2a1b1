//! `Cache-Control` of arbitrary bytes: always answered, and what cannot be read loosens nothing.

use super::*;
use proptest::prelude::*;

const WORDS: [&str; 19] = [
    "must-understand",
    "immutable",
    "stale-if-error=60",
    "stale-while-revalidate=x",
    "no-cache=\"x, y\"",
    "no-store",
    "no-cache",
    "private",
    "public",
    "must-revalidate",
    "max-age=60",
    "s-maxage=60",
    "max-age=",
    "max-age=x",
    "s-maxage",
    "ext=\"a, public\"",
    "private=\"x\"",
    ",",
    "\t",
];

fn line() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..6).prop_map(|words| words.join(", "))
}

/// What cannot be read: bytes of which no member can be a directive that permits or gives a life.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let permits = |line: &[u8]| {
        let directives = ResponseDirectives::parse(std::iter::once(line));
        directives.public
            || directives.must_revalidate
            || directives.must_understand
            || directives.immutable
            || directives.max_age > Some(0)
            || directives.s_maxage > Some(0)
            || directives.stale_while_revalidate > Some(0)
            || directives.stale_if_error > Some(0)
    };
    proptest::collection::vec(any::<u8>(), 0..40).prop_filter("permits", move |line| !permits(line))
}

fn no_looser(after: ResponseDirectives, before: ResponseDirectives) -> bool {
    let shorter = |after: Option<u32>, before: Option<u32>| before.is_none() || (after.is_some() && after <= before);
    after.no_store >= before.no_store
        && after.no_cache >= before.no_cache
        && after.private >= before.private
        && after.proxy_revalidate >= before.proxy_revalidate
        && after.must_revalidate >= before.must_revalidate
        && after.public <= before.public
        && after.must_understand == before.must_understand
        && after.immutable <= before.immutable
        && shorter(after.max_age, before.max_age)
        && shorter(after.s_maxage, before.s_maxage)
        && shorter(after.stale_while_revalidate, before.stale_while_revalidate)
        && shorter(after.stale_if_error, before.stale_if_error)
}

proptest! {
    #[test]
    fn any_bytes_are_answered(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..4)) {
        let directives = ResponseDirectives::parse(lines.iter().map(Vec::as_slice));
        prop_assert!(directives.max_age <= Some(MAX_DELTA_SECONDS));
        let headers = lines.into_iter().map(|line| ("cache-control".to_owned(), line)).collect();
        let _ = RequestDirectives::of(&headers);
        prop_assert_eq!(ResponseDirectives::of(&headers), directives);
        prop_assert!(withheld_fields(&headers).iter().all(|name| list::is_token(name.as_bytes())));
    }

    /// A qualified form either forbids the whole or withholds all that it lists.
    #[test]
    fn what_is_listed_is_withheld(names in proptest::collection::vec("[a-cV-X:;'é]{1,2}|vary", 1..4)) {
        let line = format!("private=\"{}\"", names.join(","));
        let headers = Headers::from([("cache-control", line.as_str())]);
        let withheld = withheld_fields(&headers);
        let all = names.iter().all(|name| withheld.contains(&name.to_ascii_lowercase()));
        prop_assert!(ResponseDirectives::of(&headers).private != all);
    }

    #[test]
    fn garbage_on_another_line_loosens_nothing(line in line(), garbage in garbage()) {
        let before = ResponseDirectives::parse([line.as_bytes()].into_iter());
        let after = ResponseDirectives::parse([line.as_bytes(), &garbage].into_iter());
        prop_assert!(no_looser(after, before), "{before:?} {after:?}");
    }

    #[test]
    fn garbage_in_another_member_loosens_nothing(line in line(), garbage in garbage()) {
        let before = ResponseDirectives::parse([line.as_bytes()].into_iter());
        let longer = [line.as_bytes(), b",", &garbage].concat();
        let after = ResponseDirectives::parse([longer.as_slice()].into_iter());
        prop_assert!(no_looser(after, before), "{before:?} {after:?}");
    }

    #[test]
    fn the_order_of_lines_does_not_matter(one in line(), other in line()) {
        let forth = ResponseDirectives::parse([one.as_bytes(), other.as_bytes()].into_iter());
        let back = ResponseDirectives::parse([other.as_bytes(), one.as_bytes()].into_iter());
        prop_assert_eq!(forth, back);
    }
}
