//! Who asks what in a random story.

use crate::callers::{Ask, MILLI, Sends};
use crate::origin::http_date;
use crate::random::Rng;

const PATHS: [&str; 27] = [
    "/v1/plain",
    "/v1/short",
    "/v1/shared",
    "/v1/expires",
    "/v1/tagged",
    "/v1/nocache",
    "/v1/aged",
    "/v1/lang",
    "/v1/turning",
    "/v1/limits",
    "/v1/missing",
    "/v1/moved",
    "/v1/large",
    "/open/all",
    "/open/me",
    "/v1/nostore",
    "/v1/private",
    "/v1/cookie",
    "/v1/star",
    "/v1/cors",
    "/v1/broken",
    "/v1/failing",
    "/v1/part",
    "/v1/huge",
    "/untouched",
    "/search",
    "/keyed/a",
];

/// What comes after `/w/`, `/b/`, `/i/`, `/h/` and `/t/`: short lives, windows, conditions.
const SHORT: [&str; 25] = [
    "/w/plain",
    "/w/plain",
    "/w/said",
    "/w/must",
    "/w/proxy",
    "/w/shared",
    "/w/nocache",
    "/w/dated",
    "/w/weak",
    "/w/cdn",
    "/w/lang",
    "/w/immutable",
    "/w/field",
    "/w/large",
    "/w/deaf",
    "/w/bare",
    "/b/plain",
    "/b/plain",
    "/b/lang",
    "/b/bare",
    "/b/cdn",
    "/b/dated",
    "/i/cookie",
    "/i/plain",
    "/t/me",
];
/// And what has guessed lifetimes, or such by its status.
const GUESSED: [&str; 6] = ["/h/old", "/h/young", "/h/missing", "/h/down", "/t/open", "/t/must"];

/// A story keeps to few paths and few questions, so that its requests meet.
pub struct Cast {
    /// The workers that are asked.
    pub vms: &'static [usize],
    pub paths: Vec<&'static str>,
    /// How many of a hundred events are notices of outsiders.
    pub news: u64,
    /// Nothing goes wrong but at the origin.
    pub calm: bool,
    /// How many of a hundred new requests want to change something.
    pub changes: u64,
    asks: Vec<Ask>,
}

pub fn cast(rng: &mut Rng) -> Cast {
    let path = |rng: &mut Rng| match rng.below(10) {
        0..=3 => rng.pick(&PATHS),
        4..=8 => rng.pick(&SHORT),
        _ => rng.pick(&GUESSED),
    };
    let mut paths: Vec<&str> = (0..rng.between(1, 3)).map(|_| path(rng)).collect();
    if rng.chance(30) {
        paths.push("/identify");
    }
    if rng.chance(15) {
        paths.push("/compare");
    }
    let changes = rng.pick(&[0, 10, 40]);
    let vms: &[usize] = rng.pick(&[&[0, 1][..], &[0, 2], &[0, 1, 2, 3], &[0, 1, 2]]);
    let asks = (0..rng.between(1, 5)).map(|_| ask(rng, vms, &paths, changes / 4)).collect();
    let (news, calm) = (rng.pick(&[0, 5, 20]), rng.chance(35));
    Cast { vms, paths, news, calm, changes, asks }
}

/// A question that was asked before, by anybody, anywhere.
pub fn again(rng: &mut Rng, cast: &Cast) -> Ask {
    let mut ask = rng.pick(&cast.asks);
    ask.vm = rng.pick(cast.vms);
    ask.takes = rng.between(1, 200) * MILLI;
    if rng.chance(50) {
        ask.headers.retain(|(name, _)| !["authorization", "cookie", "x-token"].contains(&name.as_str()));
        caller(rng, &mut ask);
    }
    if rng.chance(30) {
        ask.headers.retain(|(name, _)| !WISHES.contains(&name.as_str()));
        wishes(rng, &mut ask);
    }
    travels(rng, &mut ask);
    ask
}

pub fn ask(rng: &mut Rng, vms: &[usize], paths: &[&'static str], changes: u64) -> Ask {
    let path = rng.pick(paths);
    if rng.chance(changes) && path != "/v1/aged" {
        return change(rng, vms, path, paths);
    }
    let mut ask = match path {
        "/identify" => identify(rng),
        "/compare" => Ask::post(path, rng.pick(&["one", "two", "{\"a\":1}"])),
        "/search" => Ask::get(rng.pick(&[
            "/search?a=1&b=2",
            "/search?b=2&a=1&utm_x=7",
            "/search?b=2&b=1",
            "/search?b=1&b=2",
            "/search",
        ])),
        _ => Ask::new(if rng.chance(10) { "HEAD" } else { "GET" }, path),
    };
    ask.vm = rng.pick(vms);
    if rng.chance(10) {
        ask.host = "other".to_owned();
    }
    if rng.chance(10) {
        ask.scheme = "https";
    }
    ask.takes = rng.between(1, 200) * MILLI;
    caller(rng, &mut ask);
    marks(rng, &mut ask);
    wishes(rng, &mut ask);
    travels(rng, &mut ask);
    ask
}

/// An unsafe request for a path that others ask for too.
fn change(rng: &mut Rng, vms: &[usize], path: &'static str, paths: &[&'static str]) -> Ask {
    let target = if path == "/search" { "/search?a=1&b=2" } else { path };
    let asked = ["/identify", "/compare"].contains(&path);
    let methods: &[&str] = if asked { &["PUT", "DELETE"] } else { &["PUT", "DELETE", "POST", "M-SEARCH"] };
    let mut ask = Ask::new(rng.pick(methods), target);
    ask.vm = rng.pick(vms);
    ask.takes = rng.pick(&[MILLI / 5, MILLI, 3 * MILLI, 30 * MILLI, 100 * MILLI]);
    ask.status = rng.pick(&[None, None, None, None, Some(204), Some(201), Some(303), Some(409), Some(500)]);
    if rng.chance(30) {
        let named = rng.pick(paths);
        let named = if named == "/v1/aged" { path } else { named };
        let host = rng.pick(&["", "", "http://api", "https://api", "http://other"]);
        let header = rng.pick(&["location", "content-location"]);
        ask.points = Some((header, format!("{host}{named}")));
    }
    if ask.method == "POST" {
        ask.body = Some(b"change".to_vec());
    }
    if rng.chance(10) {
        ask.scheme = "https";
    }
    marks(rng, &mut ask);
    travels(rng, &mut ask);
    ask
}

fn caller(rng: &mut Rng, ask: &mut Ask) {
    let user = rng.pick(&["alice", "bob", ""]);
    let line = match rng.below(10) {
        0..=6 => ("authorization", format!("Bearer {user}")),
        7 | 8 => ("cookie", format!("id={user}")),
        _ => ("x-token", user.to_owned()),
    };
    if !user.is_empty() {
        ask.headers.push((line.0.to_owned(), line.1));
    }
}

/// Headers that tell variants and keys apart.
fn marks(rng: &mut Rng, ask: &mut Ask) {
    let mut add = |name: &str, value: &str| ask.headers.push((name.to_owned(), value.to_owned()));
    for name in ["accept-language", "accept"] {
        match rng.below(5) {
            0 => add(name, "en, de"),
            1 => add(name, "en,de"),
            2 => {
                add(name, "en");
                add(name, "de");
            }
            3 => add(name, "fr"),
            _ => {}
        }
    }
    if rng.chance(30) {
        add("origin", rng.pick(&["https://a", "https://b"]));
    }
    if rng.chance(50) {
        add("x-tenant", rng.pick(&["red", "blue"]));
    }
    ask.ja4 = rng.pick(&[None, Some("t13".to_owned()), Some("q13".to_owned())]);
}

/// The headers of [`wishes`].
const WISHES: [&str; 7] =
    ["cache-control", "pragma", "range", "if-none-match", "if-modified-since", "if-match", "if-range"];

fn wishes(rng: &mut Rng, ask: &mut Ask) {
    let tag = format!("\"s{}\"", rng.below(12));
    let mut add = |name: &str, value: &str| ask.headers.push((name.to_owned(), value.to_owned()));
    match rng.below(70) {
        0 => add("cache-control", "no-cache"),
        1 => add("cache-control", "no-store"),
        2 => add("cache-control", "max-age=2"),
        3 => add("cache-control", "max-age=0"),
        4 => add("if-match", "\"zzz\""),
        5 => add("cache-control", "min-fresh=3"),
        6 => add("cache-control", "max-stale=4"),
        7 => add("cache-control", "max-stale"),
        8 => add("cache-control", "only-if-cached"),
        9 => add("pragma", "no-cache"),
        10 => add("cache-control", "max-stale=9, max-age=6"),
        11 | 12 => add("if-none-match", "\"zzz\""),
        13..=16 => add("if-none-match", &tag),
        17 => add("if-none-match", &format!("\"zzz\", W/{tag}")),
        18 => add("if-none-match", "*"),
        19..=21 => add("if-modified-since", &http_date(1_800_000_000 - rng.pick(&[0, 1000, 998, 990, 1002]))),
        22..=27 => {
            add(
                "range",
                rng.pick(&["bytes=0-1", "bytes=5-", "bytes=-7", "bytes=40-45", "bytes=9999-", "bytes=0-1,3-4"]),
            );
            match rng.below(5) {
                0 => add("if-range", &tag),
                1 => add("if-range", &http_date(1_800_000_000 - rng.pick(&[1000, 998]))),
                _ => {}
            }
        }
        _ => {}
    }
}

fn travels(rng: &mut Rng, ask: &mut Ask) {
    ask.sends = match rng.below(25) {
        0 => Sends::UntilClose,
        1 => Sends::Short,
        2 => Sends::Cut,
        3 => Sends::Hang,
        4 => rng.pick(&[Sends::Refused, Sends::Refused, Sends::NoCluster]),
        5 => Sends::Replaced,
        6..=10 => Sends::Chunked,
        _ => Sends::Whole,
    };
    if rng.chance(4) && !ask.is_unsafe() {
        ask.status = Some(rng.pick(&[500, 503, 504, 503, 429]));
    }
    if rng.chance(8) {
        ask.leaves = Some(rng.between(0, 150 * MILLI));
    }
    if rng.chance(3) {
        ask.expires = Some(rng.between(0, 40 * MILLI));
    }
    if ask.body.is_some() {
        let slowest = if rng.chance(10) { 1500 * MILLI } else { 5 * MILLI };
        let mut at = 0;
        ask.pieces = (0..rng.between(1, 3))
            .map(|_| {
                at += rng.below(slowest);
                at
            })
            .collect();
    }
}

fn identify(rng: &mut Rng) -> Ask {
    let mode = rng.pick(&["once", "once", "once", "twice", "inside", "shout", "header", "invent"]);
    let session =
        rng.pick(&["\"s-alice\"", "\"s-bob\"", "\"a\\\"b\"", "17", "9007199254740993", "null", "true", "\"\"", ""]);
    let mut members = vec![format!("\"tls_data\":\"{mode}\""), "\"http_headers\":{\"ua\":\"x\"}".to_owned()];
    if !session.is_empty() {
        members.push(format!("\"session_id\":{session}"));
    }
    match rng.below(12) {
        0 | 1 => members.push(format!("\"trace\":{}", rng.below(9))),
        2 => members.push(format!("\"unknown\":{}", rng.below(2))),
        3 => members.push("\"session_id\":\"twice\"".to_owned()),
        4..=6 => members.reverse(),
        _ => {}
    }
    let space = if rng.chance(30) { " " } else { "" };
    Ask::post("/identify", &format!("{{{space}{}{space}}}", members.join(",")))
}
