//! The hello a browser opens a TLS connection with, as profiles describe it.
//! Registered numbers in an order, and data of a length, that a seed decides; none
//! was taken from a browser.

use crate::seed::Seed;
use serde::Serialize;

/// Registered cipher suites the older part of a hello is drawn from.
const CIPHER_SUITES: [u16; 14] =
    [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035, 0xc009, 0xc00a];

/// Extension types with the least and the greatest length of their data, in
/// bytes. Together they keep a profile between 0.7 and 2.0 KB.
const EXTENSIONS: [(u16, u64, u64); 16] = [
    (0, 0, 0),
    (5, 5, 5),
    (10, 10, 14),
    (11, 2, 2),
    (13, 18, 26),
    (16, 14, 14),
    (18, 0, 0),
    (23, 0, 0),
    (27, 3, 7),
    (35, 0, 96),
    (43, 7, 7),
    (45, 2, 2),
    (51, 38, 43),
    (17513, 5, 5),
    (65037, 10, 250),
    (65281, 1, 1),
];

/// A hello, without what changes with each connection.
#[derive(Serialize)]
pub struct Hello {
    cipher_suites: Vec<u16>,
    compression_methods: Vec<u8>,
    extensions: Vec<Extension>,
}

/// One extension of a hello; `data` is hexadecimal.
#[derive(Serialize)]
struct Extension {
    r#type: u16,
    data: String,
}

impl Hello {
    /// The hello that belongs to `seed`.
    pub fn new(seed: &mut Seed) -> Self {
        Self { cipher_suites: cipher_suites(seed), compression_methods: vec![0], extensions: extensions(seed) }
    }
}

/// The GREASE value at `place` of the sixteen that RFC 8701 reserves: 0x0a0a,
/// 0x1a1a, …, 0xfafa, and around again.
fn grease(place: u64) -> u16 {
    u16::try_from(place % 16).unwrap_or(0) * 0x1010 + 0x0a0a
}

fn cipher_suites(seed: &mut Seed) -> Vec<u16> {
    let mut older = CIPHER_SUITES;
    seed.shuffle(&mut older);
    let kept = usize::try_from(seed.between(9, 14)).unwrap_or(older.len());
    let mut suites = vec![grease(seed.next()), 0x1301, 0x1302, 0x1303];
    suites.extend(older.iter().take(kept));
    suites
}

/// GREASE first and last, as RFC 8701 advises, the others in an order of the
/// seed's choosing.
fn extensions(seed: &mut Seed) -> Vec<Extension> {
    let mut types = EXTENSIONS;
    seed.shuffle(&mut types);
    let (first, last) = two_greases(seed);
    let mut all = vec![extension(first, String::new())];
    for (r#type, least, greatest) in types {
        let length = seed.between(least, greatest);
        all.push(extension(r#type, seed.hex(length)));
    }
    all.push(extension(last, "00".into()));
    all
}

/// Two that differ: no extension may appear twice in a hello.
fn two_greases(seed: &mut Seed) -> (u16, u16) {
    let place = seed.below(16);
    (grease(place), grease(place + seed.between(1, 15)))
}

fn extension(r#type: u16, data: String) -> Extension {
    Extension { r#type, data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn hello(name: &str) -> Hello {
        Hello::new(&mut Seed::of(&[name.as_bytes()]))
    }

    fn is_grease(value: u16) -> bool {
        value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
    }

    #[test]
    fn each_has_grease_and_no_extension_twice() {
        for number in 0..200 {
            let hello = hello(&number.to_string());
            let types: Vec<_> = hello.extensions.iter().map(|one| one.r#type).collect();
            assert_eq!(types.iter().collect::<BTreeSet<_>>().len(), types.len(), "{types:?}");
            assert_eq!(types.iter().filter(|one| is_grease(**one)).count(), 2, "{types:?}");
            assert!(types.last().is_some_and(|last| is_grease(*last)), "{types:?}");
            assert!(hello.cipher_suites.first().is_some_and(|first| is_grease(*first)));
            assert_eq!(hello.compression_methods, [0]);
        }
    }

    #[test]
    fn data_is_as_long_as_the_extension_wants() {
        let hello = hello("lengths");
        for (r#type, least, greatest) in EXTENSIONS {
            let found = hello.extensions.iter().find(|one| one.r#type == r#type);
            let digits = found.map(|one| one.data.len() as u64);
            assert!(digits.is_some_and(|digits| (2 * least..=2 * greatest).contains(&digits)), "{type}");
        }
    }
}
