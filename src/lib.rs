//! A response cache for Envoy and Istio, as one proxy-wasm module.
//!
//! L1 is an LRU in the filter's own memory, L2 is Redis behind webdis, L3 is the service itself.
//! The core is pure: time, randomness and I/O are values, so the same code runs in Envoy, in the
//! simulator, on Node and in `fpcache`. A module uses only what stands above it in this list:
//!
//! - [`time`], [`reason`]: moments, and every "no" with its reason.
//! - [`http`]: what HTTP says, no caching.
//! - [`rfc9111`]: the caching standard as pure functions.
//! - [`config`]: what the operator wrote, validated.
//! - [`projection`], [`echo`], [`key`]: what an answer depends on, and what in it is the caller's own.
//! - [`position`], [`entry`], [`codec`], [`answer`]: a stored response, its bytes in L2, and what of it goes out.
//! - [`token`], [`notice`], [`bans`], [`follower`]: who fills, what the log says, what it forbids, how far it is read.
//! - [`memory`], [`shared`], [`siblings`], [`redis`]: L1, what workers share, the other workers, L2 as messages.
//! - [`metrics`]: what is counted, one table.
//! - [`transaction`]: one request's life: phases, events, verdicts.
//! - [`worker`]: all mutable state of one VM.
//! - `host` (target `wasi` only): the only files that know proxy-wasm.
#![forbid(unsafe_code)]

pub mod answer;
pub mod bans;
pub mod codec;
pub mod config;
pub mod echo;
pub mod entry;
pub mod follower;
pub mod http;
pub mod key;
pub mod memory;
pub mod metrics;
pub mod notice;
pub mod position;
pub mod projection;
pub mod reason;
pub mod redis;
pub mod rfc9111;
pub mod shared;
pub mod siblings;
pub mod time;
pub mod token;
pub mod transaction;
pub mod worker;

#[cfg(target_os = "wasi")]
mod host;
