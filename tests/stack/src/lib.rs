//! Real processes under supervision: what `make run`, the end-to-end tests and the bench stand on.
//!
//! Everything listens on 127.0.0.1, writes into a directory of its own under `target/stack/`, and is stopped by
//! process id when its value is dropped; it also dies with the process that started it, however that ends.
//!
//! - [`paths`]: where the repository, the tools and the built files are.
//! - [`scratch`]: a directory of one's own.
//! - [`port`]: free ports that no other test of this machine takes.
//! - [`process`]: one child process: start, stop, kill, pause, its log.
//! - [`wire`], [`client`], [`cache_status`]: raw HTTP/1.1, any bytes; the answer's `Cache-Status`.
//! - [`tunnel`]: the same through TLS.
//! - [`resp`], [`redis`], [`webdis`]: L2, and raw access to what is in it.
//! - [`bootstrap`], [`metrics`], [`envoy`]: Envoy with the shipped configuration, changed where a test needs it.
//! - [`origin`], [`demo`]: the service: scripted in this process, or the demo program.
//! - [`builder`]: all of it at once; [`fleet`]: several Envoys before one L2, [`relay`]: a way that can be cut or led
//!   elsewhere.
//! - [`publisher`]: invalidations, as those publish them that are no Envoy.
//! - [`zipf`]: which of many things is asked for.
//!
//! ```no_run
//! use stack::{Origin, Request, Stack, answer};
//!
//! let origin = Origin::start(|_request| answer(200, &[("cache-control", "max-age=60")], b"{}"))?;
//! let stack = Stack::builder().service(origin.port()).workers(1).start()?;
//! let response = stack.get("/v1/fingerprints/profiles/chrome_120_win")?;
//! assert_eq!(response.status, 200);
//! assert_eq!(origin.count(), 1);
//! # Ok::<(), String>(())
//! ```

pub mod bootstrap;
pub mod builder;
pub mod cache_status;
pub mod client;
pub mod demo;
pub mod envoy;
pub mod fleet;
pub mod metrics;
pub mod origin;
pub mod paths;
pub mod port;
pub mod process;
pub mod publisher;
pub mod redis;
pub mod relay;
pub mod resp;
pub mod scratch;
pub mod tunnel;
pub mod webdis;
pub mod wire;
pub mod zipf;

pub use builder::{Builder, Stack};
pub use cache_status::CacheStatus;
pub use client::{Client, Request, Response};
pub use demo::Demo;
pub use envoy::{Envoy, Options};
pub use fleet::{Fleet, Pod};
pub use metrics::Metrics;
pub use origin::{Asked, Origin, Step, answer};
pub use port::Port;
pub use process::Process;
pub use publisher::{Publisher, Scope};
pub use redis::Redis;
pub use relay::Relay;
pub use resp::{Reply, Resp};
pub use scratch::Scratch;
pub use tunnel::Tunnel;
pub use webdis::Webdis;
pub use zipf::Zipf;
