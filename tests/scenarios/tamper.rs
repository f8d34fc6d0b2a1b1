//! Whoever can write to Redis changes what is there.

use crate::network::Front;
use crate::random::Rng;
use crate::redis::Hash;

/// What somebody does to the bytes of an entry in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tamper {
    Flip,
    Truncate,
    /// Another key's entry in its place.
    Foreign,
    /// Another variant's entry in its place.
    Sibling,
    Future,
    VaryNames,
    /// Names as no fill writes them.
    OddNames,
}

impl Front {
    /// Changes the bytes of some entry; says what it did.
    pub fn tamper(&mut self, how: Tamper, rng: &mut Rng) -> String {
        let mut keys = self.server.keys();
        let entries = keys.hashes.keys().filter(|name| *name != b"fpc:bans");
        let names: Vec<Vec<u8>> = entries.cloned().collect();
        if names.is_empty() {
            return "nothing to tamper with".to_owned();
        }
        let (name, other) = (rng.pick(&names), rng.pick(&names));
        let source = keys.hashes[&other].clone();
        let hash = keys.hashes.get_mut(&name).unwrap();
        tamper(hash, &source, how, rng);
        format!("{how:?} in {}", String::from_utf8_lossy(&name))
    }
}

fn tamper(hash: &mut Hash, other: &Hash, how: Tamper, rng: &mut Rng) {
    let entries =
        |hash: &Hash| -> Vec<Vec<u8>> { hash.fields.keys().filter(|name| name.starts_with(b"e:")).cloned().collect() };
    let (own, others) = (entries(hash), entries(other));
    let field = rng.pick(&own);
    let sibling = hash.fields[&rng.pick(&own)].clone();
    let bytes = hash.fields.get_mut(&field).unwrap();
    // Before the second `|` stand Redis' own stamp and the position; whoever can change those can make any entry young.
    let entry = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'|').nth(1).map_or(0, |(at, _)| at + 1);
    let at = entry + rng.below((bytes.len() - entry).max(1) as u64) as usize;
    match how {
        Tamper::Flip if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
        Tamper::Truncate => bytes.truncate(at),
        Tamper::Foreign => *bytes = other.fields[&rng.pick(&others)].clone(),
        Tamper::Sibling => *bytes = sibling,
        Tamper::Future if entry + 4 <= bytes.len() => bytes[entry..entry + 4].copy_from_slice(b"FPC2"),
        Tamper::OddNames => drop(hash.fields.insert(b"vary".to_vec(), b"v:accept,,accept-language".to_vec())),
        Tamper::VaryNames => drop(hash.fields.insert(b"vary".to_vec(), b"v:accept,accept-language".to_vec())),
        _ => {}
    }
}
