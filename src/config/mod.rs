//! What the operator wrote: read strictly, checked whole, with every fault named at once.
//!
//! [`Config::parse`] is the only way to a [`Config`], for the filter and for `fpcache check` alike.
//! Reading runs from the outside in: `json` makes a tree, `section` takes it apart by name,
//! `read*` know the fields, `units`, `pattern` and `pointer` know single values.
//! What a rule then does with a request is not decided here.

mod effective;
mod json;
mod pattern;
mod pointer;
mod problem;
mod read;
mod read_callout;
mod read_fleet;
mod read_freshness;
mod read_headers;
mod read_key;
mod read_match;
mod read_rule;
mod rule;
mod section;
#[cfg(test)]
mod tests;
mod units;

use std::time::Duration;

pub use pattern::Pattern;
pub use pointer::Pointer;
pub use problem::{Errors, Problem};
pub use rule::{
    Auth, BodyKey, ClientDirectives, Freshness, KeySpec, Match, Projection, Query, Refresh, Rule, SetCookie,
};

/// A configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The cache's name in `Cache-Status`: a token (RFC 8941 §3.3.4) of 64 bytes at most.
    pub name: String,
    /// Part of every key in Redis: 1 to 32 of `A-Z`, `a-z`, `0-9`, `_` and `-`.
    pub schema_version: String,
    /// The budget of L1.
    pub memory: Memory,
    /// L2; without it there is L1 alone.
    pub redis: Option<Redis>,
    /// Who fills, and how long others wait.
    pub fill: Fill,
    /// How the log of invalidations is followed.
    pub sync: Sync,
    /// The rules, one at least; the first that matches a request has it.
    pub rules: Vec<Rule>,
}

/// The budget of L1 in each worker; all three limits hold at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The most entries, 1 to 1,000,000.
    pub max_entries: usize,
    /// The most bytes, keys and headers included, 64 KiB to 512 MiB.
    pub max_bytes: usize,
    /// The longest time an entry stays, 1 s to 24 h.
    pub ttl: Duration,
}

impl Default for Memory {
    fn default() -> Self {
        Self { max_entries: 10_000, max_bytes: 10 << 20, ttl: Duration::from_secs(300) }
    }
}

/// L2: Redis behind webdis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// The Envoy cluster that leads to webdis; not empty, visible ASCII.
    pub cluster: String,
    /// The `Host` header of callouts; not empty, visible ASCII.
    pub authority: String,
    /// The longest a callout may take, 1 ms to 5 s.
    pub timeout: Duration,
    /// The longest an entry stays in Redis, 1 s to 7 d.
    pub ttl: Duration,
    /// What every key begins with: 1 to 32 of `A-Z`, `a-z`, `0-9`, `_` and `-`.
    pub key_prefix: String,
}

/// Single flight: who fills, and how long others wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// How long a lease stands without being renewed, 100 ms to 60 s.
    pub lease: Duration,
    /// The longest a request waits for another one's answer, 0 to 30 s; then it goes to the origin itself.
    pub wait: Duration,
    /// For how long nobody waits for answers under a key whose answer turned out uncacheable, 100 ms to 10 min.
    pub uncacheable: Duration,
}

impl Default for Fill {
    fn default() -> Self {
        let (lease, wait) = (Duration::from_secs(3), Duration::from_millis(500));
        Self { lease, wait, uncacheable: Duration::from_secs(5) }
    }
}

/// How the log of invalidations is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// The longest between two readings, 50 ms to 10 s.
    pub interval: Duration,
    /// How old the last reading may be before L1 is suspended, 100 ms to 5 min; twice the interval at least.
    pub max_lag: Duration,
}

impl Default for Sync {
    fn default() -> Self {
        Self { interval: Duration::from_millis(250), max_lag: Duration::from_secs(5) }
    }
}

impl Config {
    /// Reads and checks a configuration in JSON. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// All faults at once, each with its path, what is wrong and what to write instead: no JSON, members
    /// that are unknown, missing or there twice, values of another type, unit or range, rules that
    /// contradict themselves or are never reached.
    pub fn parse(json: &[u8]) -> Result<Self, Errors> {
        read::read(json)
    }

    /// This configuration with every default filled in, in the units of the input;
    /// [`Config::parse`] makes the same configuration of it again.
    pub fn effective(&self) -> serde_json::Value {
        effective::write(self)
    }
}
