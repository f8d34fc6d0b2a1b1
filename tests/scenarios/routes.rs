//! The routes of the service: what it says to whom, and what its content depends on.

use crate::callers::Ask;
use crate::questions::{identify, search};

/// What the origin says about an answer, and what its body depends on.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// What the body names, as JSON texts.
    pub depends: Vec<(&'static str, String)>,
    /// The lifetime it gives for shared caches, in seconds.
    pub explicit: Option<u64>,
    /// No shared cache may keep it.
    pub never: bool,
    /// It may be shared although the request was credentialed.
    pub public: bool,
    /// To be asked for before each use.
    pub always_ask: bool,
    /// Never to be served stale.
    pub strict: bool,
    /// It stays as it is while it is fresh.
    pub immutable: bool,
    /// For how many seconds it may be served stale while somebody asks, and instead of an error.
    pub while_revalidating: Option<u64>,
    pub if_error: Option<u64>,
    /// How long it was under way through other caches, in seconds.
    pub upstream_age: u64,
    /// It has an `ETag`, a weak one if `weak`.
    pub tagged: bool,
    pub weak: bool,
    /// It has a `Last-Modified`: so many seconds before the story began its first version was made.
    pub dated: Option<u64>,
    pub padding: usize,
}

impl Terms {
    pub fn add(&mut self, name: &str, value: &str) {
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

pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Who asks: by the headers that the rule for the path knows.
pub fn user(ask: &Ask) -> String {
    let names = ["authorization", if ask.path().starts_with("/t/") { "x-token" } else { "cookie" }];
    quoted(names.iter().find_map(|name| ask.get_header(name)).unwrap_or("nobody"))
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

/// What the origin says to this caller of this version.
pub fn terms(ask: &Ask, version: u64) -> Terms {
    let mut terms = Terms { status: 200, ..Terms::default() };
    terms.add("content-type", "application/json");
    match ask.path() {
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
            match other.get(1..3) {
                Some("w/" | "b/" | "i/" | "h/" | "t/") => said(&other[3..], ask, &mut terms),
                _ => plain(other, ask, version, &mut terms),
            }
        }
    }
    terms
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
            (terms.while_revalidating, terms.tagged) = (Some(20), true);
        }
        "/v1/sie" => {
            terms.control("max-age=3, stale-if-error=30", Some(3));
            terms.if_error = Some(30);
        }
        "/v1/must" => strict("must", terms),
        "/v1/proxy" => strict("proxy", terms),
        "/v1/smax" => strict("shared", terms),
        "/v1/expires" => terms.explicit = Some(30),
        "/v1/tagged" => {
            terms.add("surrogate-key", "t1 t2");
            terms.control("max-age=3", Some(3));
            terms.tagged = true;
        }
        "/v1/nocache" => {
            terms.control("no-cache", None);
            (terms.tagged, terms.always_ask) = (true, true);
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
        "/v1/missing" => terms.status = 404,
        "/v1/moved" => {
            terms.status = 301;
            terms.depends.push(("scheme", quoted(ask.scheme)));
            terms.add("location", &format!("https://{}/v1/plain", ask.host));
        }
        "/v1/large" => terms.padding = 3500,
        "/v1/broken" => {
            terms.status = 500;
            terms.control("max-age=60", Some(60));
        }
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
        "/v1/failing" => terms.status = 500,
        "/v1/part" => (terms.status, terms.explicit) = (206, Some(60)),
        "/v1/huge" => terms.padding = 6000,
        "/untouched" => terms.control("public, max-age=60", Some(60)),
        _ => terms.never = false,
    }
}

/// What is short-lived, and may or may not be served beyond its life.
fn said(tail: &str, ask: &Ask, terms: &mut Terms) {
    terms.tagged = !["bare", "dated", "old", "young", "proxy", "missing", "down"].contains(&tail);
    match tail {
        "said" => {
            terms.control("max-age=3, stale-while-revalidate=10, stale-if-error=30", Some(3));
            (terms.while_revalidating, terms.if_error) = (Some(10), Some(30));
        }
        "must" | "proxy" | "shared" => strict(tail, terms),
        "nocache" => {
            terms.control("no-cache", None);
            terms.always_ask = true;
        }
        "dated" => {
            terms.control("max-age=3", Some(3));
            terms.dated = Some(1000);
        }
        "old" => terms.dated = Some(1000),
        "young" => terms.dated = Some(30),
        "weak" => {
            terms.add("cache-groups", "\"gw\", \"gv\"");
            terms.weak = true;
        }
        "cdn" => targeted(terms),
        "lang" => {
            terms.control("max-age=3", Some(3));
            terms.add("vary", "accept-language");
            terms.varies(ask, "accept-language");
        }
        "immutable" => {
            terms.control("max-age=20, immutable", Some(20));
            terms.immutable = true;
        }
        "field" => {
            terms.control("max-age=4, no-cache=\"x-secret\"", Some(4));
            terms.add("x-secret", &user(ask));
        }
        "large" => terms.padding = 300,
        "missing" => terms.status = 404,
        "down" => terms.status = 503,
        "cookie" => terms.add("set-cookie", "theme=dark"),
        "me" => {
            terms.control("max-age=20", Some(20));
            terms.private(ask);
        }
        "open" => {
            terms.control("public, max-age=20", Some(20));
            terms.public = true;
        }
        _ => {}
    }
}

/// What a shared cache must not serve stale.
fn strict(tail: &str, terms: &mut Terms) {
    terms.strict = true;
    match tail {
        "must" => {
            terms.control("max-age=3, must-revalidate, stale-while-revalidate=60", Some(3));
            terms.public = true;
        }
        "proxy" => terms.control("max-age=3, proxy-revalidate, stale-if-error=60", Some(3)),
        _ => {
            terms.control("max-age=60, s-maxage=3", Some(3));
            terms.public = true;
        }
    }
}

/// What is said to this cache alone, and to the rest of the world.
fn targeted(terms: &mut Terms) {
    terms.control("no-store", Some(4));
    terms.add("cdn-cache-control", "max-age=4, stale-while-revalidate=5");
    terms.add("surrogate-key", "one two");
    terms.add("cache-tag", "three");
    terms.while_revalidating = Some(5);
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
