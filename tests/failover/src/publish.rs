//! Who invalidates: `fpcache invalidate`, again and again, by way of the Sentinels.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use stack::paths;

use crate::load::Field;
use crate::origin;
use crate::shipped::{self, MASTER, Map};
use crate::truth::{TAGS, Truth};

/// From one to the next.
const PACE: Duration = Duration::from_millis(500);

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is on all replicas, and there is at least one: it holds.
    Acknowledged,
    /// It is published, and a failover may lose it: the exit status says so.
    Doubtful,
    /// It is not published, or nobody knows.
    Refused,
}

/// Publishes until it is over: a tag at a time, in turn.
pub fn publish(field: &Field, truth: &Truth, map: &Map) -> Result<Vec<Outcome>, String> {
    let mut all = Vec::new();
    for tag in (0..TAGS).cycle() {
        if field.is_over() {
            break;
        }
        let at = Instant::now();
        let version = truth.advance(tag);
        let outcome = invalidate(&origin::tag(tag), &Way::Sentinels(map))?;
        if outcome == Outcome::Acknowledged {
            truth.acknowledge(tag, version, Instant::now());
        }
        all.push(outcome);
        sleep((at + PACE).saturating_duration_since(Instant::now()));
    }
    Ok(all)
}

/// How the master is found.
#[derive(Debug)]
pub enum Way<'a> {
    /// The Sentinels name it.
    Sentinels(&'a Map),
    /// The Redis on this port is taken for it.
    Port(u16),
}

/// Runs `fpcache invalidate` for a tag, as the user `operator`.
pub fn invalidate(tag: &str, way: &Way) -> Result<Outcome, String> {
    let mut command = Command::new(paths::sibling("fpcache")?);
    command.args(["invalidate", "--no-count", "--json", "--timeout", "1s", "--tag", tag]);
    command.env("FPCACHE_REDIS_PASSWORD", shipped::password("operator"));
    match way {
        Way::Sentinels(map) => command
            .env("FPCACHE_REDIS", "redis://operator@127.0.0.1")
            .env("FPCACHE_SENTINEL", map.sentinels())
            .env("FPCACHE_MASTER", MASTER),
        Way::Port(port) => command.env("FPCACHE_REDIS", format!("redis://operator@127.0.0.1:{port}")),
    };
    let output = command.output().map_err(|error| format!("cannot run fpcache: {error}"))?;
    let tree: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let replicas = tree.pointer("/published/replicas").and_then(Value::as_u64).unwrap_or(0);
    match output.status.code() {
        Some(0) if replicas > 0 => Ok(Outcome::Acknowledged),
        Some(0 | 3) => Ok(Outcome::Doubtful),
        Some(2) => Ok(Outcome::Refused),
        _ => Err(format!("fpcache {}: {}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}
