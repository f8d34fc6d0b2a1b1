//! The stack itself, on real processes: what the end-to-end tests and `make run` rely on.
//!
//! - [`acl`]: the user that webdis is may run what the scripts need, and nothing else.
//! - [`l2`]: Redis and webdis stopped, killed, paused, read-only, full.
//! - [`scripts`]: the shipped scripts on a real Redis behind a real webdis, and the double of the simulator beside them:
//!   both are asked everything, and agree.
//! - [`envoy`]: started, changed while it runs, refused.
//! - [`fleet`]: a connection to each worker, a replica that takes over, a pod that is cut off.
//! - [`safety`]: no process outlives the one that started it.
//! - [`compose`]: the compose file, as far as it goes without docker.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod acl;
mod compose;
mod envoy;
mod fleet;
mod l2;
mod safety;
mod scripts;

use stack::{Port, Redis, Scratch, Webdis};

/// A running Redis, and the directory of its files.
fn redis() -> (Redis, Scratch) {
    let folder = Scratch::new("test").unwrap();
    let mut redis = Redis::new(Port::free().unwrap(), folder.path());
    redis.start().unwrap();
    (redis, folder)
}

/// A running Redis with a running webdis.
fn l2() -> (Redis, Webdis, Scratch) {
    let (redis, folder) = redis();
    let mut webdis = Webdis::new(Port::free().unwrap(), redis.port(), folder.path());
    webdis.start().unwrap();
    (redis, webdis, folder)
}
