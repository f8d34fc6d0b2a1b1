//! L2 as messages: a [`Call`] goes out, a reply comes in and is read with suspicion. No I/O here.
//!
//! Everything of one primary key is one hash, `<prefix>:<schema>:<rule>:<digest>`, with a field per variant and the
//! field `vary` that names the headers telling variants apart. Beside each variant stands its lease, and beside all of
//! them the log of invalidations and the hash of bans, which forbid what was fetched earlier. Five scripts do all the
//! work:
//!
//! - [`lookup()`]: one variant, or the lease to fetch it, or who has that;
//! - [`fill()`]: one variant stored, and the lease given back;
//! - [`renew`], [`release`], [`mark`]: a lease kept, given back, marked;
//! - [`publish()`]: notices appended to the log;
//! - [`sync()`]: the log read on.

pub mod breaker;
mod fill;
mod lease;
mod lookup;
mod publish;
pub mod resp;
pub mod script;
mod sync;
pub mod webdis;

use crate::codec;
use crate::config::{Config, Redis};
use crate::key::{PrimaryKey, push_hex};
use crate::position::Position;
use crate::reason::L2Failure;
use resp::Reply;
use script::Script;
use std::time::Duration;

pub use fill::{fill, read_fill};
pub use lease::{Lease, lease_key, mark, read_lease, release, renew};
pub use lookup::{Lookup, Want, lookup, read_lookup};
pub use publish::{LONGEST, publish, published, published_uris, read_publish};
pub use sync::{read_sync, sync};

/// A request to Redis, independent of the front that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What to run.
    pub script: &'static Script,
    /// Whether to send the script's text (after `NOSCRIPT`) or only its digest.
    pub whole: bool,
    /// The keys it touches.
    pub keys: Vec<String>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The last argument, where it is binary.
    pub body: Option<Vec<u8>>,
}

/// Where one primary key lives in L2, and what may have banned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The hash of the key.
    pub hash: String,
    /// The stream of invalidations.
    pub log: String,
    /// The hash of bans. Like the log it is outside the schema, so that old and new versions hear the same.
    pub bans: String,
}

/// The place of one primary key.
pub fn place(redis: &Redis, config: &Config, rule: &str, key: &PrimaryKey) -> Place {
    let prefix = &redis.key_prefix;
    let hash = format!("{prefix}:{}.{}:{}", codec::VERSION, config.schema_version, key.name(rule));
    Place { hash, log: log(redis), bans: bans(redis) }
}

fn log(redis: &Redis) -> String {
    format!("{}:log", redis.key_prefix)
}

fn bans(redis: &Redis) -> String {
    format!("{}:bans", redis.key_prefix)
}

/// The field of one variant.
pub fn variant(selecting: &[(String, Option<String>)]) -> String {
    let mut field = String::from("e:");
    push_hex(&mut field, variant_digest(selecting), 32);
    field
}

/// A digest of the values that select a variant.
pub fn variant_digest(selecting: &[(String, Option<String>)]) -> u128 {
    let mut text = String::new();
    for (name, value) in selecting {
        text.push_str(name);
        if let Some(value) = value {
            // With its length, so that no value can hold the next name.
            text.push_str(&format!("={}:{value}", value.len()));
        }
        text.push('\n');
    }
    xxhash_rust::xxh3::xxh3_128(text.as_bytes())
}

/// The `Vary` names as one argument; never empty, since an empty one would be lost in a URL.
fn names(selecting: &[(String, Option<String>)]) -> String {
    let names: Vec<&str> = selecting.iter().map(|(name, _)| name.as_str()).collect();
    format!("v:{}", names.join(","))
}

/// A time as an argument, in milliseconds; never zero, which Redis does not take for a life.
fn millis(time: Duration) -> String {
    time.as_millis().max(1).to_string()
}

/// Whether Redis says that it does not know the script.
pub fn is_unknown_script(reply: &[u8]) -> bool {
    bulk(reply) == Err(L2Failure::NoScript)
}

fn bulk(reply: &[u8]) -> Result<&[u8], L2Failure> {
    match resp::read(reply) {
        Some(Reply::Bulk(payload)) => Ok(payload),
        Some(Reply::Error(text)) => Err(failure(text)),
        _ => Err(L2Failure::Corrupt),
    }
}

fn failure(error: &[u8]) -> L2Failure {
    let word = error.split(|byte| *byte == b' ').next().unwrap_or_default();
    match word {
        b"NOSCRIPT" => L2Failure::NoScript,
        b"READONLY" | b"OOM" | b"NOREPLICAS" | b"NOPERM" | b"LOADING" | b"MASTERDOWN" | b"BUSY" | b"MISCONF"
        | b"NOAUTH" | b"WRONGPASS" | b"CLUSTERDOWN" => L2Failure::Refused,
        _ => L2Failure::Error,
    }
}

/// A letter, a position and what follows: how all answers begin but those that are only a letter.
fn opening(reply: &[u8]) -> Result<(u8, Position, &[u8]), L2Failure> {
    let (letter, rest) = bulk(reply)?.split_first().ok_or(L2Failure::Corrupt)?;
    let (text, rest) = field(rest).ok_or(L2Failure::Corrupt)?;
    Ok((*letter, Position::parse(text).ok_or(L2Failure::Corrupt)?, rest))
}

/// An answer of yes or no.
fn either(reply: &[u8], yes: u8) -> Result<bool, L2Failure> {
    match bulk(reply)? {
        [letter] if *letter == yes => Ok(true),
        b"F" => Ok(false),
        _ => Err(L2Failure::Corrupt),
    }
}

/// What stands before the next `|`, and what follows it.
fn field(bytes: &[u8]) -> Option<(&str, &[u8])> {
    const MOST: usize = 64;
    let end = bytes.iter().take(MOST).position(|byte| *byte == b'|')?;
    let (text, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(text).ok()?, rest.get(1..)?))
}

/// A number of milliseconds before the next `|`.
fn duration(bytes: &[u8]) -> Option<(Duration, &[u8])> {
    let (text, rest) = field(bytes)?;
    Some((Duration::from_millis(number(text)?), rest))
}

/// A number in digits alone.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
