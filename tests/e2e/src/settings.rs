//! How the shipped configuration is changed for a test.

use serde_json::{Value, json};
use stack::Builder;
use stack::bootstrap::Bootstrap;

/// Where the shipped rule `profiles` begins; one segment more is a profile.
pub const PROFILES: &str = "/v1/fingerprints/profiles";
/// The path of the shipped rule `identify`.
pub const IDENTIFY: &str = "/api/v1/fingerprint/identify";

/// Gives Redis time on a busy machine: the tests that are about its slowness say how little it gets.
#[must_use]
pub fn roomy(builder: Builder) -> Builder {
    punctual(patient(builder, "2s")).change(|bootstrap| connect(bootstrap, "1s"))
}

/// Lets no request refresh an answer early: which one does is chance.
fn punctual(builder: Builder) -> Builder {
    builder.edit(|plugin| {
        for rule in plugin.pointer_mut("/rules").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(Value::Object(freshness)) = rule.pointer_mut("/freshness") {
                freshness.entry("early_refresh").or_insert(json!(false));
            }
        }
    })
}

/// Sets `redis.timeout`.
#[must_use]
pub fn patient(builder: Builder, timeout: &'static str) -> Builder {
    builder.edit(move |plugin| set(plugin, "/redis/timeout", json!(timeout)))
}

/// Puts a rule before the shipped ones.
#[must_use]
pub fn with_rule(builder: Builder, rule: Value) -> Builder {
    builder.edit(move |plugin| {
        if let Some(rules) = plugin.pointer_mut("/rules").and_then(Value::as_array_mut) {
            rules.insert(0, rule);
        }
    })
}

/// Puts `value` in the place of what the shipped plugin configuration has there.
pub fn set(plugin: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(Value::Object(members)) = plugin.pointer_mut(parent) {
        members.insert(name.to_owned(), value);
    }
}

/// A rule for GET and HEAD under `path` that shares only what the origin lets it.
pub fn unshared(name: &str, path: &str) -> Value {
    json!({
        "name": name,
        "match": { "methods": ["GET", "HEAD"], "path": path },
        "freshness": { "default": "5m" },
    })
}

fn connect(bootstrap: &mut Bootstrap, timeout: &str) -> Result<(), String> {
    let clusters = bootstrap.tree().pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
    for cluster in clusters.ok_or("no clusters")? {
        set(cluster, "/connect_timeout", json!(timeout));
    }
    Ok(())
}
