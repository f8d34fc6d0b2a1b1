//! A million answers of 0.2 to 20 KiB through the cache's own [`Worker`], as a Wasm program with the cache's allocator:
//! asked for in L1, missed there and in L2, captured piece by piece, stored in L1 under 10 MiB and written to L2.
//!
//! It prints one line of JSON: how large the VM's linear memory was before and is after, what L1 holds, and the most it
//! ever held. Left out are the host's copies of headers and bodies, of which a VM has one at a time.
//!
//! `node ../node.mjs soak.wasm [answers]` runs it.

use fingerprint_cache::config::Config;
use fingerprint_cache::http::Headers;
use fingerprint_cache::shared::Alone;
use fingerprint_cache::time::{Instant, Now, Timestamp};
use fingerprint_cache::transaction::{Command, Event};
use fingerprint_cache::worker::{Outside, Worker};
use serde_json::json;

/// The longest body.
const MOST: usize = 20 << 10;
/// The shortest one.
const LEAST: usize = 205;
/// The host hands a body over in pieces of this size at most.
const PIECE: usize = 16 << 10;
/// The budget of L1.
const BUDGET: usize = 10 << 20;

const CONFIG: &str = r#"{
    "memory": { "max_entries": 1000000, "max_bytes": "10MiB", "ttl": "1h" },
    "redis": { "cluster": "webdis" },
    "rules": [{ "name": "all", "match": { "path": "/**" }, "auth": "shared", "freshness": { "default": "1h" } }]
}"#;

/// What the lookup script says of a key that is not there.
const MISS: &[u8] = b"$44\r\nM0123456789abcdef0123456789abcdef01234567:7|\r\n";

/// The worker with its clock and its dice.
struct Soak {
    worker: Worker,
    random: u64,
    micros: u64,
    body: Vec<u8>,
    most_held: usize,
}

impl Soak {
    /// A number below `limit`, from a linear congruential generator (Knuth's MMIX): the same at every run.
    fn below(&mut self, limit: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).unwrap_or(0) % limit
    }

    fn on(&mut self, event: Event<'_>) -> Vec<Command> {
        self.micros += 50;
        let mut shared = Alone;
        let mut outside = outside(self.micros, &mut shared);
        self.worker.on(1, event, &mut outside);
        self.worker.take_commands()
    }

    /// One request whose answer is stored; says whether it also went to L2.
    fn answer(&mut self, number: usize) -> bool {
        let length = LEAST + self.below(MOST - LEAST);
        self.on(Event::RequestHead { headers: request(number), end: true });
        self.on(Event::L2(Ok(MISS)));
        self.on(Event::ResponseHead { headers: response(length), end: false, from_origin: true });
        let body = std::mem::take(&mut self.body);
        for piece in body.get(..length).unwrap_or_default().chunks(PIECE) {
            // The host hands over a copy of its own.
            let copy = piece.to_vec();
            self.on(Event::ResponseBody(&copy));
        }
        self.body = body;
        let commands = self.on(Event::ResponseEnd);
        self.most_held = self.most_held.max(self.worker.memory().bytes());
        self.written(commands)
    }

    /// Redis takes what is written to it.
    fn written(&mut self, commands: Vec<Command>) -> bool {
        let fill = commands.into_iter().find_map(|command| match command {
            Command::Write(call) => Some(call),
            _ => None,
        });
        let Some(call) = fill else { return false };
        let mut shared = Alone;
        self.worker.written(*call, Ok(b"$1\r\nS\r\n"), &mut outside(self.micros, &mut shared));
        self.worker.take_commands();
        true
    }
}

fn outside(micros: u64, shared: &mut Alone) -> Outside<'_> {
    const START: u64 = 1_793_000_000_000;
    let now = Now { wall: Timestamp(START + micros / 1000), mono: Instant(micros) };
    Outside { now, random: 1 << 31, shared, property: &|_| None }
}

fn request(number: usize) -> Headers {
    let path = format!("/v1/fingerprints/profiles/profile-{number}");
    Headers::from([
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", path.as_str()),
        ("user-agent", "soak"),
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
    ])
}

fn response(length: usize) -> Headers {
    let length = length.to_string();
    Headers::from([
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
        ("cache-control", "public, max-age=3600"),
        ("etag", "\"5d8c72a5edda8d6a\""),
        ("content-language", "en"),
        ("x-api-version", "2026-10-15"),
        ("x-model-version", "fingerprint-7.2.1"),
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ])
}

/// The linear memory of this VM, in bytes; 0 where there is none.
fn linear_memory() -> usize {
    #[cfg(target_family = "wasm")]
    return core::arch::wasm32::memory_size(0) * (64 << 10);
    #[cfg(not(target_family = "wasm"))]
    return 0;
}

fn main() -> Result<(), String> {
    let answers = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let config = Config::parse(CONFIG.as_bytes()).map_err(|errors| errors.to_string())?;
    let worker = Worker::new("soak", config);
    let mut soak = Soak { worker, random: 1, micros: 0, body: vec![b'x'; MOST], most_held: 0 };
    let before = linear_memory();
    let written = (0..answers).filter(|number| soak.answer(*number)).count();
    let held = soak.worker.memory();
    let report = json!({
        "answers": answers,
        "written_to_l2": written,
        "budget": BUDGET,
        "entries": held.entries(),
        "bytes": held.bytes(),
        "most_bytes": soak.most_held,
        "memory_before": before,
        "memory_after": linear_memory(),
    });
    println!("{report}");
    Ok(())
}
