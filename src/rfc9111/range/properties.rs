//! RFC 9110 §14 on arbitrary ranges: never a byte that was not asked for.

use super::*;
use proptest::prelude::*;

/// The bytes asked for, by looking at each of them.
fn naive(range: ByteRange, body: &[usize]) -> Vec<usize> {
    let length = body.len() as u128;
    let asked = |at: usize| match range {
        ByteRange::From { first, last } => at as u64 >= first && last.is_none_or(|last| at as u64 <= last),
        ByteRange::Suffix(count) => at as u128 + u128::from(count) >= length,
    };
    body.iter().copied().filter(|at| asked(*at)).collect()
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..12, any::<u64>()]
}

fn range() -> impl Strategy<Value = ByteRange> {
    prop_oneof![
        (number(), number())
            .prop_map(|(one, other)| ByteRange::From { first: one.min(other), last: Some(one.max(other)) }),
        number().prop_map(|first| ByteRange::From { first, last: None }),
        number().prop_map(ByteRange::Suffix),
    ]
}

fn written(range: ByteRange) -> String {
    match range {
        ByteRange::From { first, last } => {
            format!("bytes={first}-{}", last.map_or(String::new(), |last| last.to_string()))
        }
        ByteRange::Suffix(count) => format!("bytes=-{count}"),
    }
}

proptest! {
    #[test]
    fn one_range_is_what_looking_at_each_byte_finds(range in range(), length in 0_usize..10) {
        let body: Vec<usize> = (0..length).collect();
        let expected = naive(range, &body);
        let got = part(&Headers::from([("range", written(range).as_str())]), 200, &[], length);
        match got {
            Part::Single { first, last } => {
                prop_assert!(first <= last && last < length);
                prop_assert_eq!(body.get(first..=last), Some(expected.as_slice()));
            }
            Part::Unsatisfiable => prop_assert!(expected.is_empty()),
            Part::Whole => prop_assert!(length == 0 && expected.is_empty()),
        }
        let named = content_range(&got, length);
        prop_assert_eq!(named.is_none(), got == Part::Whole);
    }

    /// Whatever is asked and stored, a part lies within the body, and only a 200 has one.
    #[test]
    fn any_request_is_answered(
        set in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"0123456789-, "[..])], 0..24),
        condition in proptest::option::of(prop_oneof!["(W/)?\"[ab]?\"", "Sun, 06 Nov 1994 08:49:37 GMT", "\\PC{0,5}"]),
        stored in proptest::collection::vec((proptest::sample::select(&["etag", "last-modified", "date"][..]).prop_map(str::to_owned), "(W/)?\"[ab]?\"|Sun, 06 Nov 1994 0[89]:49:37 GMT|\\PC{0,5}"), 0..4),
        status in proptest::sample::select(&[200_u16, 206, 404][..]),
        length in prop_oneof![0_usize..20, any::<usize>()],
    ) {
        let mut lines = vec![("range".to_owned(), [b"bytes=", set.as_slice()].concat())];
        lines.extend(condition.map(|text| ("if-range".to_owned(), text.into_bytes())));
        match part(&Headers::from_pairs(lines), status, &stored, length) {
            Part::Single { first, last } => prop_assert!(status == 200 && first <= last && last < length),
            Part::Unsatisfiable => prop_assert!(status == 200),
            Part::Whole => {}
        }
    }
}
