//! Lists of entity tags, of arbitrary bytes and of tags: always read, and what was written is found again.

use super::*;
use proptest::prelude::*;

fn field(lines: Vec<Vec<u8>>) -> Headers {
    lines.into_iter().map(|line| ("if-none-match".to_owned(), line)).collect()
}

fn tag() -> impl Strategy<Value = String> {
    r#"(W/)?"[!#-~é]{0,6}""#
}

proptest! {
    /// A list never names what does not stand there in quotes.
    #[test]
    fn any_bytes_are_read(lines in proptest::collection::vec(
        proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(&b"\"\",,W/\\*a "[..])], 0..40), 0..4,
    )) {
        let headers = field(lines.clone());
        match EntityTags::read(&headers, "if-none-match") {
            None => prop_assert!(lines.is_empty()),
            Some(EntityTags::Any) => prop_assert!(lines.iter().flatten().filter(|byte| **byte == b'*').count() == 1),
            Some(EntityTags::List(tags)) => for tag in tags {
                let written = [b"\"", tag.opaque, b"\""].concat();
                prop_assert!(lines.iter().any(|line| line.windows(written.len()).any(|part| part == written)));
            },
        }
    }

    /// However tags are spread over lines, all are found, in order.
    #[test]
    fn all_tags_are_found(lines in proptest::collection::vec(proptest::collection::vec(tag(), 1..4), 1..4), tight in any::<bool>()) {
        let headers = field(lines.iter().map(|tags| tags.join(if tight { "," } else { " ,\t, " }).into_bytes()).collect());
        let expected: Vec<_> = lines.iter().flatten().filter_map(|tag| EntityTag::parse(tag.as_bytes())).collect();
        prop_assert_eq!(expected.len(), lines.iter().flatten().count());
        prop_assert_eq!(EntityTags::read(&headers, "if-none-match"), Some(EntityTags::List(expected)));
    }
}
