//! The requests of the tour, where each answer should come from, and the proof that the service was not asked again.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stack::{CacheStatus, Client, Metrics, Publisher, Request, Response, Scope, Tunnel};

use crate::fixed::Fixed;

const PROFILE: &str = "/v1/fingerprints/profiles/chrome_120_win";
const IDENTIFY: &str = "/api/v1/fingerprint/identify";
const WHOAMI: &str = "/v1/whoami";
/// A connection lands on one of two workers by chance: so many on the same one do not happen.
const CONNECTIONS: usize = 64;

/// One request and its answer.
pub struct Stop {
    /// What it shows, in a word or two.
    pub what: &'static str,
    /// Method and path.
    pub request: String,
    /// The status code.
    pub status: u16,
    /// The header, or `-`.
    pub cache_status: String,
    /// Until the last byte of the answer.
    pub time: Duration,
    /// A sentence, when the answer is not what it should be.
    pub wrong: Option<String>,
}

/// Where an answer should come from.
#[derive(Clone, Copy)]
enum Expected {
    /// The service, and it is stored.
    Stored,
    /// The worker's memory.
    L1,
    /// Redis.
    L2,
    /// The service, and the cache has no say.
    Untouched,
}

impl Expected {
    fn met(self, status: Option<&CacheStatus>) -> bool {
        match (self, status) {
            (Self::Untouched, status) => status.is_none(),
            (_, None) => false,
            (Self::Stored, Some(status)) => !status.hit && status.stored,
            (Self::L1, Some(status)) => status.hit_from("l1"),
            (Self::L2, Some(status)) => status.hit_from("l2"),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Stored => "a miss that is stored",
            Self::L1 => "a hit from L1",
            Self::L2 => "a hit from L2",
            Self::Untouched => "no Cache-Status",
        }
    }
}

/// Sends the requests, one after the other.
pub fn walk(stack: &Fixed) -> Result<Vec<Stop>, String> {
    let port = stack.envoy.port();
    let mut one = Client::connect(port)?;
    let profile = |user| Request::get(PROFILE).bearer(user);

    let (first, mut fetched) = stop("first asked", Expected::Stored, &profile("alice"), &mut one)?;
    filled(stack, 1, &mut fetched);
    let (again, mut from_l1) = stop("asked again", Expected::L1, &profile("bob"), &mut one)?;
    same(&mut from_l1, &again, &first);
    let (mut other, shared, from_l2) = other_worker(port, &profile("carol"), &first)?;
    let (_, from_l1_there) = stop("its own now", Expected::L1, &profile("carol"), &mut other)?;

    let (_, mut identified) = stop("identify", Expected::Stored, &identify("alice-1"), &mut one)?;
    filled(stack, 2, &mut identified);
    let (echoed, mut echo) = stop("other session", Expected::L1, &identify("bob-2"), &mut one)?;
    session(&mut echo, &echoed, "bob-2");
    let (_, health) = stop("no rule", Expected::Untouched, &Request::get("/health"), &mut one)?;
    let [newer, older] = edge(stack)?;
    let invalidated = invalidated(stack, &profile("dave"), &mut one)?;
    drop(shared);
    Ok(vec![fetched, from_l1, from_l2, from_l1_there, identified, echo, health, newer, older, invalidated])
}

/// Two clients that begin TLS otherwise, each of which asks who it is.
fn edge(stack: &Fixed) -> Result<[Stop; 2], String> {
    let port = stack.envoy.edge_port()?;
    let (newer, ja4) = whoami("a TLS client", port, &["-alpn", "http/1.1"])?;
    let (mut older, other) = whoami("another one", port, &["-tls1_2"])?;
    if ja4 == other {
        older.wrong = Some("two TLS clients should have two fingerprints".to_owned());
    }
    Ok([newer, older])
}

/// Asks twice; the second answer, and the fingerprint in it.
fn whoami(what: &'static str, port: u16, hello: &[&str]) -> Result<(Stop, String), String> {
    let (mut client, request) = (Tunnel::open(port, hello)?, Request::get(WHOAMI).bearer("erin"));
    let first = client.send(&request)?;
    let response = client.send(&request)?;
    let mut stop = judged(what, Expected::L1, &request, &response);
    same(&mut stop, &response, &first);
    if !Expected::Stored.met(first.cache_status().as_ref()) {
        stop.wrong = Some(format!("\"{what}\" should have been {} first", Expected::Stored.words()));
    }
    let ja4 = response.json()?.get("ja4").and_then(Value::as_str).unwrap_or("none").to_owned();
    stop.request.push_str(&format!(" -> ja4 {ja4}"));
    Ok((stop, ja4))
}

/// Invalidates by tag, as `fpcache invalidate --tag profile` does, and asks until the worker has heard of it.
fn invalidated(stack: &Fixed, request: &Request, client: &mut Client) -> Result<Stop, String> {
    Publisher::connect(&stack.redis)?.invalidate(&Scope::Tag("profile".to_owned()))?;
    let begun = Instant::now();
    loop {
        let response = client.send(request)?;
        let stored = Expected::Stored.met(response.cache_status().as_ref());
        if stored || begun.elapsed() > Duration::from_secs(3) {
            return Ok(judged("invalidated", Expected::Stored, request, &response));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// What the service was asked, and what the metrics say; then what of it is not as it should be.
pub fn proof(stack: &Fixed) -> Result<(String, Vec<String>), String> {
    let counts = stack.demo.counts()?;
    let metrics = stack.envoy.metrics()?;
    let mut lines = vec!["\nWhat reached the service (/debug/counts):".to_owned()];
    lines.extend(counts.as_object().into_iter().flatten().map(|(route, count)| format!("  {route}: {count}")));
    lines.push("What the cache counted (/stats/prometheus):".to_owned());
    lines.extend(counted(&metrics));
    let mut wrong = Vec::new();
    // The profile once more after its invalidation.
    let (profile, identify) = ("GET /v1/fingerprints/profiles/{id}", "POST /api/v1/fingerprint/identify");
    for (route, times) in [(profile, 2), (identify, 1), ("GET /v1/whoami", 2)] {
        if counts.get(route) != Some(&json!(times)) {
            let found = asked(&counts, route);
            wrong.push(format!("{route} should have reached the service {times} times; it did {found} times"));
        }
    }
    Ok((lines.join("\n"), wrong))
}

fn asked(counts: &Value, route: &str) -> u64 {
    counts.get(route).and_then(Value::as_u64).unwrap_or(0)
}

fn counted(metrics: &Metrics) -> Vec<String> {
    const NAME: &str = "fingerprint_cache_requests_total";
    let mut lines = Vec::new();
    for rule in metrics.values(NAME, "rule") {
        for status in metrics.values(NAME, "status") {
            for tier in metrics.values(NAME, "tier") {
                let sum = metrics.sum(NAME, &[("rule", &rule), ("status", &status), ("tier", &tier)]);
                if sum > 0.0 {
                    lines.push(format!("  {NAME}{{rule=\"{rule}\",status=\"{status}\",tier=\"{tier}\"}} {sum}"));
                }
            }
        }
    }
    lines
}

fn stop(
    what: &'static str,
    expected: Expected,
    request: &Request,
    client: &mut Client,
) -> Result<(Response, Stop), String> {
    let response = client.send(request)?;
    let stop = judged(what, expected, request, &response);
    Ok((response, stop))
}

fn judged(what: &'static str, expected: Expected, request: &Request, response: &Response) -> Stop {
    let cache_status = response.text("cache-status").unwrap_or_else(|| "-".to_owned());
    let right = response.status == 200 && expected.met(response.cache_status().as_ref());
    let wrong = || format!("\"{what}\" should be {}: {} {cache_status}", expected.words(), response.status);
    Stop {
        what,
        request: format!("{} {}", request.method(), request.path()),
        status: response.status,
        wrong: (!right).then(wrong),
        cache_status,
        time: response.elapsed,
    }
}

/// Opens connections until one lands on the other worker, whose memory is empty: its answer comes from Redis. All stay
/// open meanwhile, so that none takes the place of another.
fn other_worker(port: u16, request: &Request, first: &Response) -> Result<(Client, Vec<Client>, Stop), String> {
    let mut same_worker = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(port)?;
        let response = client.send(request)?;
        if response.cache_status().is_some_and(|status| status.hit_from("l1")) {
            same_worker.push(client);
            continue;
        }
        let mut stop = judged("other worker", Expected::L2, request, &response);
        same(&mut stop, &response, first);
        return Ok((client, same_worker, stop));
    }
    Err(format!("{CONNECTIONS} connections all landed on the same worker"))
}

/// The answer reaches the client before Redis has it: waits until Redis holds so many entries.
fn filled(stack: &Fixed, entries: usize, stop: &mut Stop) {
    let deadline = Instant::now() + Duration::from_secs(3);
    while stack.redis.entries().map_or(0, |keys| keys.len()) < entries {
        if Instant::now() > deadline {
            stop.wrong = Some(format!("Redis does not hold the answer of \"{}\" after three seconds", stop.what));
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn same(stop: &mut Stop, response: &Response, first: &Response) {
    if response.body != first.body {
        stop.wrong = Some(format!("\"{}\" has another body than the first answer", stop.what));
    }
}

fn session(stop: &mut Stop, response: &Response, expected: &str) {
    match response.json().map(|body| body.get("session_id").cloned()) {
        Ok(Some(id)) if id == expected => stop.request.push_str(&format!(" -> session_id {expected}")),
        found => stop.wrong = Some(format!("\"{}\" should have session_id {expected}: {found:?}", stop.what)),
    }
}

fn identify(session: &str) -> Request {
    let headers = json!({ "user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0.0.0" });
    let body = json!({ "tls_data": "FgMBAgABAAH8AwM=", "http_headers": headers, "session_id": session });
    Request::post(IDENTIFY, body.to_string()).header("content-type", "application/json").bearer(session)
}
