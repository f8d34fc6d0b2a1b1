//! A root context: one for each configuration that Envoy has loaded, old ones included until they are drained.

use super::outside::HostShared;
use super::plugin::{Plugin, Setting};
use super::stream::{HttpStream, read_reply};
use crate::config::Config;
use crate::redis::Call;
use crate::shared::Shared;
use crate::transaction::{Event, Verdict};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// How often a serving worker looks after overdue streams and old entries.
const TICK: Duration = Duration::from_millis(100);

/// A root context.
#[derive(Default)]
pub struct Root {
    setting: Option<Rc<Setting>>,
    fills: HashMap<u32, Box<Call>>,
}

impl Root {
    fn configure(&mut self, bytes: &[u8]) -> bool {
        let config = match Config::parse(bytes) {
            Ok(config) => config,
            Err(errors) => {
                log::error!("fingerprint-cache: the plugin configuration is refused:\n{errors}");
                return false;
            }
        };
        let name = plugin_name();
        announce(&name, &config.effective().to_string());
        self.setting = Some(Rc::new(Plugin::configured(&name, config)));
        true
    }

    fn plugin(&self) -> Option<Rc<Plugin>> {
        self.setting.as_ref().map(|setting| Rc::clone(&setting.plugin))
    }

    /// Sends the fills that streams have left behind.
    fn send_fills(&mut self, plugin: &Plugin) {
        while let Some(call) = plugin.next_fill() {
            match plugin.dispatch(&call) {
                Some(token) => {
                    self.fills.insert(token, call);
                }
                None => plugin.filled(*call, Err(crate::reason::L2Failure::Unreachable)),
            }
        }
        plugin.run_commands();
    }
}

/// The name that tells plugins of one VM apart.
fn plugin_name() -> String {
    let name = hostcalls::get_property(vec!["plugin_name"]).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&name).into_owned()
}

/// Says what is in force, once for all VMs of this Envoy.
fn announce(name: &str, effective: &str) {
    let slot = format!("fingerprint-cache/1/announced/{name}");
    if HostShared.get(&slot).is_some_and(|(bytes, _)| bytes == effective.as_bytes()) {
        return;
    }
    let _ = HostShared.set(&slot, effective.as_bytes(), None);
    let version = env!("CARGO_PKG_VERSION");
    log::info!("fingerprint-cache {version}: plugin {name} configured: {effective}");
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        let (Some(plugin), Some(call)) = (self.plugin(), self.fills.remove(&token)) else { return };
        let reply = read_reply(headers, body);
        plugin.filled(*call, reply.as_deref().map_err(|failure| *failure));
        plugin.run_commands();
        self.send_fills(&plugin);
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let bytes = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten();
        self.configure(&bytes.unwrap_or_default())
    }

    fn on_queue_ready(&mut self, queue: u32) {
        while let Ok(Some(_)) = hostcalls::dequeue_shared_queue(queue) {}
        if let Some(plugin) = self.plugin() {
            self.send_fills(&plugin);
        }
    }

    fn on_tick(&mut self) {
        let Some(plugin) = self.plugin() else { return };
        if self.setting.as_ref().is_some_and(|setting| setting.rests()) {
            let _ = hostcalls::set_tick_period(Duration::ZERO);
        }
        for stream in plugin.ask(|worker| worker.overdue(super::outside::mono())) {
            if hostcalls::set_effective_context(stream).is_err() {
                continue;
            }
            let verdict = plugin.on(stream, Event::Deadline);
            plugin.run_commands();
            if matches!(verdict, Verdict::Continue) {
                let _ = hostcalls::resume_http_request();
            }
        }
        plugin.sweep();
        plugin.run_commands();
        self.send_fills(&plugin);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(HttpStream::new(id, self.setting.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Sets the timer of the root that serves the stream in effect.
pub fn begin_ticking() {
    let _ = hostcalls::set_tick_period(TICK);
}
