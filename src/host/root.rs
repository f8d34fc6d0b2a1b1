//! A root context: one for each configuration that Envoy has loaded, old ones included until they are drained. It runs
//! the errands of its streams, among them refreshes: streams of our own, whose calls it makes and hears.

use super::outside::HostShared;
use super::plugin::{Errand, Plugin, Setting};
use super::stream::{HttpStream, read_buffer, read_reply, reply, served};
use crate::config::Config;
use crate::http::Headers;
use crate::metrics::Metric;
use crate::reason::L2Failure;
use crate::redis::Call;
use crate::shared::Shared;
use crate::transaction::{Event, OriginCall, Stream, Verdict, is_behind};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, MapType, MetricType};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// The variable of the VM's environment that says what becomes of requests under a refused configuration.
const REFUSED: &str = "FPC_REFUSED";

/// A root context.
pub struct Root {
    id: u32,
    setting: Option<Rc<Setting>>,
    calls: HashMap<u32, Under>,
}

/// A call under way.
enum Under {
    Write(Box<Call>),
    /// A refresh, or a stream that had waited, has asked L2.
    Lookup(Stream),
    /// A refresh has asked the origin.
    Origin(Stream),
}

impl Root {
    /// A root that is not configured yet.
    pub fn new(id: u32) -> Self {
        Self { id, setting: None, calls: HashMap::new() }
    }

    fn configure(&mut self, bytes: &[u8]) -> bool {
        let config = match Config::parse(bytes) {
            Ok(config) => config,
            Err(errors) => {
                log::error!("fingerprint-cache: the plugin configuration is refused:\n{errors}");
                return passes_instead();
            }
        };
        let name = plugin_name();
        announce(&name, &config.effective().to_string());
        let setting = Plugin::configured(&name, config);
        // Whoever serves nobody, as the main thread does, ticks all the same: it follows the log. And what waited under another
        // configuration is moved by this one.
        setting.begin();
        set_pace(&setting.plugin);
        self.setting = Some(Rc::new(setting));
        true
    }

    fn plugin(&self) -> Option<Rc<Plugin>> {
        self.setting.as_ref().map(|setting| Rc::clone(&setting.plugin))
    }

    /// Runs the errands that streams have left behind.
    fn run_errands(&mut self, plugin: &Plugin) {
        while let Some(errand) = plugin.next_errand() {
            match errand {
                Errand::Write(call) => self.write(plugin, call),
                Errand::Refresh(stream) => self.drive(plugin, stream, Event::Refresh),
                Errand::Wake(stream) => self.drive(plugin, stream, Event::Woken),
            }
        }
        plugin.run_commands();
        if self.setting.as_ref().is_some_and(|setting| setting.is_in_force()) {
            set_pace(plugin);
        }
    }

    /// Moves a stream: one of the host's, or one of the worker's own.
    fn drive(&mut self, plugin: &Plugin, stream: Stream, event: Event<'_>) {
        if is_behind(stream) {
            return self.drive_behind(plugin, stream, event);
        }
        match hostcalls::set_effective_context(stream) {
            Ok(()) => self.drive_client(plugin, stream, event),
            Err(_) => {
                plugin.on(stream, Event::Gone);
                plugin.run_commands();
            }
        }
        let _ = hostcalls::set_effective_context(self.id);
    }

    fn drive_client(&mut self, plugin: &Plugin, stream: Stream, event: Event<'_>) {
        let verdict = plugin.on(stream, event);
        let done = plugin.run_commands();
        if let Some(token) = done.token {
            self.calls.insert(token, Under::Lookup(stream));
        }
        if done.refused {
            return self.drive_client(plugin, stream, Event::L2(Err(L2Failure::Unreachable)));
        }
        match verdict {
            Verdict::Pause => {}
            Verdict::Continue => {
                let _ = hostcalls::resume_http_request();
            }
            Verdict::Reply(answer) => {
                plugin.note_answer(stream, served(&answer));
                reply(plugin, &answer);
            }
        }
    }

    fn write(&mut self, plugin: &Plugin, call: Box<Call>) {
        match plugin.dispatch(&call) {
            Some(token) => {
                self.calls.insert(token, Under::Write(call));
            }
            None => plugin.written(*call, Err(L2Failure::Unreachable)),
        }
    }

    /// Moves a refresh, and again where a call could not even be sent.
    fn drive_behind(&mut self, plugin: &Plugin, stream: Stream, event: Event<'_>) {
        plugin.on(stream, event);
        let done = plugin.run_behind();
        if let Some(token) = done.token {
            self.calls.insert(token, Under::Lookup(stream));
        }
        if done.refused {
            self.drive_behind(plugin, stream, Event::L2(Err(L2Failure::Unreachable)));
        }
        if let Some(call) = done.origin {
            match ask_origin(&call) {
                Some(token) => {
                    self.calls.insert(token, Under::Origin(stream));
                }
                None => self.drive(plugin, stream, Event::Gone),
            }
        }
    }

    /// The origin's answer to a refresh, as a stream would have it.
    fn hear_origin(&mut self, plugin: &Plugin, stream: Stream, headers: usize, length: usize) {
        let pairs = (headers > 0).then(|| hostcalls::get_map_bytes(MapType::HttpCallResponseHeaders).ok()).flatten();
        if let Some(pairs) = pairs {
            let headers = Headers::from_pairs(pairs);
            self.drive(plugin, stream, Event::ResponseHead { headers, end: length == 0, from_origin: true });
            if plugin.ask(|worker| worker.captures(stream)) {
                let body = read_buffer(BufferType::HttpCallResponseBody, length);
                if body.len() == length {
                    self.drive(plugin, stream, Event::ResponseBody(&body));
                    self.drive(plugin, stream, Event::ResponseEnd);
                }
            }
        }
        self.drive(plugin, stream, Event::Gone);
    }
}

fn ask_origin(call: &OriginCall) -> Option<u32> {
    let headers = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    hostcalls::dispatch_http_call(&call.cluster, headers, None, vec![], call.timeout).ok()
}

/// The name that tells plugins of one VM apart.
fn plugin_name() -> String {
    let name = hostcalls::get_property(vec!["plugin_name"]).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&name).into_owned()
}

/// Whether the host is told to take a refused configuration all the same, and this root to leave every request alone: where
/// [`REFUSED`] is `pass`, and no configuration was ever good in this Envoy. Else refusing is better, as the one before stays in
/// force; but an Envoy that starts would answer 500 to everything while a discovered configuration is refused.
fn passes_instead() -> bool {
    let told = std::env::var(REFUSED).is_ok_and(|what| what == "pass");
    // Not whether this VM knows one: the host tries each configuration in a new VM first.
    let passes = told && HostShared.get(&announced(&plugin_name())).is_none();
    if passes {
        log::error!("fingerprint-cache: as {REFUSED}=pass says, every request passes until a good configuration comes");
        let name = Metric::Unexpected { reason: "configuration" }.full_name("");
        if let Ok(id) = hostcalls::define_metric(MetricType::Counter, &name) {
            let _ = hostcalls::increment_metric(id, 1);
        }
    }
    passes
}

/// Where the VMs of this Envoy share which configuration of a plugin was good last.
fn announced(name: &str) -> String {
    format!("fingerprint-cache/1/announced/{name}")
}

/// Says what is in force, once for all VMs of this Envoy.
fn announce(name: &str, effective: &str) {
    let slot = announced(name);
    if HostShared.get(&slot).is_some_and(|(bytes, _)| bytes == effective.as_bytes()) {
        return;
    }
    let _ = HostShared.set(&slot, effective.as_bytes(), None);
    let version = env!("CARGO_PKG_VERSION");
    log::info!("fingerprint-cache {version}: plugin {name} configured: {effective}");
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        let (Some(plugin), Some(call)) = (self.plugin(), self.calls.remove(&token)) else { return };
        match call {
            Under::Write(call) => {
                let reply = read_reply(headers, body);
                plugin.written(*call, reply.as_deref().map_err(|failure| *failure));
            }
            Under::Lookup(stream) => {
                let reply = read_reply(headers, body);
                self.drive(&plugin, stream, Event::L2(reply.as_deref().map_err(|failure| *failure)));
            }
            Under::Origin(stream) => self.hear_origin(&plugin, stream, headers, body),
        }
        plugin.run_commands();
        self.run_errands(&plugin);
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let bytes = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten();
        self.configure(&bytes.unwrap_or_default())
    }

    fn on_queue_ready(&mut self, queue: u32) {
        let Some(plugin) = self.plugin() else { return };
        plugin.read_queue(queue);
        plugin.run_commands();
        self.run_errands(&plugin);
    }

    fn on_tick(&mut self) {
        let Some(plugin) = self.plugin() else { return };
        if self.setting.as_ref().is_some_and(|setting| setting.rests()) {
            let _ = hostcalls::set_tick_period(Duration::ZERO);
            return;
        }
        for stream in plugin.ask(|worker| worker.overdue(super::outside::mono())) {
            self.drive(&plugin, stream, Event::Deadline);
        }
        plugin.read_own_queue();
        plugin.tick();
        plugin.run_commands();
        self.run_errands(&plugin);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(HttpStream::new(id, self.setting.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Sets the timer of the root in effect, or of the root of the stream in effect, where another pace is wanted.
pub fn set_pace(plugin: &Plugin) {
    if let Some(pace) = plugin.new_pace() {
        let _ = hostcalls::set_tick_period(pace);
    }
}
