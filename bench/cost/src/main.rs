//! What the cache's own core takes of a request: the real [`Worker`] with the shipped rules' kind of work, as a Wasm
//! program with the cache's allocator, without Envoy, Redis and their noise.
//!
//! It prints one line of JSON: microseconds for each kind of request, the least of some rounds, since all that disturbs
//! a round makes it longer.
//!
//! `node ../node.mjs cost.wasm [requests]` runs it; natively it runs, too, for a profiler.

use fingerprint_cache::config::Config;
use fingerprint_cache::http::Headers;
use fingerprint_cache::shared::Alone;
use fingerprint_cache::time::{Instant, Now, Timestamp};
use fingerprint_cache::transaction::{Command, Event, Verdict};
use fingerprint_cache::worker::{Outside, Worker};
use serde_json::{Map, Value, json};

/// How many keys there are.
const KEYS: u32 = 256;
/// How many rounds of each kind; the least counts.
const ROUNDS: usize = 5;
/// How many tags are banned before hits are counted again.
const BANS: usize = 100;

const EPOCH: &str = "0123456789abcdef0123456789abcdef01234567";

/// The worker, the clock, and the place in the log.
struct Core {
    worker: Worker,
    micros: u64,
    n: u64,
    body: Vec<u8>,
}

impl Core {
    /// With an L1 of so many entries.
    fn new(entries: u32) -> Result<Self, String> {
        let config = json!({
            "memory": { "max_entries": entries, "max_bytes": "10MiB", "ttl": "1h" },
            "redis": { "cluster": "webdis" },
            "rules": [
                { "name": "features", "match": { "path": "/api/v1/models/features" }, "auth": "shared" },
                {
                    "name": "profiles",
                    "match": { "path": "/v1/fingerprints/profiles/**" },
                    "auth": "shared",
                    "tags": ["profile"],
                    "freshness": { "default": "5m", "stale_while_revalidate": "30s" },
                },
            ],
        });
        let config = Config::parse(config.to_string().as_bytes()).map_err(|errors| errors.to_string())?;
        let mut core = Self { worker: Worker::new("cost", config), micros: 1_000_000, n: 7, body: vec![b'x'; 1024] };
        core.follow(&format!("{EPOCH}|0|"), true);
        Ok(core)
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut Worker, &mut Outside<'_>) -> T) -> (T, Vec<Command>) {
        const START: u64 = 1_793_000_000_000;
        self.micros += 1;
        let now = Now { wall: Timestamp(START + self.micros / 1000), mono: Instant(self.micros) };
        let mut outside = Outside { now, random: self.micros << 16, shared: &mut Alone, property: &|_| None };
        let said = call(&mut self.worker, &mut outside);
        (said, self.worker.take_commands())
    }

    /// Reads the log as soon as that is due; it says `events`, or `whole`: all bans.
    fn follow(&mut self, events: &str, whole: bool) {
        loop {
            self.micros += 25_000;
            let ((), commands) = self.call(|worker, outside| worker.tick(outside));
            let sync = commands.into_iter().find_map(|command| match command {
                Command::Write(call) if call.script.name == "sync" => Some(call),
                _ => None,
            });
            if let Some(call) = sync {
                let token = call.arguments.last().map_or("", String::as_str);
                let said = format!("{}{EPOCH}:{}|{token}|{events}", if whole { 'W' } else { 'E' }, self.n);
                let reply = bulk(said.as_bytes());
                self.call(|worker, outside| worker.written(*call, Ok(&reply), outside));
                return;
            }
        }
    }

    /// A notice of a tag that no answer has.
    fn notice(&mut self, number: usize) {
        let tag = format!("retrained-{}", number % BANS);
        self.n += 1;
        self.follow(&format!("10:invalidate,3:tag,{}:{tag},", tag.len()), false);
    }

    fn head(&mut self, key: u32) -> Verdict {
        let path = format!("/v1/fingerprints/profiles/chrome_{key}_win11");
        let headers = Headers::from([
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", path.as_str()),
            ("user-agent", "cost"),
            ("accept", "application/json"),
            ("accept-encoding", "identity"),
            ("x-forwarded-proto", "http"),
            ("x-request-id", "2c1f0b3e-6f0a-4a7b-9d0e-0d5f3a1c9b7e"),
        ]);
        self.call(|worker, outside| worker.on(key, Event::RequestHead { headers, end: true }, outside)).0
    }

    fn l2(&mut self, key: u32, reply: &[u8]) -> Verdict {
        self.call(|worker, outside| worker.on(key, Event::L2(Ok(reply)), outside)).0
    }

    fn gone(&mut self, key: u32) {
        self.call(|worker, outside| worker.on(key, Event::Gone, outside));
    }

    /// A request that the origin answers; what is written to L2 of it.
    fn miss(&mut self, key: u32) -> Option<Vec<u8>> {
        let _ = self.head(key);
        let miss = bulk(format!("L{EPOCH}:{}|", self.n).as_bytes());
        self.l2(key, &miss);
        let headers = response(self.body.len());
        let event = Event::ResponseHead { headers, end: false, from_origin: true };
        self.call(|worker, outside| worker.on(key, event, outside));
        let body = std::mem::take(&mut self.body);
        self.call(|worker, outside| worker.on(key, Event::ResponseBody(&body), outside));
        self.body = body;
        let ((), commands) = self.call(|worker, outside| {
            worker.on(key, Event::ResponseEnd, outside);
        });
        let mut written = None;
        for command in commands {
            if let Command::Write(call) = command {
                written = written.or_else(|| call.body.clone());
                self.call(|worker, outside| worker.written(*call, Ok(b"$1\r\nS\r\n"), outside));
            }
        }
        self.gone(key);
        written
    }

    fn hit(&mut self, key: u32) -> Result<(), String> {
        let verdict = self.head(key);
        self.gone(key);
        replied(&verdict)
    }

    fn l2_hit(&mut self, key: u32, reply: &[u8]) -> Result<(), String> {
        let _ = self.head(key);
        let verdict = self.l2(key, reply);
        self.gone(key);
        replied(&verdict)
    }
}

fn replied(verdict: &Verdict) -> Result<(), String> {
    if matches!(verdict, Verdict::Reply(_)) { Ok(()) } else { Err(format!("no hit: {verdict:?}")) }
}

fn bulk(said: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", said.len()).as_bytes(), said, b"\r\n"].concat()
}

fn response(length: usize) -> Headers {
    let length = length.to_string();
    Headers::from([
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
        ("cache-control", "public, max-age=3600"),
        ("etag", "\"5d8c72a5edda8d6a\""),
        ("surrogate-key", "chrome win11"),
        ("x-api-version", "2026-10-15"),
        ("x-model-version", "fingerprint-7.2.1"),
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ])
}

/// The microseconds that one of `requests` takes, in the best of some rounds.
fn best(requests: u32, mut one: impl FnMut(u32) -> Result<(), String>) -> Result<f64, String> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let begun = std::time::Instant::now();
        for number in 0..requests {
            one(number)?;
        }
        best = best.min(begun.elapsed().as_secs_f64() * 1e6 / f64::from(requests));
    }
    Ok(best)
}

fn main() -> Result<(), String> {
    let requests = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let only = std::env::args().nth(2);
    let mut found = Map::new();
    let mut note = |name: &str, run: &mut dyn FnMut() -> Result<f64, String>| {
        if only.as_deref().is_none_or(|only| only == name) {
            let micros = run()?;
            found.insert(name.to_owned(), Value::from((micros * 100.0).round() / 100.0));
        }
        Ok::<_, String>(())
    };

    let mut core = Core::new(KEYS * 2)?;
    for key in 0..KEYS {
        core.miss(key);
    }
    note("l1_hit", &mut || best(requests, |number| core.hit(number % KEYS)))?;
    (0..BANS).for_each(|number| core.notice(number));
    note("l1_hit_after_notice", &mut || {
        best(requests, |number| {
            if number % KEYS == 0 {
                core.notice(usize::try_from(number / KEYS).unwrap_or_default());
            }
            core.hit(number % KEYS)
        })
    })?;

    let mut core = Core::new(1)?;
    let mut replies = Vec::new();
    for key in 0..KEYS {
        let entry = core.miss(key).ok_or("nothing was written to L2")?;
        let said = [format!("H{EPOCH}:{}|200|{key:016x}|", core.n).as_bytes(), &entry].concat();
        replies.push(bulk(&said));
    }
    let l2 = |core: &mut Core, number: u32| {
        let key = number % KEYS;
        let reply = replies.get(usize::try_from(key).unwrap_or_default()).ok_or("no reply")?;
        core.l2_hit(key, reply)
    };
    note("l2_hit", &mut || best(requests, |number| l2(&mut core, number)))?;
    note("miss", &mut || best(requests, |number| core.miss(number).map(|_| ()).ok_or_else(|| "no fill".to_owned())))?;
    println!("{}", Value::Object(found));
    Ok(())
}
