//! Tables: what an entry looks like in bytes, and which bytes are none.

use super::*;
use crate::entry::tests::entry;
use serde_json::{Value, json};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Bytes with a head and a body as a foreign writer might make them, sealed as they should be.
pub(crate) fn sealed(magic: &[u8], length: u32, rest: &[u8]) -> Vec<u8> {
    let mut bytes = [magic, &length.to_le_bytes(), rest].concat();
    bytes.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(&bytes).to_le_bytes());
    bytes
}

/// A well-formed encoding but for its head, changed by `change`.
fn with_head(change: impl FnOnce(&mut Value)) -> Result<Entry, Malformed> {
    let bytes = encode(&entry("k")).unwrap();
    let length = usize::try_from(u32::from_le_bytes(bytes[4..8].try_into().unwrap())).unwrap();
    let mut head: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    change(&mut head);
    let head = head.to_string();
    let rest = [head.as_bytes(), &entry("k").body].concat();
    decode(&sealed(b"FPC1", u32::try_from(head.len()).unwrap(), &rest))
}

#[test]
fn the_format_is_as_documented() {
    let bytes = encode(&entry("k")).unwrap();
    assert_eq!(&bytes[..4], b"FPC1");
    let length = usize::try_from(u32::from_le_bytes(bytes[4..8].try_into().unwrap())).unwrap();
    let head: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let expected = json!({
        "key": "k",
        "selecting": [["accept", "a, b"], ["origin", null]],
        "status": 200,
        "headers": [["content-type", "application/json"], ["cache-control", "max-age=60"], ["x-e", "ü"]],
        "cuts": [{ "at": 6, "echo": 0 }],
        "explicit_ms": 60000,
        "initial_age_ms": 1500,
        "position": { "epoch": "ab".repeat(20), "n": 7 },
        "origin_ms": 250,
    });
    assert_eq!(head, expected);
    assert_eq!(&bytes[8 + length..bytes.len() - 8], entry("k").body);
    assert_eq!(bytes, sealed(b"FPC1", u32::from_le_bytes(bytes[4..8].try_into().unwrap()), &bytes[8..bytes.len() - 8]));
}

#[test]
fn what_was_written_is_read() {
    let bare = Entry { selecting: vec![], headers: vec![], body: vec![], cuts: vec![], explicit: None, ..entry("") };
    let bare = Entry { directives: Entry::directives_of(&bare.headers, None), position: Position::default(), ..bare };
    let empty = Entry { status: 204, ..bare.clone() };
    let last = Entry { status: 599, initial_age: Duration::from_millis(u64::MAX), ..bare.clone() };
    for entry in [entry("k\nπ"), bare, empty, last] {
        assert_eq!(decode(&encode(&entry).unwrap()), Ok(entry));
    }
}

#[test]
fn every_truncation_and_every_changed_byte_is_noticed() {
    let bytes = encode(&entry("k")).unwrap();
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "cut at {length}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(decode(&damaged).is_err(), "bit {bit} of byte {at}");
        }
    }
    assert!(decode(&[bytes.clone(), vec![0]].concat()).is_err());
    assert!(decode(&[bytes.clone(), bytes].concat()).is_err());
}

#[test]
fn bytes_that_are_no_entry_are_refused() {
    let head = br#"{"key":""}"#;
    for (bytes, expected) in [
        (vec![], Malformed::Length),
        (vec![0; 7], Malformed::Length),
        (vec![0; 8], Malformed::Length),
        (vec![0; 11], Malformed::Length),
        (b"<html>502 Bad Gateway</html>".to_vec(), Malformed::Magic),
        (sealed(b"FPC2", 0, b""), Malformed::Magic),
        (sealed(b"fpc1", 0, b""), Malformed::Magic),
        (sealed(b"FPC1", 0, b""), Malformed::Head),
        (sealed(b"FPC1", 1, b""), Malformed::Length),
        (sealed(b"FPC1", u32::MAX, b"{}"), Malformed::Length),
        (sealed(b"FPC1", 1 << 31, b"{}"), Malformed::Length),
        (sealed(b"FPC1", 11, head), Malformed::Length),
        (sealed(b"FPC1", 10, head), Malformed::Head),
        (sealed(b"FPC1", 2, b"[]"), Malformed::Head),
        (sealed(b"FPC1", 2, b"\xff\xff"), Malformed::Head),
        (sealed(b"FPC1", 100_000, &[b'['; 100_000]), Malformed::Head),
        ([b"FPC1".to_vec(), vec![0; 12]].concat(), Malformed::Checksum),
        (vec![b'F'; MAX_BYTES + 1], Malformed::Length),
    ] {
        assert_eq!(decode(&bytes), Err(expected), "{:?}", &bytes[..bytes.len().min(32)]);
    }
    // Sealed before its lengths: too short for them.
    let mut short = b"FPC1\0\0".to_vec();
    short.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(&short).to_le_bytes());
    assert_eq!(decode(&short), Err(Malformed::Length));
}

#[test]
fn a_head_says_what_this_version_writes_and_nothing_else() {
    assert_eq!(with_head(|_| {}), Ok(entry("k")));
    let huge = u64::try_from(MAX_HEAD).unwrap();
    for (what, change) in [
        ("an unknown field", json!({ "later": 1 })),
        ("a status over 16 bits", json!({ "status": 65_736 })),
        ("a status below zero", json!({ "status": -200 })),
        ("a status in words", json!({ "status": "200" })),
        ("an age below zero", json!({ "initial_age_ms": -1 })),
        ("an age over 64 bits", json!({ "initial_age_ms": 1e30 })),
        ("headers as a map", json!({ "headers": { "a": "b" } })),
        ("a header of three parts", json!({ "headers": [["a", "b", "c"]] })),
        ("a cut below zero", json!({ "cuts": [{ "at": -1, "echo": 0 }] })),
        ("a cut with more", json!({ "cuts": [{ "at": 1, "echo": 0, "x": 0 }] })),
        ("a time of the origin below zero", json!({ "origin_ms": -1 })),
        ("a position with more", json!({ "position": { "epoch": "", "n": 0, "x": 0 } })),
        ("a position in words", json!({ "position": "x" })),
        ("a key that is none", json!({ "key": null })),
        ("a head over its limit", json!({ "key": "k".repeat(usize::try_from(huge).unwrap()) })),
    ] {
        let merged = with_head(|head| {
            head.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        });
        assert!(matches!(merged, Err(Malformed::Head | Malformed::Length)), "{what}");
    }
    for field in ["key", "selecting", "status", "headers", "cuts", "initial_age_ms", "position", "origin_ms"] {
        let missing = with_head(|head| drop(head.as_object_mut().unwrap().remove(field)));
        assert_eq!(missing, Err(Malformed::Head), "without {field}");
    }
}

#[test]
fn no_answer_breaks_out_of_its_lines() {
    let header = |name: &str, value: &str| json!({ "headers": [["a", "b"], [name, value]] });
    for change in [
        header("a\r\nb", "x"),
        header("a:", "x"),
        header(":status", "200"),
        header("", "x"),
        header("a b", "x"),
        header("Upper", "x"),
        header("é", "x"),
        header("a", "x\r\nset-cookie: id=1"),
        header("a", "x\n"),
        header("a", "\r"),
        header("a", "\0"),
        header("a", "\u{1b}[0m"),
        header("a", "\u{7f}"),
        json!({ "status": 0 }),
        json!({ "status": 99 }),
        json!({ "status": 100 }),
        json!({ "status": 101 }),
        json!({ "status": 199 }),
        json!({ "status": 600 }),
        json!({ "status": 204 }),
        json!({ "status": 206 }),
        json!({ "status": 304 }),
        json!({ "cuts": [{ "at": 16, "echo": 0 }] }),
        json!({ "cuts": [{ "at": u32::MAX, "echo": 0 }] }),
        json!({ "cuts": [{ "at": 6, "echo": 0 }, { "at": 5, "echo": 1 }] }),
        json!({ "cuts": [{ "at": 1, "echo": 0 }, { "at": 2, "echo": 0 }, { "at": 1, "echo": 1 }] }),
    ] {
        let changed = with_head(|head| head.as_object_mut().unwrap().extend(change.as_object().unwrap().clone()));
        assert_eq!(changed, Err(Malformed::Content), "{change}");
    }
    for change in [
        header("a", ""),
        header("a", "x\ty é"),
        header("!#$%&'*+-.^_`|~09az", "x"),
        json!({ "status": 599 }),
        json!({ "cuts": [{ "at": 15, "echo": 9 }] }),
        json!({ "cuts": [{ "at": 3, "echo": 1 }, { "at": 3, "echo": 0 }] }),
    ] {
        let changed = with_head(|head| head.as_object_mut().unwrap().extend(change.as_object().unwrap().clone()));
        assert!(changed.is_ok(), "{change}");
    }
}

#[test]
fn the_directives_are_those_of_the_headers() {
    let read = with_head(|head| head["headers"] = json!([["cache-control", "no-cache"], ["cache-control", "public"]]));
    let directives = read.unwrap().directives;
    assert!(directives.no_cache && directives.public && directives.max_age.is_none());
}

/// What could not be read again is not written: it would be a corrupt entry to whoever finds it.
#[test]
fn what_cannot_be_read_is_not_written() {
    let header = |value: &str| vec![("a".to_owned(), value.to_owned())];
    for entry in [
        Entry { headers: header("\u{7f}"), ..entry("k") },
        Entry { headers: vec![("A".to_owned(), String::new())], ..entry("k") },
        Entry { status: 304, ..entry("k") },
        Entry { status: 204, ..entry("k") },
        Entry { headers: header(&"x".repeat(MAX_HEAD)), ..entry("k") },
        Entry { body: vec![0; MAX_BYTES], ..entry("k") },
    ] {
        assert_eq!(encode(&entry), None, "{} {:?}", entry.status, entry.headers.first().map(|(name, _)| name));
    }
}
