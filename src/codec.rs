//! An entry as bytes in L2, and back. What comes from there is foreign: every length is checked before it is
//! believed, and whatever is odd is an error that costs a miss.
//!
//! `FPC1` · head length (u32, little endian) · head (JSON) · body · XXH3-64 of all before (u64, little endian).
//! The checksum finds damage, not malice: whoever can write to Redis can write answers.

use crate::echo::Cut;
use crate::entry::Entry;
use crate::position::Position;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The version of this format; part of every key in Redis, so that a reader never meets another's bytes.
pub const VERSION: &str = "3";

const MAGIC: &[u8; 4] = b"FPC1";
const MAX_HEAD: usize = 1 << 20;
const MAX_BYTES: usize = 32 << 20;

/// Why bytes are not an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Shorter than its own lengths say, or longer than any entry may be.
    Length,
    /// Another magic: another version, or no entry at all.
    Magic,
    /// The checksum differs.
    Checksum,
    /// The head is not the JSON that this version writes.
    Head,
    /// A header, status or cut that no answer can have.
    Content,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    key: String,
    selecting: Vec<(String, Option<String>)>,
    status: u16,
    headers: Vec<(String, String)>,
    cuts: Vec<Cut>,
    explicit_ms: Option<u64>,
    initial_age_ms: u64,
    position: Position,
    origin_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    targeted: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unmodified_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

/// Writes an entry; `None` where it could not be read again: too large, or with a header that no answer may have.
pub fn encode(entry: &Entry) -> Option<Vec<u8>> {
    let head = Head {
        key: entry.key.clone(),
        selecting: entry.selecting.clone(),
        status: entry.status,
        headers: entry.headers.clone(),
        cuts: entry.cuts.clone(),
        explicit_ms: entry.explicit.map(millis),
        initial_age_ms: millis(entry.initial_age),
        position: entry.position.clone(),
        origin_ms: millis(entry.made_in),
        targeted: entry.targeted.clone(),
        unmodified_ms: entry.unmodified.map(millis),
        tags: entry.tags.clone(),
    };
    let head = Some(head).filter(|head| possible(head, &entry.body))?;
    let head = serde_json::to_vec(&head).ok().filter(|head| head.len() <= MAX_HEAD)?;
    let mut bytes = Vec::with_capacity(16 + head.len() + entry.body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&u32::try_from(head.len()).ok()?.to_le_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&entry.body);
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    (bytes.len() <= MAX_BYTES).then_some(bytes)
}

/// Reads an entry.
///
/// # Errors
/// [`Malformed`], for anything that [`encode`] does not write.
pub fn decode(bytes: &[u8]) -> Result<Entry, Malformed> {
    if bytes.len() > MAX_BYTES {
        return Err(Malformed::Length);
    }
    let (sealed, checksum) = bytes.split_last_chunk::<8>().ok_or(Malformed::Length)?;
    let (magic, rest) = sealed.split_first_chunk::<4>().ok_or(Malformed::Length)?;
    if magic != MAGIC {
        return Err(Malformed::Magic);
    }
    if xxhash_rust::xxh3::xxh3_64(sealed) != u64::from_le_bytes(*checksum) {
        return Err(Malformed::Checksum);
    }
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(Malformed::Length)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Malformed::Length)?;
    let (head, body) = rest.split_at_checked(length).filter(|_| length <= MAX_HEAD).ok_or(Malformed::Length)?;
    let head: Head = serde_json::from_slice(head).map_err(|_| Malformed::Head)?;
    possible(&head, body).then(|| entry(head, body)).ok_or(Malformed::Content)
}

fn entry(head: Head, body: &[u8]) -> Entry {
    Entry {
        directives: Entry::directives_of(&head.headers, head.targeted.as_deref()),
        key: head.key,
        selecting: head.selecting,
        status: head.status,
        headers: head.headers,
        body: body.to_vec(),
        cuts: head.cuts,
        explicit: head.explicit_ms.map(Duration::from_millis),
        initial_age: Duration::from_millis(head.initial_age_ms),
        position: head.position,
        made_in: Duration::from_millis(head.origin_ms),
        targeted: head.targeted,
        unmodified: head.unmodified_ms.map(Duration::from_millis),
        tags: head.tags,
    }
}

/// Whether an answer can be made of it: a final status, a body only where that status has one, header lines that
/// cannot break out of their line, cuts in order and inside the body.
fn possible(head: &Head, body: &[u8]) -> bool {
    let ordered = head.cuts.iter().zip(head.cuts.iter().skip(1)).all(|(first, second)| first.at <= second.at);
    let whole = match head.status {
        204 => body.is_empty() && head.cuts.is_empty(),
        // Neither is stored: the one is a part, the other says that there is nothing new.
        206 | 304 => false,
        status => (200..600).contains(&status),
    };
    whole
        && head.headers.iter().all(|(name, value)| is_name(name) && is_value(value))
        && head.cuts.iter().all(|cut| cut.at <= body.len())
        && ordered
}

/// RFC 9110 §5.1: a field name is a token; in lower case, as Envoy writes them.
fn is_name(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token)
}

/// RFC 9110 §5.5: "Field values containing CR, LF, or NUL characters are invalid and dangerous".
fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
