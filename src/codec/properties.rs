//! Properties: what is written is read, and nothing else is.

use super::tests::sealed;
use super::*;
use proptest::prelude::*;

fn entry() -> impl Strategy<Value = Entry> {
    let text = || "\\PC{0,6}";
    let header = ("[a-z-]{1,6}|cache-control", "[\t -~é]{0,6}|no-store|max-age=5");
    let head = (
        text(),
        proptest::collection::vec((text(), proptest::option::of(text())), 0..3),
        proptest::sample::select(&[200u16, 203, 300, 404, 410, 501, 599][..]),
        proptest::collection::vec(header, 0..4),
    );
    let rest = (
        proptest::collection::vec(any::<u8>(), 0..40),
        proptest::collection::vec((any::<prop::sample::Index>(), 0usize..4), 0..3),
        proptest::option::of(any::<u64>()),
        (any::<u64>(), any::<u64>()),
        ("[0-9a-f]{0,40}", any::<u64>()),
        (
            proptest::option::of("max-age=[0-9]"),
            proptest::option::of(any::<u64>()),
            proptest::collection::vec(text(), 0..3),
        ),
    );
    (head, rest).prop_map(
        |((key, selecting, status, headers), (body, cuts, explicit, (age, origin), (epoch, n), more))| {
            let (targeted, unmodified, tags) = more;
            let mut cuts: Vec<Cut> =
                cuts.into_iter().map(|(at, echo)| Cut { at: at.index(body.len() + 1), echo }).collect();
            cuts.sort_by_key(|cut| cut.at);
            Entry {
                directives: Entry::directives_of(&headers, targeted.as_deref()),
                key,
                selecting,
                status,
                headers,
                body,
                cuts,
                explicit: explicit.map(Duration::from_millis),
                initial_age: Duration::from_millis(age),
                position: Position { epoch, n },
                targeted,
                unmodified: unmodified.map(Duration::from_millis),
                tags,
                made_in: Duration::from_millis(origin),
            }
        },
    )
}

proptest! {
    #[test]
    fn an_entry_survives_its_bytes(entry in entry()) {
        let bytes = encode(&entry).unwrap();
        prop_assert_eq!(decode(&bytes), Ok(entry));
    }

    #[test]
    fn one_changed_byte_is_noticed(entry in entry(), at in any::<prop::sample::Index>(), change in 1u8..) {
        let mut bytes = encode(&entry).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn one_lost_or_doubled_byte_is_noticed(entry in entry(), at in any::<prop::sample::Index>()) {
        let bytes = encode(&entry).unwrap();
        let at = at.index(bytes.len());
        let (mut shorter, mut longer) = (bytes.clone(), bytes);
        shorter.remove(at);
        longer.insert(at, longer[at]);
        prop_assert!(decode(&shorter).is_err());
        prop_assert!(decode(&longer).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64), length in 0u32..70) {
        let _ = decode(&bytes);
        let _ = decode(&sealed(b"FPC1", length, &bytes));
    }

    /// What can be read can be written, so a reader believes nothing that no writer says.
    #[test]
    fn what_is_read_can_be_written(entry in entry(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let bytes = encode(&entry).unwrap();
        let length = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
        let mut rest = bytes[8..bytes.len() - 8].to_vec();
        let at = at.index(rest.len());
        rest[at] = byte;
        if let Ok(read) = decode(&sealed(b"FPC1", length, &rest)) {
            prop_assert_eq!(encode(&read).map(|bytes| decode(&bytes)), Some(Ok(read)));
        }
    }
}
