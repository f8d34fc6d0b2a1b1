//! A stream: one request with its response.

use super::plugin::{Plugin, Served, Setting, set_state};
use super::root;
use crate::answer::Answer;
use crate::http::Headers;
use crate::reason::L2Failure;
use crate::transaction::{Event, Verdict};
use crate::worker::Worker;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType, MapType};
use std::rc::Rc;

/// A request body longer than this is never read: no rule may key on more.
const MAX_BODY: usize = 1 << 20;

/// A stream.
pub struct HttpStream {
    id: u32,
    setting: Option<Rc<Setting>>,
    active: bool,
    served: Option<Served>,
    token: Option<u32>,
}

impl HttpStream {
    /// A stream under this configuration; without one, it is left alone.
    pub fn new(id: u32, setting: Option<Rc<Setting>>) -> Self {
        Self { id, setting, active: false, served: None, token: None }
    }

    fn plugin(&self) -> Option<Rc<Plugin>> {
        self.setting.as_ref().map(|setting| Rc::clone(&setting.plugin))
    }

    /// Moves the stream, and again where a lookup could not even be sent.
    fn drive(&mut self, plugin: &Plugin, event: Event<'_>) -> Verdict {
        let mut verdict = plugin.on(self.id, event);
        loop {
            let done = plugin.run_commands();
            self.token = done.token;
            if !done.refused {
                root::set_pace(plugin);
                return verdict;
            }
            verdict = plugin.on(self.id, Event::L2(Err(L2Failure::Unreachable)));
        }
    }

    fn act(&mut self, plugin: &Plugin, verdict: Verdict) -> Action {
        match verdict {
            Verdict::Continue => Action::Continue,
            Verdict::Pause => Action::Pause,
            Verdict::Reply(answer) => {
                self.served = Some(served(&answer));
                reply(plugin, &answer);
                Action::Pause
            }
        }
    }

    fn finish(&mut self) {
        if let Some(plugin) = self.plugin() {
            plugin.on(self.id, Event::ResponseEnd);
            plugin.run_commands();
        }
    }

    /// Whether the head is worth reading whole.
    fn worth_reading(plugin: &Plugin) -> bool {
        if !plugin.probes() {
            return true;
        }
        let read = |name| hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, name).ok().flatten();
        read(":path").is_some_and(|path| plugin.ask(|worker| worker.may_match(&path)))
            || read(":method").is_some_and(|method| Worker::may_change(&method))
    }

    fn request_body(&mut self, length: usize, end: bool) -> Action {
        let Some(plugin) = self.plugin().filter(|_| self.active) else { return Action::Continue };
        if self.served.is_some() {
            return Action::Pause;
        }
        let wanted = end && length <= MAX_BODY && plugin.ask(|worker| worker.reads_body(self.id));
        let bytes = wanted.then(|| read_buffer(BufferType::HttpRequestBody, length));
        let verdict = self.drive(&plugin, Event::RequestBody { length, bytes: bytes.as_deref() });
        self.act(&plugin, verdict)
    }
}

/// What is to be mended of this answer on its way out.
pub fn served(answer: &Answer) -> Served {
    let kind = answer.headers().find(|(name, _)| *name == "content-type").map(|(_, value)| value);
    match (answer.body().is_empty(), kind) {
        (false, Some(_)) | (true, None) => Served::AsIs,
        (_, kind) => Served::ContentType(kind.map(str::to_owned)),
    }
}

/// Answers the stream in effect.
pub fn reply(plugin: &Plugin, answer: &Answer) {
    set_state(answer.state);
    plugin.time_answer(answer);
    let age = answer.age.to_string();
    let range = answer.content_range();
    let mut headers: Vec<(&str, &str)> = Vec::with_capacity(answer.entry.headers.len() + 3);
    headers.extend(answer.headers());
    headers.extend(answer.is_stored().then_some(("age", age.as_str())));
    headers.extend(range.as_deref().map(|range| ("content-range", range)));
    headers.push(("cache-status", &answer.cache_status));
    let body = Some(answer.body()).filter(|body| !body.is_empty());
    let _ = hostcalls::send_http_response(u32::from(answer.status()), headers, body);
}

/// The first `length` bytes of a buffer; nothing where the host gives none.
pub fn read_buffer(buffer: BufferType, length: usize) -> Vec<u8> {
    if length == 0 {
        return Vec::new();
    }
    hostcalls::get_buffer(buffer, 0, length).ok().flatten().unwrap_or_default()
}

/// The reply to a callout: the body of a 200, or why there is none. A callout that was reset has no headers, and
/// asking for them would end the VM.
pub fn read_reply(headers: usize, body: usize) -> Result<Vec<u8>, L2Failure> {
    if headers == 0 {
        return Err(L2Failure::Unreachable);
    }
    let status = hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status").ok().flatten();
    match status.as_deref() {
        Some(b"200") => Ok(read_buffer(BufferType::HttpCallResponseBody, body)),
        Some(b"504") => Err(L2Failure::Timeout),
        Some(b"502" | b"503") => Err(L2Failure::Unreachable),
        Some(b"403") => Err(L2Failure::Refused),
        _ => Err(L2Failure::Error),
    }
}

impl Context for HttpStream {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        let Some(plugin) = self.plugin().filter(|_| self.token == Some(token)) else { return };
        let read = read_reply(headers, body);
        let verdict = self.drive(&plugin, Event::L2(read.as_deref().map_err(|failure| *failure)));
        match verdict {
            Verdict::Continue => {
                let _ = hostcalls::resume_http_request();
            }
            Verdict::Pause => {}
            Verdict::Reply(answer) => {
                self.served = Some(served(&answer));
                reply(&plugin, &answer);
            }
        }
    }
}

impl HttpContext for HttpStream {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        let Some(plugin) = self.plugin() else { return Action::Continue };
        if self.setting.as_ref().is_some_and(|setting| setting.serve()) {
            root::set_pace(&plugin);
        }
        if !Self::worth_reading(&plugin) {
            return Action::Continue;
        }
        let Ok(pairs) = hostcalls::get_map_bytes(MapType::HttpRequestHeaders) else { return Action::Continue };
        let verdict = self.drive(&plugin, Event::RequestHead { headers: Headers::from_pairs(pairs), end });
        self.active = !matches!(verdict, Verdict::Continue) || plugin.ask(|worker| worker.knows(self.id));
        plugin.matched(self.active);
        self.act(&plugin, verdict)
    }

    fn on_http_request_body(&mut self, length: usize, end: bool) -> Action {
        self.request_body(length, end)
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        // Trailers end the body as well as its own end would; all of it is in the buffer.
        let body = hostcalls::get_buffer(BufferType::HttpRequestBody, 0, MAX_BODY + 1).ok().flatten();
        // Nothing to be had is not an empty body: with one byte missing, the core passes.
        self.request_body(body.map_or(1, |body| body.len()), true)
    }

    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        let Some(plugin) = self.plugin().filter(|_| self.active) else { return Action::Continue };
        if self.served.is_none() {
            self.served = plugin.answered(self.id);
        }
        if let Some(served) = &self.served {
            if let Served::ContentType(value) = served {
                let _ = hostcalls::set_map_value(MapType::HttpResponseHeaders, "content-type", value.as_deref());
            }
            return Action::Continue;
        }
        let Ok(pairs) = hostcalls::get_map_bytes(MapType::HttpResponseHeaders) else { return Action::Continue };
        let details = hostcalls::get_property(vec!["response", "code_details"]).ok().flatten();
        let from_origin = details.as_deref() == Some(b"via_upstream");
        let headers = Headers::from_pairs(pairs);
        let verdict = self.drive(&plugin, Event::ResponseHead { headers, end, from_origin });
        self.act(&plugin, verdict)
    }

    fn on_http_response_body(&mut self, length: usize, end: bool) -> Action {
        let Some(plugin) = self.plugin().filter(|_| self.active && self.served.is_none()) else {
            return Action::Continue;
        };
        if length > 0 && plugin.ask(|worker| worker.captures(self.id)) {
            let bytes = read_buffer(BufferType::HttpResponseBody, length);
            // A piece that the host cannot give would be missing in the entry: then there is none.
            let event = if bytes.len() == length { Event::ResponseBody(&bytes) } else { Event::Gone };
            plugin.on(self.id, event);
        }
        if end {
            self.finish();
        }
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        if self.active && self.served.is_none() {
            self.finish();
        }
        Action::Continue
    }
}

impl Drop for HttpStream {
    fn drop(&mut self) {
        if let Some(plugin) = self.plugin().filter(|_| self.active && self.served.is_none()) {
            let _ = plugin.answered(self.id);
            plugin.on(self.id, Event::Gone);
            plugin.run_commands();
        }
    }
}
