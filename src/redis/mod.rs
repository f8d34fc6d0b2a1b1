//! L2 as messages: a [`Call`] goes out, a reply comes in and is read with suspicion. No I/O here.
//!
//! Everything of one primary key is one hash, `<prefix>:<schema>:<rule>:<digest>`, with a field per variant and the
//! field `vary` that names the headers telling variants apart. Beside them stand the log of invalidations and the hash
//! of bans, which forbid what was fetched earlier. Three scripts do all the work: `lookup.lua`, `fill.lua`,
//! `invalidate.lua`.

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

/// Where one primary key lives in L2, and what may have banned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The hash of the key.
    pub hash: String,
    /// The stream of invalidations.
    pub log: String,
    /// The hash of bans. Like the log it is outside the schema, so that old and new versions hear the same.
    pub bans: String,
    /// The ban that would be of its URI.
    pub uri: String,
}

/// The place of one primary key; `uri` is the digest of the URI that it is about.
pub fn place(redis: &Redis, config: &Config, rule: &str, key: &PrimaryKey, uri: u128) -> Place {
    let prefix = &redis.key_prefix;
    let hash = format!("{prefix}:{}.{}:{}", codec::VERSION, config.schema_version, key.name(rule));
    Place { hash, log: format!("{prefix}:log"), bans: format!("{prefix}:bans"), uri: ban(uri) }
}

/// The field of a ban on a URI.
fn ban(uri: u128) -> String {
    let mut field = String::from("uri:");
    push_hex(&mut field, uri, 32);
    field
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
fn names(vary: &[String]) -> String {
    format!("v:{}", vary.join(","))
}

/// The URIs that an invalidation is about.
pub fn banned(call: &Call) -> Vec<u128> {
    let fields = call.arguments.iter().filter_map(|field| field.strip_prefix("uri:"));
    fields.filter_map(|digest| u128::from_str_radix(digest, 16).ok()).collect()
}

/// Asks for one variant.
pub fn lookup(place: &Place, selecting: &[(String, Option<String>)]) -> Call {
    let vary: Vec<String> = selecting.iter().map(|(name, _)| name.clone()).collect();
    Call {
        script: &script::LOOKUP,
        whole: false,
        keys: vec![place.hash.clone(), place.log.clone(), place.bans.clone()],
        arguments: vec![names(&vary), variant(selecting), place.uri.clone()],
        body: None,
    }
}

/// Stores one variant for `life`; `position` is that of the lookup before its fetch.
pub fn fill(
    place: &Place,
    selecting: &[(String, Option<String>)],
    life: Duration,
    position: &Position,
    entry: Vec<u8>,
) -> Call {
    let vary: Vec<String> = selecting.iter().map(|(name, _)| name.clone()).collect();
    let (life, position) = (life.as_millis().to_string(), position.to_string());
    Call {
        script: &script::FILL,
        whole: false,
        keys: vec![place.hash.clone(), place.log.clone(), place.bans.clone()],
        arguments: vec![names(&vary), variant(selecting), life, position, place.uri.clone()],
        body: Some(entry),
    }
}

/// Bans all that was fetched for these URIs so far. `longest` is how long any entry lives at most. Sent whole: where the
/// answer that Redis does not know the script is lost, the ban would be lost with it.
pub fn invalidate(redis: &Redis, uris: &[u128], longest: Duration) -> Call {
    let prefix = &redis.key_prefix;
    let mut arguments = vec![longest.as_millis().to_string()];
    arguments.extend(uris.iter().map(|uri| ban(*uri)));
    Call {
        script: &script::INVALIDATE,
        whole: true,
        keys: vec![format!("{prefix}:log"), format!("{prefix}:bans")],
        arguments,
        body: None,
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

/// Reads the answer to a fill: whether it was stored, or fenced off by a ban that came after its lookup.
///
/// # Errors
/// As [`read_lookup`].
pub fn read_fill(reply: &[u8]) -> Result<bool, L2Failure> {
    match bulk(reply)? {
        b"S" => Ok(true),
        b"F" => Ok(false),
        _ => Err(L2Failure::Corrupt),
    }
}

/// Reads the answer to an invalidation.
///
/// # Errors
/// As [`read_lookup`].
pub fn read_invalidate(reply: &[u8]) -> Result<(), L2Failure> {
    if bulk(reply)? == b"I" { Ok(()) } else { Err(L2Failure::Corrupt) }
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
