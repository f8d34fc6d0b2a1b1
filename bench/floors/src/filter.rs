//! The three filters.

use crate::answer;
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, BufferType, ContextType, LogLevel, MapType};
use std::time::Duration;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

/// Longer than any answer takes, so that none is given up.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Default)]
enum Kind {
    Reply,
    Callout,
    #[default]
    Pass,
}

#[derive(Default)]
struct Root(Kind);

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let bytes = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten();
        self.0 = match bytes.as_deref() {
            Some(b"reply") => Kind::Reply,
            Some(b"callout") => Kind::Callout,
            Some(b"pass") => Kind::Pass,
            _ => return false,
        };
        true
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match self.0 {
            Kind::Reply => Box::new(Reply),
            Kind::Callout => Box::new(Callout),
            Kind::Pass => Box::new(Pass),
        })
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// Answers as the cache does from a stored entry.
fn reply(body: &[u8]) {
    let mut headers: Vec<(&str, &str)> = Vec::with_capacity(answer::HEADERS.len() + 3);
    headers.extend(answer::HEADERS);
    headers.push(("date", answer::DATE));
    headers.extend(answer::ADDED);
    let _ = hostcalls::send_http_response(200, headers, Some(body));
}

struct Reply;

impl Context for Reply {}

impl HttpContext for Reply {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        let pairs = hostcalls::get_map_bytes(MapType::HttpRequestHeaders);
        if pairs.is_ok_and(|pairs| pairs.iter().any(|(name, _)| name == ":path")) {
            reply(answer::BODY.as_bytes());
        }
        Action::Pause
    }
}

struct Callout;

impl Context for Callout {
    fn on_http_call_response(&mut self, _token: u32, headers: usize, body: usize, _trailers: usize) {
        let bytes =
            if headers > 0 { hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, body) } else { Ok(None) };
        let bytes = bytes.ok().flatten().unwrap_or_default();
        // RESP: `$1024`, CR LF, the value, CR LF.
        let value = bytes.split(|byte| *byte == b'\n').nth(1).map(<[u8]>::len);
        let start = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let value = value.and_then(|length| bytes.get(start..start + length.saturating_sub(1)));
        reply(value.unwrap_or_default());
    }
}

impl HttpContext for Callout {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        let headers = vec![(":method", "GET"), (":path", answer::CALL), (":authority", "webdis")];
        if hostcalls::dispatch_http_call("webdis", headers, None, vec![], PATIENCE).is_err() {
            return Action::Continue;
        }
        Action::Pause
    }
}

struct Pass;

impl Context for Pass {}

impl HttpContext for Pass {}
