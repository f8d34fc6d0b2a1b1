//! The least that a Wasm filter can do for an answer: three filters in one module, chosen by the plugin configuration.
//!
//! - `reply`: reads the request's header map once, as any cache must, and answers at once.
//! - `callout`: asks webdis one plain `GET` and answers with what comes.
//! - `pass`: does nothing.
//!
//! Built with the cache's own profile, SDK and exports, so that what the cache costs above them is its own doing.

#[cfg(target_os = "wasi")]
#[path = "../../src/answer.rs"]
mod answer;
#[cfg(target_os = "wasi")]
mod filter;
