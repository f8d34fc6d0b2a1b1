//! Which hashes an operator means: by their name, or by a URL and the filter's own way to keys.

use std::collections::HashMap;

use fingerprint_cache::codec;
use fingerprint_cache::config::{Config, Rule};

use crate::explain::More;
use crate::explain::replay::{Stage, Treatment, moment};
use crate::message::Message;
use crate::redis::{self, Redis};
use crate::store::{Name, Walk, is_key};

/// What is meant.
#[derive(Default)]
pub struct Found {
    /// The hashes, whether they are there or not.
    pub names: Vec<Name>,
    /// What else there is to say.
    pub notes: Vec<String>,
}

/// Finds what is meant.
///
/// # Errors
/// A sentence when it is neither a key nor a URL, or the URL comes without a configuration.
pub fn find(redis: &mut Redis, target: &str, more: &More, config: Option<&Config>) -> Result<Found, String> {
    if let Some(name) = Name::parse(&redis.prefix, target) {
        return Ok(Found { names: vec![name], notes: vec![] });
    }
    if is_key(target) {
        return Ok(Found { names: by_key(redis, target, config)?, notes: vec![] });
    }
    if !target.contains("://") {
        return Err(format!("{target:?} is neither RULE:DIGEST, nor a name in Redis, nor a URL."));
    }
    let config = config.ok_or("The keys of a URL depend on the rules. Name the configuration with --config.")?;
    by_url(redis, target, more, config)
}

/// The hash of a key under the present version, or else whichever there are.
fn by_key(redis: &mut Redis, key: &str, config: Option<&Config>) -> Result<Vec<Name>, String> {
    let schema = config.map_or("1", |config| config.schema_version.as_str());
    let present = name(&redis.prefix, schema, key);
    let there: u64 = match &present {
        Some(name) => redis.ask(&redis::command("EXISTS", &[&name.hash]))?,
        None => 0,
    };
    if there > 0 {
        return Ok(present.into_iter().collect());
    }
    let (mut walk, mut names) = (Walk::of_key(redis, key), Vec::new());
    while let Some(page) = walk.next(redis)? {
        names.extend(page);
    }
    Ok(if names.is_empty() { present.into_iter().collect() } else { names })
}

fn by_url(redis: &Redis, url: &str, more: &More, config: &Config) -> Result<Found, String> {
    let request = more.request(url)?;
    let mut found = Found::default();
    for rule in &config.rules {
        for request in [&request, &other_scheme(&request)] {
            match treatment(config, rule, more.properties(), request) {
                Treatment::Looked { key, .. } => {
                    found.names.extend(name(&redis.prefix, &config.schema_version, &key.name));
                }
                Treatment::Passed { reason, .. } => {
                    let note = format!("rule {} does not look it up: {}", rule.name, reason.as_str());
                    found.notes.extend((!found.notes.contains(&note)).then_some(note));
                }
                _ => {}
            }
        }
    }
    if found.names.is_empty() && found.notes.is_empty() {
        found.notes.push("no rule is for it; `fpcache explain` says why".to_owned());
    }
    Ok(found)
}

/// What one rule alone makes of a request: the first that is for it hides the others.
fn treatment(config: &Config, rule: &Rule, properties: HashMap<String, Vec<u8>>, request: &Message) -> Treatment {
    let alone = Config { rules: vec![rule.clone()], ..config.clone() };
    Stage::new(&alone, properties, moment(None)).treat(request)
}

/// The same request under the other scheme: what Envoy takes it for depends on who ends TLS.
fn other_scheme(request: &Message) -> Message {
    let mut other = request.clone();
    let scheme = if request.get(":scheme") == Some("https") { "http" } else { "https" };
    for (_, value) in other.lines.iter_mut().filter(|(name, _)| name == ":scheme") {
        *value = scheme.as_bytes().to_vec();
    }
    other
}

fn name(prefix: &str, schema: &str, key: &str) -> Option<Name> {
    Name::parse(prefix, &format!("{prefix}:{}.{schema}:{key}", codec::VERSION))
}
