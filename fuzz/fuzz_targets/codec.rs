//! Entries: any bytes are read or refused, and what is read can be written and read again.
//!
//! Also with a right frame around them, or no input would get past the checksum: the first line is the head, the rest
//! the body.
#![no_main]

use fingerprint_cache::codec::{decode, encode};
use libfuzzer_sys::fuzz_target;

fn framed(input: &[u8]) -> Vec<u8> {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (head, body) = (&input[..end], input.get(end + 1..).unwrap_or_default());
    let length = u32::try_from(end).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = [b"FPC1", &length[..], head, body].concat();
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

fuzz_target!(|input: &[u8]| {
    for bytes in [input.to_vec(), framed(input)] {
        let Ok(entry) = decode(&bytes) else { continue };
        let again = encode(&entry).map(|bytes| decode(&bytes));
        assert_eq!(again, Some(Ok(entry.clone())));
        assert!(entry.weight() >= entry.body.len());
        let _ = entry.date();
    }
});
