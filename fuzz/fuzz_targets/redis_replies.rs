//! Replies of Redis: any bytes are an answer or a failure, raw and as the payload of a bulk string.
#![no_main]

use fingerprint_cache::codec;
use fingerprint_cache::redis::{Lookup, read_fill, read_invalidate, read_lookup, resp};
use libfuzzer_sys::fuzz_target;

fn bulk(payload: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat()
}

/// What the script would have to say for this to be read.
fn written(lookup: &Lookup<'_>) -> Vec<u8> {
    match lookup {
        Lookup::Hit(position, age, entry) => [format!("H{position}|{}|", age.as_millis()).as_bytes(), entry].concat(),
        Lookup::OtherVary(position, names) => format!("V{position}|v:{}", names.join(",")).into_bytes(),
        Lookup::OtherVariant(position) => format!("O{position}|").into_bytes(),
        Lookup::Miss(position) => format!("M{position}|").into_bytes(),
    }
}

fn read(reply: &[u8]) {
    let stored = read_fill(reply).is_ok();
    let invalidated = read_invalidate(reply).is_ok();
    let found = read_lookup(reply);
    assert!(usize::from(stored) + usize::from(invalidated) + usize::from(found.is_ok()) <= 1, "one reply, one meaning");
    let Ok(found) = found else { return };
    assert_eq!(read_lookup(&bulk(&written(&found))).as_ref(), Ok(&found));
    match found {
        Lookup::Hit(_, _, entry) => drop(codec::decode(entry)),
        Lookup::OtherVary(_, names) => assert!(names.is_sorted() && names.iter().all(|name| !name.is_empty())),
        Lookup::OtherVariant(_) | Lookup::Miss(_) => {}
    }
}

fuzz_target!(|input: &[u8]| {
    assert_eq!(resp::read(&bulk(input)), Some(resp::Reply::Bulk(input)));
    read(input);
    read(&bulk(input));
});
