//! A random story from a seed: who asks what when, what changes, what breaks. Each planned action has a seed of its
//! own, so that leaving one out does not change the others.

use crate::callers::{Ask, MILLI, SECOND, Sends};
use crate::network::{Fault, Tamper};
use crate::random::Rng;
use crate::settings;
use crate::world::{Action, Setup, World};

/// One thing to happen.
#[derive(Clone, Debug)]
pub struct Planned {
    at: u64,
    action: Action,
    seed: u64,
}

/// A story to be played.
#[derive(Clone, Debug)]
pub struct Plan {
    pub setup: Setup,
    pub events: Vec<Planned>,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let hour = 3600 * SECOND as i64;
        let second = SECOND as i64;
        let settings = [settings::ALL.as_slice(), &["refresh"; 4], &["windows"; 2]].concat();
        let setup = Setup {
            redis_clock: rng.pick(&[0, hour, -hour, 700 * MILLI as i64]),
            pod_clock: rng.pick(&[0, 0, 0, 0, 0, 0, -hour, -hour, 2 * second, hour]),
            withholds: rng.chance(10),
            setting: if rng.chance(45) { Some(rng.pick(&settings)) } else { None },
        };
        let cast = cast(&mut rng);
        let (mut at, mut events) = (0, Vec::new());
        for _ in 0..rng.between(15, 70) {
            at += pause(&mut rng);
            let action = action(&mut rng, &cast);
            events.push(Planned { at, action, seed: rng.next() });
        }
        Self { setup, events }
    }

    /// Plays it to its end.
    pub fn play(&self) -> (World, Result<(), String>) {
        let mut world = World::new(self.setup);
        for event in &self.events {
            world.plan(event.at, event.action.clone(), event.seed);
        }
        let end = world.play();
        (world, end)
    }
}

/// Most requests come in bursts.
fn pause(rng: &mut Rng) -> u64 {
    match rng.below(10) {
        0..=3 => rng.between(0, MILLI),
        4..=6 => rng.between(MILLI, 60 * MILLI),
        7 | 8 => rng.between(60 * MILLI, 3 * SECOND),
        _ => rng.between(3 * SECOND, 50 * SECOND),
    }
}

const PATHS: [&str; 34] = [
    "/v1/swr",
    "/v1/swr",
    "/v1/swr",
    "/v1/swr",
    "/v1/sie",
    "/v1/must",
    "/v1/proxy",
    "/v1/smax",
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
    "/v1/part",
    "/v1/huge",
    "/untouched",
    "/search",
    "/keyed/a",
];

/// A story keeps to few paths and few questions, so that its requests meet.
struct Cast {
    paths: Vec<&'static str>,
    asks: Vec<Ask>,
}

fn cast(rng: &mut Rng) -> Cast {
    let mut paths: Vec<&str> = (0..rng.between(1, 3)).map(|_| rng.pick(&PATHS)).collect();
    if rng.chance(40) {
        paths.push("/identify");
    }
    if rng.chance(15) {
        paths.push("/compare");
    }
    let asks = (0..rng.between(2, 6)).map(|_| ask(rng, &paths)).collect();
    Cast { paths, asks }
}

fn action(rng: &mut Rng, cast: &Cast) -> Action {
    match rng.below(100) {
        0..=29 => Action::Ask(ask(rng, &cast.paths)),
        30..=81 => Action::Ask(again(rng, cast)),
        82..=86 => Action::Change(rng.pick(&cast.paths).to_owned()),
        87..=91 => Action::Fault(fault(rng), rng.between(1, 4000) * MILLI),
        92 => rng.pick(&[Action::FlushScripts, Action::Failover, Action::Wipe]),
        93 | 94 => Action::Log,
        95 | 96 => Action::Tamper(tamper(rng)),
        97 => Action::RedisClock(rng.pick(&[5, -5, 600, -1]) * SECOND as i64),
        98 => Action::PodClock(rng.pick(&[5, -5, 600, -600]) * SECOND as i64),
        _ => Action::Configure(rng.below(2) as usize, rng.pick(&settings::ALL)),
    }
}

/// A question that was asked before, by anybody, anywhere.
fn again(rng: &mut Rng, cast: &Cast) -> Ask {
    let mut ask = rng.pick(&cast.asks);
    ask.vm = rng.below(2) as usize;
    ask.takes = rng.between(1, 200) * MILLI;
    if rng.chance(50) {
        ask.headers.retain(|(name, _)| name != "authorization" && name != "cookie");
        caller(rng, &mut ask);
    }
    travels(rng, &mut ask);
    ask
}

fn fault(rng: &mut Rng) -> Fault {
    use Fault::{Babble, Down, Forbidden, Full, Hung, Lagging, Mute, NoCluster, ReadOnly, Slow};
    rng.pick(&[Down, Hung, Mute, Slow, ReadOnly, Full, Babble, NoCluster, Forbidden, Lagging])
}

fn tamper(rng: &mut Rng) -> Tamper {
    use Tamper::{Flip, Foreign, Future, OddNames, Sibling, Truncate, VaryNames};
    rng.pick(&[Flip, Foreign, Future, OddNames, Sibling, Truncate, VaryNames])
}

fn ask(rng: &mut Rng, paths: &[&'static str]) -> Ask {
    let path = rng.pick(paths);
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
    ask.vm = rng.below(2) as usize;
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
    if rng.chance(15) {
        changes(rng, &mut ask, paths);
    }
    travels(rng, &mut ask);
    ask
}

/// Makes it a request that changes something.
fn changes(rng: &mut Rng, ask: &mut Ask, paths: &[&'static str]) {
    ask.method = rng.pick(&["PUT", "POST", "DELETE", "PATCH", "PURGE"]).to_owned();
    if ask.method != "DELETE" && rng.chance(70) {
        (ask.body, ask.pieces) = (Some(b"news".to_vec()), vec![MILLI]);
    }
    let own = ask.target.clone();
    ask.points = match rng.below(6) {
        0 => Some(("location", rng.pick(paths).to_owned())),
        1 => Some(("content-location", rng.pick(paths).to_owned())),
        2 | 3 => Some(("content-location", own)),
        4 => Some(("location", format!("https://elsewhere{}", rng.pick(paths)))),
        _ => None,
    };
}

fn caller(rng: &mut Rng, ask: &mut Ask) {
    let user = rng.pick(&["alice", "bob", ""]);
    let line =
        if rng.chance(80) { ("authorization", format!("Bearer {user}")) } else { ("cookie", format!("id={user}")) };
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

fn wishes(rng: &mut Rng, ask: &mut Ask) {
    let since = |seconds| {
        let date = std::time::Duration::from_secs(1_800_000_000 + seconds);
        httpdate::fmt_http_date(std::time::UNIX_EPOCH + date)
    };
    let tag = format!("\"s{}\"", rng.below(30));
    let dated = since(rng.below(100));
    let wish = match rng.below(50) {
        0 => ("cache-control", "no-cache"),
        1 => ("cache-control", "no-store"),
        2 => ("cache-control", "max-age=2"),
        3 => ("cache-control", "max-age=0"),
        4 => ("range", "bytes=0-1"),
        5 => ("if-none-match", "\"zzz\""),
        6 => ("if-match", "\"zzz\""),
        7 => ("cache-control", "min-fresh=3"),
        8 => ("cache-control", "max-stale=5"),
        9 => ("cache-control", "only-if-cached"),
        10 | 11 => ("if-none-match", tag.as_str()),
        12 => ("if-modified-since", dated.as_str()),
        13 => ("range", "bytes=-7"),
        14 => ("range", "bytes=90000-"),
        15 => ("range", "bytes=3-900000"),
        16 => ("if-none-match", "*"),
        _ => return,
    };
    ask.headers.push((wish.0.to_owned(), wish.1.to_owned()));
}

fn travels(rng: &mut Rng, ask: &mut Ask) {
    ask.fails = if rng.chance(12) { Some(rng.pick(&[500, 502, 503, 504, 404])) } else { None };
    ask.fails_refresh = rng.chance(50);
    ask.sends = match rng.below(25) {
        0 => Sends::UntilClose,
        1 => Sends::Short,
        2 => Sends::Cut,
        3 => Sends::Hang,
        4 => Sends::Refused,
        5 => Sends::Replaced,
        6..=10 => Sends::Chunked,
        _ => Sends::Whole,
    };
    if rng.chance(8) {
        ask.leaves = Some(rng.between(0, 150 * MILLI));
    }
    if rng.chance(3) {
        ask.expires = Some(rng.between(0, 40 * MILLI));
    }
    if ask.body.is_some() && !ask.pieces.is_empty() {
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
