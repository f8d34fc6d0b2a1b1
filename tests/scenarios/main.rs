//! Scenarios on a deterministic simulator: whole stories of requests, origins, Redis and clocks, played in no time
//! and always alike for the same seed. The core runs as in Envoy, driven by a double of its host.
//!
//! - [`random`], [`story`]: the only chance there is, and the record of what happened.
//! - [`redis`]: a Redis that runs the shipped scripts, behind a double of webdis, with all its faults.
//! - [`callers`], [`origin`]: who asks what, and a service whose every answer says to whom it belongs.
//! - [`settings`]: the configurations that stories run under.
//! - [`host`], [`requests`], [`responses`], [`network`]: what Envoy does: commands, ticks and shared data, streams on
//!   their way there and back, callouts.
//! - [`refreshes`]: what the root does for a worker with nobody waiting.
//! - [`world`]: all of it under one clock and one queue of events.
//! - [`oracle`]: what must hold at each step and of each answer; it shares no code with the filter. Beside it
//!   [`oracle_forms`] (304, 206), [`oracle_stale`] (windows, leaders) and [`oracle_changes`] (unsafe requests).
//! - [`plan`], [`shrink`]: random stories from a seed, and what is left of one that fails.
//! - [`seeds`]: `cargo test --test scenarios`; `SEEDS=10000` for more of them, `SEED=7` to see one again.
//! - [`stories`]: tests that tell one story each.
#![cfg(not(target_family = "wasm"))]
#![forbid(unsafe_code)]

#[cfg(test)]
mod callers;
#[cfg(test)]
mod host;
#[cfg(test)]
mod network;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod oracle_changes;
#[cfg(test)]
mod oracle_forms;
#[cfg(test)]
mod oracle_stale;
#[cfg(test)]
mod origin;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod random;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod refreshes;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod shrink;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod story;
#[cfg(test)]
mod world;
