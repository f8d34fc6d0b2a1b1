//! What an answer depends on, as one text: the primary key.
//!
//! The text is made of lines, `rule`, `method`, `host`, `target`, then what the rule adds. Everything foreign is
//! escaped, so no value can imitate a line. L1 and L2 find an entry by the text's 128-bit digest and then compare
//! the text itself: a collision is a miss, never someone else's answer.

use crate::config::{Query, Rule};
use crate::http::Headers;
use std::fmt::Write as _;

/// The full text of a primary key with its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryKey {
    text: String,
    digest: u128,
}

impl PrimaryKey {
    /// The key as it is stored in an entry and compared on reuse.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A short name: the rule and the digest, as at the end of the key's name in Redis.
    pub fn name(&self, rule: &str) -> String {
        let mut name = format!("{rule}:");
        push_hex(&mut name, self.digest, 32);
        name
    }

    /// XXH3 of the text: where to look, not what to trust.
    pub fn digest(&self) -> u128 {
        self.digest
    }
}

/// A key under construction.
pub struct KeyBuilder {
    text: String,
}

impl KeyBuilder {
    /// Begins with the rule, its `revision` (what the rule says of keys, sharing and stripping: another rule text is
    /// another key space), the method class, the host and the target as they will be forwarded.
    pub fn new(rule: &Rule, revision: u64, method: &str, host: &[u8], target: &[u8]) -> Self {
        let class = if method == "HEAD" { "GET" } else { method };
        let mut text = String::with_capacity(96 + rule.name.len() + host.len() + target.len());
        text.push_str(&rule.name);
        text.push(' ');
        push_hex(&mut text, u128::from(revision), 16);
        text.push('\n');
        text.push_str(class);
        text.push('\n');
        push_escaped(&mut text, host);
        text.push('\n');
        push_target(&mut text, rule, target);
        Self { text }
    }

    /// Adds the scheme: a redirect to `https` must not answer the request that it leads to.
    pub fn scheme(mut self, scheme: &[u8]) -> Self {
        self.line("scheme", "", Some(scheme));
        self
    }

    /// Adds every line of the chosen headers; an absent header adds nothing.
    pub fn headers(mut self, names: &[String], headers: &Headers) -> Self {
        for name in names {
            for value in headers.all(name) {
                self.line("header", name, Some(value));
            }
        }
        self
    }

    /// Adds a host property, absent or with its bytes.
    pub fn property(mut self, path: &[String], value: Option<&[u8]>) -> Self {
        self.line("property", &path.join("/"), value);
        self
    }

    /// Adds a digest of the request body, or of what the rule projects from it, and all that says how to read it.
    pub fn body(mut self, digest: &[u8], headers: &Headers) -> Self {
        let hex = digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            push_hex(&mut hex, u128::from(*byte), 2);
            hex
        });
        for name in ["content-type", "content-encoding"] {
            headers.all(name).for_each(|value| self.line("header", name, Some(value)));
        }
        self.line("body", "sha256", Some(hex.as_bytes()));
        self
    }

    /// Adds the kind of an echoed value: an answer to a request with one is no answer to a request without.
    pub fn echo(mut self, pointer: &str, kind: &str) -> Self {
        self.line("echo", pointer, Some(kind.as_bytes()));
        self
    }

    /// Closes the key.
    pub fn build(self) -> PrimaryKey {
        let digest = xxhash_rust::xxh3::xxh3_128(self.text.as_bytes());
        PrimaryKey { text: self.text, digest }
    }

    fn line(&mut self, kind: &str, name: &str, value: Option<&[u8]>) {
        self.text.push('\n');
        self.text.push_str(kind);
        self.text.push(' ');
        push_escaped(&mut self.text, name.as_bytes());
        if let Some(value) = value {
            self.text.push('=');
            push_escaped(&mut self.text, value);
        }
    }
}

/// A digest of a URI as `rule` tells URIs apart: what an unsafe request invalidates, whichever key headers and variants
/// are stored under it. `host` is in its normal form; the scheme is left out, so that both forms go together.
pub fn uri(rule: &Rule, host: &[u8], target: &[u8]) -> u128 {
    let mut text = String::with_capacity(host.len() + target.len() + 1);
    push_escaped(&mut text, host);
    text.push('\n');
    push_target(&mut text, rule, target);
    xxhash_rust::xxh3::xxh3_128(text.as_bytes())
}

/// The short name of a key, by its text; see [`PrimaryKey::name`].
pub fn name_of(text: &str, rule: &str) -> String {
    let mut name = format!("{rule}:");
    push_hex(&mut name, xxhash_rust::xxh3::xxh3_128(text.as_bytes()), 32);
    name
}

/// Host and target in a key's text, as they are written there: escaped, the target as its rule tells targets apart.
pub fn place_of(text: &str) -> (&str, &str) {
    let mut lines = text.split('\n').skip(2);
    (lines.next().unwrap_or_default(), lines.next().unwrap_or_default())
}

/// Writes `value` in hexadecimal, at least `width` digits.
pub fn push_hex(text: &mut String, value: u128, width: usize) {
    // Writing to a String cannot fail.
    let _ = write!(text, "{value:0width$x}");
}

/// Appends bytes so that different bytes give different text, without a line break: `\` and all that is not
/// printable UTF-8 become `\xNN`.
fn push_escaped(text: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        if valid.bytes().all(|byte| byte >= b' ' && byte != b'\\') {
            text.push_str(valid);
        } else {
            valid.chars().for_each(|character| push_character(text, character));
        }
        chunk.invalid().iter().for_each(|byte| push_byte(text, *byte));
    }
}

fn push_character(text: &mut String, character: char) {
    if character < ' ' || character == '\\' {
        push_byte(text, u8::try_from(character).unwrap_or(b'?'));
    } else {
        text.push(character);
    }
}

fn push_byte(text: &mut String, byte: u8) {
    text.push_str("\\x");
    push_hex(text, u128::from(byte), 2);
}

fn push_target(text: &mut String, rule: &Rule, target: &[u8]) {
    let (path, query) = split_target(target);
    match query {
        // Some origins split at `;` too. What they would read out of such a query is not for us to guess.
        Some(query) if chooses(rule) && !query.contains(&b';') => {
            push_escaped(text, path);
            push_parameters(text, rule, query);
        }
        _ => push_escaped(text, target),
    }
}

fn chooses(rule: &Rule) -> bool {
    rule.key.sort_query || !matches!(rule.key.query, Query::All)
}

/// The path and, when there is a `?`, the query.
pub fn split_target(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = target.splitn(2, |byte| *byte == b'?');
    (parts.next().unwrap_or_default(), parts.next())
}

fn push_parameters(text: &mut String, rule: &Rule, query: &[u8]) {
    let mut kept: Vec<(Vec<u8>, &[u8])> = query
        .split(|byte| *byte == b'&')
        .map(|parameter| (parameter_name(parameter), parameter))
        .filter(|(name, _)| counts(&rule.key.query, name))
        .collect();
    if rule.key.sort_query {
        // Stable and by name alone: which of two equal names comes first may matter to the origin, equal without case
        // included.
        kept.sort_by_cached_key(|(name, _)| name.to_ascii_lowercase());
    }
    for (index, (_, parameter)) in kept.into_iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        push_escaped(text, parameter);
    }
}

/// Whether a parameter is part of the key. When unsure, it is: an origin that reads names without case must not find
/// one that the key has not.
fn counts(query: &Query, name: &[u8]) -> bool {
    match query {
        Query::All => true,
        Query::Include(names) => names.iter().any(|pattern| pattern.matches_ignoring_case(name)),
        Query::Ignore(names) => !names.iter().any(|pattern| pattern.matches(name)),
    }
}

/// The name as the origin will read it: percent-decoded, so that `%61=1` cannot pass for something else than `a=1`.
fn parameter_name(parameter: &[u8]) -> Vec<u8> {
    let name = parameter.split(|byte| *byte == b'=').next().unwrap_or_default();
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name.iter().copied();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let pair = (byte == b'%').then(|| (ahead.next().and_then(hex_value), ahead.next().and_then(hex_value)));
        if let Some((Some(high), Some(low))) = pair {
            decoded.push(high * 16 + low);
            rest = ahead;
        } else {
            decoded.push(if byte == b'+' { b' ' } else { byte });
        }
    }
    decoded
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The digest that [`uri`] gives to what a key's text is about: for who has an entry and neither request nor rule.
pub fn uri_of(text: &str) -> u128 {
    let mut lines = text.split('\n').skip(2);
    let (host, target) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let scheme = lines.find_map(|line| line.strip_prefix("scheme =")).unwrap_or_default();
    let mut uri = crate::rfc9111::invalidation::normal_host(host.as_bytes(), scheme.as_bytes());
    uri.push(b'\n');
    uri.extend_from_slice(target.as_bytes());
    xxhash_rust::xxh3::xxh3_128(&uri)
}

#[cfg(test)]
pub(crate) mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
