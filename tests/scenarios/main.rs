//! Scenarios on a deterministic simulator: whole stories of requests, origins, Redis and clocks, played in no time
//! and always alike for the same seed. The core runs as in Envoy, driven by a double of its host.
//!
//! - [`random`], [`story`]: the only chance there is, and the record of what happened.
//! - [`redis`]: a Redis that runs the shipped scripts, behind a double of webdis, with all its faults.
//! - [`callers`], [`origin`], [`routes`], [`questions`]: who asks what, and a service whose every answer says to whom it belongs.
//! - [`forms`]: conditions and ranges, worked out without the filter's help.
//! - [`settings`]: the configurations that stories run under.
//! - [`pods`]: the fleet.
//! - [`host`], [`shared`], [`requests`], [`responses`], [`network`], [`errands`], [`behind`]: what Envoy does: commands
//!   and ticks, shared data, streams on their way there and back, callouts, writes and refreshes that nobody waits for.
//! - [`mail`]: what workers send each other.
//! - [`tamper`], [`notices`]: whoever else can write to Redis. [`perils`]: what befalls workers, pods and Redis itself.
//! - [`world`], [`clock`]: all of it under one clock and one queue of events.
//! - [`oracle`]: what must hold at each step; of each answer: [`judge`], [`ages`], [`changes`], [`leads`],
//!   [`promises`]; of the fleet: [`alone`]. It shares no
//!   code with the filter.
//! - [`plan`], [`cast`], [`news`], [`shrink`]: random stories from a seed, and what is left of one that fails.
//! - [`seeds`]: `cargo test --test scenarios`; `SEEDS=10000` for more of them, `SEED=7` to see one again.
//! - [`stories`]: tests that tell one story each.
#![cfg(not(target_family = "wasm"))]
#![forbid(unsafe_code)]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(test)]
mod ages;
#[cfg(test)]
mod alone;
#[cfg(test)]
mod behind;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod cast;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod errands;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod host;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod leads;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod network;
#[cfg(test)]
mod news;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod origin;
#[cfg(test)]
mod perils;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod pods;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod questions;
#[cfg(test)]
mod random;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod shared;
#[cfg(test)]
mod shrink;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tamper;
#[cfg(test)]
mod world;
