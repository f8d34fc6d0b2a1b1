//! The service: its content changes now and then, and each answer names all that it depends on, the caller included
//! where it is the caller's own, and its own serial number. So it can be told of any answer whether it is what this
//! very caller would have got, and when.

use crate::callers::{Ask, SECOND, Sends};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the origin says about an answer, and what its body depends on.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// What the body names, as JSON texts.
    depends: Vec<(&'static str, String)>,
    /// The lifetime it gives for shared caches, in seconds.
    pub explicit: Option<u64>,
    /// No shared cache may keep it.
    pub never: bool,
    /// It may be shared although the request was credentialed.
    pub public: bool,
    /// To be asked for before each use.
    pub always_ask: bool,
    /// How long it was under way through other caches, in seconds.
    pub upstream_age: u64,
    /// For how long it may be served stale while it is asked for, or where that fails, in seconds.
    pub while_asked: Option<u64>,
    pub if_error: Option<u64>,
    /// It may never be served stale.
    pub strict: bool,
    pub tagged: bool,
    padding: usize,
}

/// One answer that the origin gave.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub ask: Ask,
    pub sends: Sends,
    /// When its content was right.
    pub born: u64,
    /// When it was given.
    pub at: u64,
    pub version: u64,
    pub terms: Terms,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The answer that this 304 confirms.
    pub confirms: Option<usize>,
}

impl Exchange {
    pub fn status(&self) -> u16 {
        if self.confirms.is_some() { 304 } else { self.terms.status }
    }
}

impl Exchange {
    /// Whether it is an answer to POST that says to be what its own URI stands for from now on (RFC 9110 §9.3.3).
    pub fn represents_itself(&self) -> bool {
        let named = |(name, value): &(&str, String)| *name == "content-location" && *value == self.ask.target;
        self.ask.method == "POST" && self.ask.points.as_ref().is_some_and(named)
    }
}

/// The service.
#[derive(Default)]
pub struct Origin {
    /// When the content behind each path changed.
    changes: BTreeMap<String, Vec<u64>>,
    pub exchanges: Vec<Exchange>,
}

impl Origin {
    /// From now on the content behind `path` is another.
    pub fn change(&mut self, path: &str, now: u64) {
        self.changes.entry(path.to_owned()).or_default().push(now);
    }

    fn version(&self, path: &str, at: u64) -> u64 {
        self.changes.get(path).map_or(0, |changes| changes.iter().filter(|change| **change <= at).count() as u64)
    }

    /// Answers a request; the number of the exchange. `wall` is the time in seconds since 1970.
    pub fn answer(&mut self, ask: &Ask, now: u64, wall: u64) -> usize {
        let serial = self.exchanges.len();
        if ask.fails.is_some() {
            return self.fail(ask, now, wall);
        }
        if ask.is_unsafe() && !self_made(ask) {
            self.change_by(ask, now);
        }
        let path = path(ask);
        let now_terms = terms(ask, self.version(path, now));
        let born = now.saturating_sub(now_terms.upstream_age * SECOND);
        let version = self.version(path, born);
        let terms = terms(ask, version);
        let mut headers = terms.headers.clone();
        headers.push(("x-exchange".to_owned(), serial.to_string()));
        if path != "/v1/short" {
            headers.push(("date".to_owned(), date(wall - terms.upstream_age)));
        }
        if path == "/v1/expires" {
            headers.push(("expires".to_owned(), date(wall + 30)));
        }
        if let Some((name, value)) = &ask.points {
            headers.push(((*name).to_owned(), value.clone()));
        }
        let confirms = self.confirmed(ask, version);
        if terms.tagged {
            headers.push(("etag".to_owned(), tag(confirms.unwrap_or(serial))));
        }
        let body = render(ask, version, serial);
        self.exchanges.push(Exchange {
            ask: ask.clone(),
            sends: ask.sends,
            born,
            at: now,
            version,
            terms,
            headers,
            body,
            confirms,
        });
        serial
    }

    /// What an unsafe request changes: the content behind its path, and behind what its answer points to.
    fn change_by(&mut self, ask: &Ask, now: u64) {
        self.change(path(ask), now);
        let pointed = ask.points.as_ref().and_then(|(_, value)| value.strip_prefix('/').map(|_| value.clone()));
        if let Some(other) = pointed.filter(|other| other != path(ask)) {
            self.change(&other, now);
        }
    }

    /// It refuses, and says so in an answer that nobody may keep.
    fn fail(&mut self, ask: &Ask, now: u64, wall: u64) -> usize {
        let mut terms = Terms { status: ask.fails.unwrap_or(500), never: true, ..Terms::default() };
        terms.control("no-store", None);
        terms.add("date", &date(wall));
        let (serial, headers, body) = (self.exchanges.len(), terms.headers.clone(), b"it failed".to_vec());
        let (ask, sends) = (ask.clone(), Sends::Whole);
        self.exchanges.push(Exchange {
            ask,
            sends,
            born: now,
            at: now,
            version: 0,
            terms,
            headers,
            body,
            confirms: None,
        });
        serial
    }

    /// The earlier answer that a condition names, where this caller would get the same now.
    fn confirmed(&self, ask: &Ask, version: u64) -> Option<usize> {
        let condition = ask.joined("if-none-match").filter(|_| matches!(ask.method.as_str(), "GET" | "HEAD"))?;
        let same = |serial: &usize| {
            let whole = |earlier: &Exchange| {
                earlier.terms.tagged && earlier.confirms.is_none() && earlier.body == render(ask, version, *serial)
            };
            self.exchanges.get(*serial).is_some_and(whole)
        };
        condition.split(',').filter_map(tagged).find(same)
    }
}

/// Those of the unsafe methods that read only, as the service has it.
fn self_made(ask: &Ask) -> bool {
    matches!(path(ask), "/identify" | "/compare") && ask.method == "POST"
}

/// The serial number in an entity tag.
pub fn tagged(tag: &str) -> Option<usize> {
    tag.trim().trim_start_matches("W/").strip_prefix("\"s")?.strip_suffix('"')?.parse().ok()
}

fn tag(serial: usize) -> String {
    format!("\"s{serial}\"")
}

fn date(wall: u64) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(wall))
}

fn path(ask: &Ask) -> &str {
    ask.target.split('?').next().unwrap()
}

/// The body this caller gets of this version, under this serial number.
pub fn render(ask: &Ask, version: u64, serial: usize) -> Vec<u8> {
    let terms = terms(ask, version);
    let mut text = format!("{{\"serial\":{serial},\"version\":{version}");
    for (name, json) in &terms.depends {
        text.push_str(&format!(",\"{name}\":{json}"));
    }
    if terms.padding > 0 {
        text.push_str(&format!(",\"padding\":\"{}\"", "x".repeat(terms.padding)));
    }
    text.push('}');
    text.into_bytes()
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn user(ask: &Ask) -> String {
    quoted(ask.get_header("authorization").or(ask.get_header("cookie")).unwrap_or("nobody"))
}

/// What the origin says to this caller of this version: the service's routes.
pub fn terms(ask: &Ask, version: u64) -> Terms {
    let mut terms = Terms { status: 200, ..Terms::default() };
    terms.add("content-type", "application/json");
    match path(ask) {
        "/search" => terms.depends.push(("search", quoted(&search(ask)))),
        "/identify" => identify(ask, &mut terms),
        "/compare" => {
            let body = String::from_utf8_lossy(ask.body.as_deref().unwrap_or_default()).into_owned();
            terms.depends.push(("compared", quoted(&body)));
        }
        "/keyed/a" => {
            terms.depends.push(("tenant", quoted(&ask.joined("x-tenant").unwrap_or("none".into()))));
            terms.depends.push(("ja4", quoted(ask.ja4.as_deref().unwrap_or("none"))));
        }
        other => {
            terms.depends.push(("asked", quoted(&format!("{}{}", ask.host, ask.target))));
            plain(other, ask, version, &mut terms);
        }
    }
    terms
}

impl Terms {
    fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn control(&mut self, value: &str, explicit: Option<u64>) {
        self.add("cache-control", value);
        self.explicit = explicit;
    }

    fn private(&mut self, ask: &Ask) {
        self.depends.push(("user", user(ask)));
    }

    fn varies(&mut self, ask: &Ask, name: &'static str) {
        self.depends.push((name, quoted(&ask.joined(name).unwrap_or("none".into()))));
    }
}

fn plain(path: &str, ask: &Ask, version: u64, terms: &mut Terms) {
    match path {
        "/v1/short" => terms.control("max-age=5", Some(5)),
        "/v1/shared" => {
            terms.control("max-age=2, s-maxage=20", Some(20));
            terms.strict = true;
        }
        "/v1/swr" => {
            terms.control("max-age=3, stale-while-revalidate=20", Some(3));
            (terms.while_asked, terms.tagged) = (Some(20), true);
        }
        "/v1/sie" => {
            terms.control("max-age=3, stale-if-error=30", Some(3));
            terms.if_error = Some(30);
        }
        "/v1/must" => strict(terms, "must-revalidate"),
        "/v1/proxy" => strict(terms, "proxy-revalidate"),
        "/v1/smax" => strict(terms, "s-maxage=3"),
        "/v1/expires" => terms.explicit = Some(30),
        "/v1/tagged" => {
            terms.control("max-age=3", Some(3));
            terms.tagged = true;
        }
        "/v1/nocache" => {
            terms.control("no-cache", None);
            (terms.tagged, terms.always_ask, terms.strict) = (true, true, true);
        }
        "/v1/aged" => {
            terms.control("max-age=30", Some(30));
            terms.add("age", "4");
            terms.upstream_age = 4;
        }
        "/v1/lang" | "/v1/turning" => vary(path, ask, version, terms),
        "/v1/limits" => {
            terms.add("x-ratelimit-remaining", &user(ask));
            terms.add("x-quota-tier", &user(ask));
        }
        "/v1/missing" => (terms.status, terms.explicit) = (404, None),
        "/v1/moved" => {
            terms.status = 301;
            terms.depends.push(("scheme", quoted(ask.scheme)));
            terms.add("location", &format!("https://{}/v1/plain", ask.host));
        }
        "/v1/large" => terms.padding = 3500,
        "/open/all" => {
            terms.control("public, max-age=60", Some(60));
            terms.public = true;
        }
        "/open/me" => {
            terms.control("max-age=60", Some(60));
            terms.private(ask);
        }
        _ => refused(path, ask, terms),
    }
}

/// Windows that another directive closes.
fn strict(terms: &mut Terms, directive: &str) {
    terms.control(&format!("max-age=3, {directive}, stale-while-revalidate=20, stale-if-error=20"), Some(3));
    (terms.strict, terms.tagged) = (true, true);
}

/// What no shared cache may keep.
fn refused(path: &str, ask: &Ask, terms: &mut Terms) {
    terms.never = true;
    match path {
        "/v1/nostore" => terms.control("no-store, max-age=60", Some(60)),
        "/v1/private" => {
            terms.control("private, max-age=60", Some(60));
            terms.private(ask);
        }
        "/v1/cookie" => {
            terms.add("set-cookie", &format!("who={}", user(ask).trim_matches('"').replace(' ', "-")));
            terms.private(ask);
        }
        "/v1/star" => {
            terms.add("vary", "*");
            terms.private(ask);
        }
        "/v1/cors" => {
            let origin = ask.get_header("origin").unwrap_or("https://nobody").to_owned();
            terms.add("access-control-allow-origin", &origin);
        }
        "/v1/broken" => {
            (terms.status, terms.never) = (500, false);
            terms.control("max-age=60", Some(60));
        }
        "/v1/part" => (terms.status, terms.explicit) = (206, Some(60)),
        "/v1/huge" => terms.padding = 6000,
        "/untouched" => terms.control("public, max-age=60", Some(60)),
        _ => terms.never = false,
    }
}

/// Content by language; behind `/v1/turning` every other version also by encoding.
fn vary(path: &str, ask: &Ask, version: u64, terms: &mut Terms) {
    terms.control("max-age=60", Some(60));
    if path == "/v1/turning" && version % 2 == 1 {
        terms.add("vary", "Accept-Language, Accept");
        terms.varies(ask, "accept");
    } else {
        terms.add("vary", "accept-language");
    }
    terms.varies(ask, "accept-language");
}

/// The parameters that count, sorted by name, those of one name in their order.
fn search(ask: &Ask) -> String {
    let query = ask.target.split_once('?').map_or("", |(_, query)| query);
    let mut kept: Vec<&str> = query.split('&').filter(|part| !part.starts_with("utm_")).collect();
    kept.sort_by_key(|part| part.split('=').next().unwrap());
    format!("{}?{}", ask.host, kept.join("&"))
}

/// Says again what it was asked, and the session in many ways, by the mode in `tls_data`.
fn identify(ask: &Ask, terms: &mut Terms) {
    let body: Value = serde_json::from_slice(ask.body.as_deref().unwrap_or_default()).unwrap_or_default();
    let mode = body["tls_data"].as_str().unwrap_or("none").to_owned();
    let session = body.get("session_id").map(Value::to_string);
    terms.depends.push(("tls", body["tls_data"].to_string()));
    terms.depends.push(("headers", body["http_headers"].to_string()));
    if ask.body.as_deref().is_some_and(|body| body.windows(7).any(|part| part == b"unknown")) {
        terms.depends.push(("unknown", body["unknown"].to_string()));
    }
    match (mode.as_str(), &session) {
        ("twice", Some(session)) => terms.depends.push(("again", session.clone())),
        ("inside", Some(session)) => {
            terms.depends.push(("inside", quoted(&format!("<{}>", session.trim_matches('"')))))
        }
        ("shout", Some(session)) => terms.depends.push(("shout", session.to_uppercase())),
        ("header", Some(session)) => terms.add("x-session", session.trim_matches('"')),
        ("invent", None) => terms.depends.push(("session_id", user(ask))),
        _ => {}
    }
    terms.depends.extend(session.map(|session| ("session_id", session)));
}
