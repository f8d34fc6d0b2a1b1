//! One GET through the cache, as any client would send it.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fingerprint_cache::time::Timestamp;
use ureq::{Agent, Body, Error, http};

use super::answer::{Outcome, Seen, Verdict, judge};
use super::list::Wanted;

/// Who asks.
pub struct Client {
    agent: Agent,
    target: Option<String>,
    headers: Vec<(String, String)>,
    cache: String,
}

impl Client {
    /// Sends all to `target`, or each to its own host where there is none. `cache` is the name in `Cache-Status`.
    pub fn new(target: Option<String>, headers: Vec<(String, String)>, cache: String, timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(timeout))
            .user_agent(concat!("fpcache/", env!("CARGO_PKG_VERSION")));
        Self { agent: config.build().new_agent(), target, headers, cache }
    }

    /// Asks once and reads the whole answer: the cache stores none that is cut short.
    pub fn ask(&self, wanted: &Wanted) -> Verdict {
        let own = || format!("http://{}", wanted.host);
        let url = format!("{}{}", self.target.clone().unwrap_or_else(own), wanted.target);
        let mut request = self.agent.get(url).header("host", &wanted.host);
        if wanted.scheme == "https" {
            request = request.header("x-forwarded-proto", "https");
        }
        for (name, value) in self.headers.iter().chain(&wanted.headers) {
            request = request.header(name, value);
        }
        let mut response = match request.call() {
            Ok(response) => response,
            Err(error) => return failed(&error),
        };
        match io::copy(&mut response.body_mut().as_reader(), &mut io::sink()) {
            Ok(_) => self.judge(&response),
            Err(error) => Verdict::Again { why: format!("cut short: {error}"), after: None, all: false },
        }
    }

    fn judge(&self, response: &http::Response<Body>) -> Verdict {
        let texts = |name: &str| {
            let values = response.headers().get_all(name).into_iter();
            values.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>()
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seen = Seen {
            status: response.status().as_u16(),
            cache_status: texts("cache-status"),
            retry_after: texts("retry-after").first().copied(),
            now: Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        };
        judge(&seen, &self.cache)
    }
}

/// No answer: where nobody could be reached, nobody else need try before.
fn failed(error: &Error) -> Verdict {
    match error {
        Error::BadUri(_) | Error::Http(_) | Error::Protocol(_) => {
            Verdict::Done(Outcome::Failed(format!("cannot be asked for: {error}")))
        }
        Error::Timeout(_) => Verdict::Again { why: "no answer in time".to_owned(), after: None, all: false },
        _ => Verdict::Again { why: format!("no answer: {error}"), after: None, all: true },
    }
}
