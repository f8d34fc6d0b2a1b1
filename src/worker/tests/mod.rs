//! A whole worker, driven by events alone: no host, no network, and time stands still until a test moves it.

mod ahead;
mod bench;
mod bodies;
mod change;
mod crowd;
mod fills;
mod flights;
mod following;
mod forms;
mod gone;
mod l2;
mod meanwhile;
mod message;
mod notices;
mod own;
mod polling;
#[cfg(not(target_family = "wasm"))]
mod properties;
mod requests;
mod second_tier;
mod settings;
mod stale;
mod storing;
mod succession;
mod trouble;
mod validating;
