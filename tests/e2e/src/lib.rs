//! What the end-to-end tests share: a [`Scene`] with everything real in it, and the words they judge answers with.
//!
//! Each scene has a Redis, a webdis, an Envoy with two workers and a scripted origin of its own, so scenes run side by
//! side. Nothing here waits for a fixed time: it polls, with a deadline in seconds.
//!
//! - [`scene`]: start one, play a test in it, see that nothing broke that the test did not look at.
//! - [`pods`]: the same with a fleet.
//! - [`istio`]: a sidecar by the shipped Istio manifests.
//! - [`settings`]: how the shipped configuration is changed for a test.
//! - [`verdict`]: hit, stored, passed: what an answer must say of itself.
//! - [`service`]: scripts for the origin.
//! - [`programs`]: curl and wget as clients.
//! - [`theft`]: an attempt to get another caller's answer.

pub mod istio;
pub mod pods;
pub mod programs;
pub mod scene;
pub mod service;
pub mod settings;
pub mod theft;
pub mod verdict;

pub use scene::{LIMIT, Pair, Scene, Stage, before, until};

/// How a test, or a step of one, ends: well, or with a sentence.
pub type Outcome = Result<(), String>;
