//! Reads the configuration as a whole.

use std::time::Duration;

use super::json;
use super::pattern::is_token_byte;
use super::problem::{Errors, Flaw, Problems, quote};
use super::section::{Field, Section};
use super::{Config, Memory};
use super::{read_callout, read_fleet, read_rule};

const EXAMPLE: &str = r#"{"rules": [{"name": "profiles", "match": {"paths": ["/v1/profiles/**"]}}]}"#;
const MEBIBYTE: usize = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// Reads `bytes`; see [`Config::parse`].
pub(super) fn read(bytes: &[u8]) -> Result<Config, Errors> {
    let problems = Problems::default();
    let (tree, repeated) = match json::read(bytes) {
        Ok(read) => read,
        Err(error) => {
            problems.report("", unreadable(bytes, &error));
            return Err(problems.into_errors());
        }
    };
    for path in repeated {
        problems.report(&path, Flaw::new("stands there twice", "keep one"));
    }
    match Field::root(&tree, &problems).section() {
        Some(root) => {
            let config = read_root(root, &problems);
            problems.settle(config)
        }
        None => Err(problems.into_errors()),
    }
}

fn read_root(root: Section, problems: &Problems) -> Config {
    let name = root.take("name").and_then(|field| field.parse(name));
    let schema_version = root.take("schema_version").and_then(|field| field.parse(word));
    let memory = memory(root.section("memory"));
    let redis = root.section("redis").map(read_callout::redis);
    let fill = read_fleet::fill(root.section("fill"));
    let sync = read_fleet::sync(root.section("sync"));
    let rules = root.require("rules", &format!("write rules, as in {EXAMPLE}"));
    let rules = rules.map(|field| read_rule::read(&field, memory.max_bytes / 20, problems)).unwrap_or_default();
    root.finish();
    Config {
        name: name.unwrap_or_else(|| "fingerprint-cache".to_owned()),
        schema_version: schema_version.unwrap_or_else(|| "1".to_owned()),
        memory,
        redis,
        fill,
        sync,
        rules,
    }
}

/// The budget of L1; what is absent or faulty has its default.
fn memory(section: Option<Section>) -> Memory {
    let mut memory = Memory::default();
    let Some(section) = section else { return memory };
    if let Some(count) = section.take("max_entries").and_then(|field| field.count(1..=1_000_000)) {
        memory.max_entries = count;
    }
    let max_bytes = section.take("max_bytes");
    if let Some(size) = max_bytes.and_then(|field| field.size(MEBIBYTE / 16..=512 * MEBIBYTE)) {
        memory.max_bytes = size;
    }
    if let Some(ttl) = section.take("ttl").and_then(|field| field.duration(SECOND..=DAY)) {
        memory.ttl = ttl;
    }
    section.finish();
    memory
}

/// RFC 9211 §2 names a cache by a string or a token; RFC 8941 §3.3.4 says what a token is.
fn name(text: &str) -> Result<String, Flaw> {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'*');
    if first && text.len() <= 64 && text.bytes().all(|byte| is_token_byte(byte) || b":/".contains(&byte)) {
        return Ok(text.to_owned());
    }
    let remedy = "write a letter and up to 63 letters, digits, hyphens or dots, such as fingerprint-cache";
    Err(Flaw::new(format!("{} is not a token, as which Cache-Status names a cache", quote(text)), remedy))
}

/// A part of the keys in Redis; none of its characters needs escaping on the way there.
pub(super) fn word(text: &str) -> Result<String, Flaw> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if (1..=32).contains(&text.len()) && text.bytes().all(known) {
        return Ok(text.to_owned());
    }
    let wrong = format!("{} does not fit into a key of Redis", quote(text));
    Err(Flaw::new(wrong, "write 1 to 32 of A-Z, a-z, 0-9, _ and -"))
}

/// Says of bytes that are no JSON what they seem to be.
fn unreadable(bytes: &[u8], error: &serde_json::Error) -> Flaw {
    let start = bytes.trim_ascii_start().first();
    match start {
        None => Flaw::new("is empty, and there is nothing to cache without rules", format!("write at least {EXAMPLE}")),
        // The first byte of a google.protobuf.Struct: field 1, length-delimited. JSON may begin with
        // a line feed, which is the same byte, but not with what stands behind it here.
        Some(_) if bytes.first() == Some(&b'\n') && bytes.get(1).is_some_and(|byte| !b" \t\r\n{".contains(byte)) => {
            Flaw::new(
                "is a google.protobuf.Struct, which Envoy hands over as protobuf bytes",
                "write it as a google.protobuf.StringValue that holds JSON",
            )
        }
        Some(b'{') => Flaw::new(format!("is not JSON: {error}"), "correct it there"),
        Some(_) => Flaw::new(
            format!("is not a JSON object: {error}"),
            format!("write JSON, as in {EXAMPLE}; `fpcache check` reads YAML as well"),
        ),
    }
}
