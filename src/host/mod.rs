//! The host: the only files that know proxy-wasm. Callbacks become events, commands become host calls; no decision
//! about caching is made here.
//!
//! Only `_bytes` getters and `hostcalls::*` are used: the String getters panic on bytes that a client may send.

mod outside;
mod plugin;
mod root;
mod stream;

use proxy_wasm::types::LogLevel;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
}}
