//! L2 as messages: a [`Call`] goes out, a reply comes in and is read with suspicion. No I/O here.
//!
//! Everything of one primary key is one hash, `<prefix>:<schema>:<rule>:<digest>`, with a field per variant and the
//! field `vary` that names the headers telling variants apart. Two scripts do all the work: `lookup.lua`, `fill.lua`.

pub mod breaker;
pub mod resp;
pub mod script;
pub mod webdis;

use crate::codec;
use crate::config::{Config, Redis};
use crate::key::{PrimaryKey, push_hex};
use crate::position::Position;
use crate::reason::L2Failure;
use resp::Reply;
use script::Script;
use std::time::Duration;

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

/// What a lookup found.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// An entry, and how long ago Redis took it in, by its own clock.
    Hit(Position, Duration, &'a [u8]),
    /// The variants are told apart by other headers than assumed.
    OtherVary(Position, Vec<String>),
    /// Only variants for other values of the headers named in `Vary`.
    OtherVariant(Position),
    /// Nothing.
    Miss(Position),
}

/// Where one primary key lives in L2.
pub fn key(redis: &Redis, config: &Config, rule: &str, key: &PrimaryKey) -> String {
    let mut name = format!("{}:{}.{}:{rule}:", redis.key_prefix, codec::VERSION, config.schema_version);
    push_hex(&mut name, key.digest(), 32);
    name
}

/// The stream of invalidations: outside the schema, so that old and new versions hear the same.
pub fn log(redis: &Redis) -> String {
    format!("{}:log", redis.key_prefix)
}

/// The field of one variant: a digest of the values that select it.
pub fn variant(selecting: &[(String, Option<String>)]) -> String {
    let mut text = String::new();
    for (name, value) in selecting {
        text.push_str(name);
        if let Some(value) = value {
            // With its length, so that no value can hold the next name.
            text.push_str(&format!("={}:{value}", value.len()));
        }
        text.push('\n');
    }
    let mut field = String::from("e:");
    push_hex(&mut field, xxhash_rust::xxh3::xxh3_128(text.as_bytes()), 32);
    field
}

/// The `Vary` names as one argument; never empty, since an empty one would be lost in a URL.
fn names(vary: &[String]) -> String {
    format!("v:{}", vary.join(","))
}

/// Asks for one variant.
pub fn lookup(hash: String, log: String, selecting: &[(String, Option<String>)]) -> Call {
    let vary: Vec<String> = selecting.iter().map(|(name, _)| name.clone()).collect();
    Call {
        script: &script::LOOKUP,
        whole: false,
        keys: vec![hash, log],
        arguments: vec![names(&vary), variant(selecting)],
        body: None,
    }
}

/// Stores one variant for `life`.
pub fn fill(hash: String, selecting: &[(String, Option<String>)], life: Duration, entry: Vec<u8>) -> Call {
    let vary: Vec<String> = selecting.iter().map(|(name, _)| name.clone()).collect();
    Call {
        script: &script::FILL,
        whole: false,
        keys: vec![hash],
        arguments: vec![names(&vary), variant(selecting), life.as_millis().to_string()],
        body: Some(entry),
    }
}

/// Reads the answer to a lookup.
///
/// # Errors
/// Redis' own error, or [`L2Failure::Corrupt`] for anything the script does not say.
pub fn read_lookup(reply: &[u8]) -> Result<Lookup<'_>, L2Failure> {
    let payload = bulk(reply)?;
    let (letter, rest) = payload.split_first().ok_or(L2Failure::Corrupt)?;
    let (position, rest) = position(rest).ok_or(L2Failure::Corrupt)?;
    match letter {
        b'H' => hit(position, rest).ok_or(L2Failure::Corrupt),
        b'V' => other_vary(position, rest).ok_or(L2Failure::Corrupt),
        b'O' if rest.is_empty() => Ok(Lookup::OtherVariant(position)),
        b'M' if rest.is_empty() => Ok(Lookup::Miss(position)),
        _ => Err(L2Failure::Corrupt),
    }
}

/// Reads the answer to a fill.
///
/// # Errors
/// As [`read_lookup`].
pub fn read_fill(reply: &[u8]) -> Result<(), L2Failure> {
    if bulk(reply)? == b"S" { Ok(()) } else { Err(L2Failure::Corrupt) }
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

fn position(bytes: &[u8]) -> Option<(Position, &[u8])> {
    let (text, rest) = field(bytes)?;
    Some((Position::parse(text)?, rest))
}

fn hit(position: Position, rest: &[u8]) -> Option<Lookup<'_>> {
    let (age, entry) = field(rest)?;
    Some(Lookup::Hit(position, Duration::from_millis(age.parse().ok()?), entry))
}

fn other_vary(position: Position, rest: &[u8]) -> Option<Lookup<'_>> {
    const MOST: usize = 4096;
    let text = std::str::from_utf8(rest).ok().filter(|text| text.len() <= MOST)?;
    let names = text.strip_prefix("v:")?.split(',').filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    // Sorted and in lower case, or it is none of ours and asking again would find nothing either.
    let ours = names.is_sorted() && names.iter().all(|name| !name.bytes().any(|byte| byte.is_ascii_uppercase()));
    ours.then_some(Lookup::OtherVary(position, names))
}

fn field(bytes: &[u8]) -> Option<(&str, &[u8])> {
    const MOST: usize = 64;
    let end = bytes.iter().take(MOST).position(|byte| *byte == b'|')?;
    let (text, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(text).ok()?, rest.get(1..)?))
}

#[cfg(test)]
mod tests;
