//! RFC 9110 §14.1 and §14.2 as tables: what is a set of byte ranges, and what is ignored.

use super::*;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn read(value: &str) -> Option<Vec<ByteRange>> {
    ranges(&Headers::from([("range", value)]))
}

fn from(first: u64) -> ByteRange {
    ByteRange::From { first, last: None }
}

fn between(first: u64, last: u64) -> ByteRange {
    ByteRange::From { first, last: Some(last) }
}

#[test]
fn byte_ranges_are_read() {
    let table: &[(&str, &[ByteRange])] = &[
        ("bytes=0-499", &[between(0, 499)]),
        ("bytes=500-999", &[between(500, 999)]),
        ("bytes=-500", &[ByteRange::Suffix(500)]),
        ("bytes=9500-", &[from(9500)]),
        ("bytes=0-0,-1", &[between(0, 0), ByteRange::Suffix(1)]),
        ("bytes= 0-999, 4500-5499, -1000", &[between(0, 999), between(4500, 5499), ByteRange::Suffix(1000)]),
        ("bytes=500-700,601-999", &[between(500, 700), between(601, 999)]),
        ("bytes=-0", &[ByteRange::Suffix(0)]),
        ("bytes=007-0010", &[between(7, 10)]),
        (" BYTES=,0-1, ,\t", &[between(0, 1)]),
    ];
    for (value, expected) in table {
        assert_eq!(read(value).as_deref(), Some(*expected), "{value}");
    }
}

#[test]
fn numbers_too_large_are_the_largest() {
    assert_eq!(read("bytes=18446744073709551615-"), Some(vec![from(u64::MAX)]));
    assert_eq!(read("bytes=18446744073709551616-"), Some(vec![from(u64::MAX)]));
    let huge = "9".repeat(99);
    assert_eq!(read(&format!("bytes=1-{huge}")), Some(vec![between(1, u64::MAX)]));
    assert_eq!(read(&format!("bytes=-{huge}")), Some(vec![ByteRange::Suffix(u64::MAX)]));
    assert_eq!(read(&format!("bytes={huge}-1")), None);
    assert_eq!(read(&format!("bytes=1{}-", "0".repeat(30))), Some(vec![from(u64::MAX)]));
}

#[test]
fn anything_else_is_ignored() {
    for value in [
        "",
        "bytes",
        "bytes=",
        "bytes= , ",
        "bytes=-",
        "bytes=--1",
        "bytes=1",
        "bytes=1-0",
        "bytes=0-1,3-2",
        "bytes=0-1,x",
        "bytes=0-1;2-3",
        "bytes=0 - 1",
        "bytes=0-1 2",
        "bytes=+0-1",
        "bytes=0-1-2",
        "bytes=0x0-1",
        "bytes=a-b",
        "bytes=\"0-1\"",
        "bytes=0-1=",
        "bytes =0-1",
        "byte=0-1",
        "lines=0-1",
        "bytes:0-1",
        "bytes 0-1/2",
        "0-1",
    ] {
        assert_eq!(read(value), None, "{value}");
    }
    assert_eq!(ranges(&Headers::from([("accept", "x")])), None);
    assert_eq!(ranges(&Headers::from([("range", "bytes=0-1"), ("range", "bytes=0-1")])), None);
    assert_eq!(ranges(&Headers::from_pairs(vec![("range".to_owned(), b"bytes=\xff-".to_vec())])), None);
}
