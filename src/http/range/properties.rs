//! `Range` of arbitrary bytes and of ranges: always read, and what was written is found again.

use super::*;
use proptest::prelude::*;

fn written(range: &ByteRange) -> String {
    match range {
        ByteRange::From { first, last: None } => format!("{first}-"),
        ByteRange::From { first, last: Some(last) } => format!("{first}-{last}"),
        ByteRange::Suffix(length) => format!("-{length}"),
    }
}

fn range() -> impl Strategy<Value = ByteRange> {
    prop_oneof![
        any::<u64>().prop_map(|first| ByteRange::From { first, last: None }),
        any::<(u64, u64)>()
            .prop_map(|(one, other)| ByteRange::From { first: one.min(other), last: Some(one.max(other)) }),
        any::<u64>().prop_map(ByteRange::Suffix),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_answered(
        unit in proptest::sample::select(&["bytes=", "Bytes = ", ""][..]),
        set in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"0123456789-, "[..])], 0..40),
    ) {
        let line = [unit.as_bytes(), &set].concat();
        for range in ranges(&Headers::from_pairs(vec![("range".to_owned(), line)])).into_iter().flatten() {
            let backwards = matches!(range, ByteRange::From { first, last: Some(last) } if last < first);
            prop_assert!(!backwards);
        }
    }

    #[test]
    fn what_is_written_is_read(all in proptest::collection::vec(range(), 1..5)) {
        let line = format!("bytes={}", all.iter().map(written).collect::<Vec<_>>().join(", "));
        prop_assert_eq!(ranges(&Headers::from([("range", line.as_str())])), Some(all));
    }
}
