//! `fpcache warm` as a process, through a scripted server that says what our cache would.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so"
)]

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fingerprint_cache::codec;
use fingerprint_cache::entry::Entry;
use serde_json::{Value, json};
use stack::redis::ADMIN;
use stack::{Asked, Origin, Port, Process, Redis, Scratch, Step, answer};

const HIT: &str = "fingerprint-cache; hit; ttl=60; detail=l1";
const STORED: &str = "fingerprint-cache; fwd=uri-miss; fwd-status=200; stored";

fn ok(cache_status: &str) -> Vec<Step> {
    answer(200, &[("cache-status", cache_status)], b"{}")
}

/// Where lists and state files are.
struct Bench {
    folder: Scratch,
}

/// How a run ended.
struct Ended {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{} {}", self.stdout, self.stderr))
    }

    /// hit, fetched, unstored, failed, skipped, left
    fn counts(&self) -> [u64; 6] {
        let tree = self.json();
        ["hit", "fetched", "unstored", "failed", "skipped", "left"].map(|name| tree[name].as_u64().unwrap())
    }
}

impl Bench {
    fn new() -> Self {
        Self { folder: Scratch::new("warm").unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let file = self.path(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn urls(&self, count: usize) -> String {
        let lines: String = (0..count).map(|number| format!("http://api/{number}\n")).collect();
        self.file("urls", &lines)
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fpcache"));
    command.arg("warm").args(arguments).stdin(Stdio::null());
    command
}

fn ended(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    Ended { status, stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn warm(origin: &Origin, arguments: &[&str]) -> Ended {
    let target = format!("http://127.0.0.1:{}", origin.port());
    let rate: &[&str] = if arguments.contains(&"--rate") { &[] } else { &["--rate", "1000"] };
    ended(command(&["--json", "--target", &target]).args(rate).args(arguments))
}

fn paths(origin: &Origin) -> Vec<String> {
    origin.asked().iter().map(Asked::path).collect()
}

#[test]
fn each_url_goes_through_the_cache_as_a_client_would_send_it() {
    let bench = Bench::new();
    let origin = Origin::start(|asked| match asked.path().as_str() {
        "/v1/a?x=%20y" => ok(HIT),
        "/v1/b" => ok(STORED),
        _ => ok("cdn; hit, fingerprint-cache; fwd=uri-miss; fwd-status=200; detail=set_cookie"),
    });
    let origin = origin.unwrap();
    let list = bench.file("urls", "# hot\nhttp://API.example:81/v1/a?x=%20y\n\nGET https://api/v1/b\n/v1/c\n/v1/c\n");
    let header = "authorization: Bearer ${WARM_TOKEN}";
    let target = format!("http://127.0.0.1:{}", origin.port());
    let arguments = [&list, "--json", "--host", "other", "--concurrency", "1", "-H", header, "--target", &target];
    let run = ended(command(&arguments).env("WARM_TOKEN", "secret"));
    assert_eq!((run.status, run.counts()), (1, [1, 1, 1, 0, 0, 0]));
    assert_eq!(run.json()["failures"], json!([{ "url": "http://other/v1/c", "why": "not stored: set_cookie" }]));
    let asked = origin.asked();
    let sent = asked.iter().map(|asked| {
        let text = |name: &str| asked.header(name).map(|value| String::from_utf8_lossy(value).into_owned());
        (
            asked.method.clone(),
            asked.path(),
            text("host").unwrap(),
            text("authorization").unwrap(),
            text("x-forwarded-proto"),
        )
    });
    let expected = |path: &str, host: &str, proto: Option<&str>| {
        ("GET".to_owned(), path.to_owned(), host.to_owned(), "Bearer secret".to_owned(), proto.map(str::to_owned))
    };
    assert_eq!(
        sent.collect::<Vec<_>>(),
        [
            expected("/v1/a?x=%20y", "API.example:81", None),
            expected("/v1/b", "api", Some("https")),
            expected("/v1/c", "other", None),
        ]
    );
    assert!(
        asked
            .iter()
            .all(|asked| asked.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host")).count() == 1)
    );
    assert!(!run.stdout.contains("secret") && !run.stderr.contains("secret"));
}

#[test]
fn a_list_that_is_warm_ends_well() {
    let bench = Bench::new();
    let origin = Origin::start(|asked| if asked.number == 0 { ok(STORED) } else { ok(HIT) }).unwrap();
    let target = format!("http://127.0.0.1:{}", origin.port());
    let mut command = command(&["-", "--concurrency", "1", "--target", &target]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"http://api/1\nhttp://api/2\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("2 URLs: 1 hit, 1 fetched, 0 not stored, 0 failed; "), "{text}");
    let collapsed = Origin::start(|_| ok("fingerprint-cache; fwd=uri-miss; fwd-status=200; collapsed")).unwrap();
    let run = warm(&collapsed, &[&bench.urls(1)]);
    assert_eq!((run.status, run.json()["collapsed"].clone()), (0, json!(1)));
}

#[test]
fn trouble_is_asked_again_and_the_rest_is_not() {
    let bench = Bench::new();
    let tries: Mutex<HashMap<String, usize>> = Mutex::default();
    let origin = Origin::start(move |asked| {
        let mut tries = tries.lock().unwrap();
        let count = tries.entry(asked.path()).or_default();
        *count += 1;
        match (asked.path().as_str(), *count) {
            ("/missing", _) => answer(404, &[("cache-status", STORED)], b""),
            ("/broken", _) => answer(502, &[], b""),
            ("/cut", 1) => vec![Step::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec()), Step::Close],
            ("/busy", 1) => answer(429, &[("retry-after", "0")], b""),
            ("/late", 1) => answer(503, &[], b""),
            ("/moved", _) => answer(301, &[("location", "/elsewhere"), ("cache-status", STORED)], b""),
            _ => ok(STORED),
        }
    });
    let origin = origin.unwrap();
    let names = ["missing", "broken", "cut", "busy", "late", "moved"];
    let list = bench.file("urls", &names.map(|name| format!("http://api/{name}\n")).concat());
    let run = warm(&origin, &[&list, "--retries", "1", "--concurrency", "1"]);
    assert_eq!((run.status, run.counts()), (1, [0, 4, 0, 2, 0, 0]), "{}", run.stdout);
    let failures = json!([
        { "url": "http://api/missing", "why": "status 404" },
        { "url": "http://api/broken", "why": "status 502, 2 times" },
    ]);
    assert_eq!(run.json()["failures"], failures);
    let asked = paths(&origin);
    assert_eq!(asked.join(" "), "/missing /broken /broken /cut /cut /busy /busy /late /late /moved");
}

#[test]
fn an_origin_in_trouble_is_left_alone_by_all() {
    let bench = Bench::new();
    // The first answer asks for two seconds without anybody.
    let begun = Instant::now();
    let times: &'static Mutex<Vec<Duration>> = Box::leak(Box::default());
    let origin = Origin::start(move |asked| {
        times.lock().unwrap().push(begun.elapsed());
        if asked.number == 0 { answer(503, &[("retry-after", "2")], b"") } else { ok(STORED) }
    });
    let origin = origin.unwrap();
    let run = warm(&origin, &[&bench.urls(12), "--rate", "5", "--concurrency", "8"]);
    assert_eq!((run.status, run.counts()), (0, [0, 12, 0, 0, 0, 0]));
    let times = times.lock().unwrap();
    // Nobody came in those two seconds, not even who had a place in the order already: at this rate eight would have. A few
    // may have been on their way when the answer came.
    let meanwhile = times.iter().filter(|time| **time < times[0] + Duration::from_millis(1900)).count();
    assert!(meanwhile <= 4, "{meanwhile} of {} requests came while it wanted to be left alone", times.len());
    assert_eq!(times.len(), 13);
}

#[test]
fn an_origin_that_wants_too_much_time_ends_the_run() {
    let bench = Bench::new();
    let origin = Origin::start(|_| answer(429, &[("retry-after", "3600")], b"")).unwrap();
    let run = warm(&origin, &[&bench.urls(100), "--concurrency", "1"]);
    assert_eq!((run.status, run.counts()), (1, [0, 0, 0, 0, 0, 100]));
    assert!(run.json()["ended"].as_str().unwrap().contains("1h"), "{}", run.stdout);
    assert_eq!(origin.count(), 1);
}

#[test]
fn an_origin_that_is_down_is_not_asked_for_everything() {
    let bench = Bench::new();
    let origin = Origin::start(|_| answer(500, &[], b"")).unwrap();
    let run = warm(&origin, &[&bench.urls(100), "--concurrency", "1", "--retries", "0", "--give-up", "5"]);
    assert_eq!((run.status, run.counts()), (1, [0, 0, 0, 5, 0, 95]));
    assert_eq!(origin.count(), 5);
    let nobody = Port::free().unwrap();
    let target = format!("http://127.0.0.1:{}", nobody.number());
    let arguments = ["--json", "--retries", "0", "--give-up", "1", "--target", &target, &bench.urls(9)];
    let run = ended(&mut command(&arguments));
    assert!(run.status == 1 && run.counts()[5] >= 5, "{}", run.stdout);
}

#[test]
fn never_more_at_once_than_was_said() {
    let bench = Bench::new();
    let now: &'static AtomicUsize = Box::leak(Box::default());
    let most: &'static AtomicUsize = Box::leak(Box::default());
    let origin = Origin::start(move |_| {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        now.fetch_sub(1, Ordering::SeqCst);
        ok(STORED)
    });
    let origin = origin.unwrap();
    let run = warm(&origin, &[&bench.urls(40), "--concurrency", "3"]);
    assert_eq!(run.counts(), [0, 40, 0, 0, 0, 0]);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn the_rate_holds_for_all_workers_together() {
    let bench = Bench::new();
    let origin = Origin::start(|_| ok(HIT)).unwrap();
    let begun = Instant::now();
    let run = warm(&origin, &[&bench.urls(11), "--concurrency", "8", "--rate", "20"]);
    assert_eq!(run.counts()[0], 11);
    // The eleventh may go half a second after the first; being slower is no fault.
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
}

#[test]
fn the_next_run_skips_what_this_one_did() {
    let bench = Bench::new();
    let origin = Origin::start(|asked| if asked.path() == "/3" { answer(404, &[], b"") } else { ok(STORED) }).unwrap();
    let (list, state) = (bench.urls(5), bench.path("done"));
    let arguments = [list.as_str(), "--state", state.to_str().unwrap(), "--concurrency", "1"];
    let first = warm(&origin, &arguments);
    assert_eq!((first.status, first.counts()), (1, [0, 4, 0, 1, 0, 0]));
    origin.becomes(|_| ok(STORED));
    let second = warm(&origin, &arguments);
    assert_eq!((second.status, second.counts()), (0, [0, 1, 0, 0, 4, 0]));
    assert_eq!(paths(&origin).join(" "), "/0 /1 /2 /3 /4 /3");
    let third = warm(&origin, &arguments);
    assert_eq!((third.status, third.counts(), origin.count()), (0, [0, 0, 0, 0, 5, 0], 6));
}

#[test]
fn an_interrupted_run_says_so_and_can_be_taken_up() {
    let bench = Bench::new();
    let origin = Origin::start(|asked| {
        if asked.number < 3 { ok(STORED) } else { [vec![Step::Sleep(Duration::from_millis(300))], ok(STORED)].concat() }
    });
    let origin = origin.unwrap();
    let (list, state) = (bench.urls(50), bench.path("done"));
    let target = format!("http://127.0.0.1:{}", origin.port());
    let arguments =
        [list.as_str(), "--json", "--state", state.to_str().unwrap(), "--concurrency", "1", "--target", &target];
    let mut process = Process::start("warm", command(&arguments), &bench.path("warm.log")).unwrap();
    origin.until(4, Duration::from_secs(10)).unwrap();
    process.stop();
    assert_eq!(process.ended().unwrap().code(), Some(130));
    // What was under way is finished and counted.
    assert_eq!(std::fs::read_to_string(&state).unwrap().lines().count(), 4);
    let log = std::fs::read_to_string(bench.path("warm.log")).unwrap();
    assert!(log.contains("\"left\": 46"), "{log}");
    origin.becomes(|_| ok(HIT));
    let run = ended(&mut command(&arguments));
    assert_eq!((run.status, run.counts()), (0, [46, 0, 0, 0, 4, 0]));
}

#[test]
fn wrong_usage_and_wrong_lines_are_told_apart() {
    let bench = Bench::new();
    let origin = Origin::start(|_| ok(HIT)).unwrap();
    let list = bench.file("urls", "http://api/1\nnonsense\n/2\n");
    let run = warm(&origin, &[&list]);
    assert_eq!((run.status, run.counts()), (1, [1, 0, 0, 2, 0, 0]));
    assert!(run.stdout.contains("nonsense") && run.stdout.contains("--host"), "{}", run.stdout);
    for arguments in [
        &["/nowhere/at/all"][..],
        &[],
        &[&list, "--hottest", "3"],
        &[&list, "--rate", "0"],
        &[&list, "-H", "a: ${NO_SUCH}"],
    ] {
        let run = ended(&mut command(arguments));
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!run.stderr.is_empty());
    }
    assert_eq!(origin.count(), 1);
    let dry = ended(&mut command(&[&bench.urls(2), "--dry-run"]));
    assert_eq!((dry.status, dry.stdout.as_str()), (0, "http://api/0\nhttp://api/1\n"));
}

/// An entry as a filter stores it.
fn store(redis: &Redis, number: u32, key: &str, selecting: &[(&str, &str)]) {
    let own = |text: &str| text.to_owned();
    let selecting = selecting.iter().map(|(name, value)| (own(name), Some(own(value)))).collect();
    let entry = Entry { key: own(key), status: 200, selecting, ..Entry::default() };
    let epoch = "0123456789abcdef0123456789abcdef01234567";
    let head = format!("1000|{epoch}:7|00000000000000ff|");
    let value = [head.as_bytes(), &codec::encode(&entry).unwrap()].concat();
    let hash = format!("fpc:3.1:profiles:{number:032x}");
    let field = format!("e:{number:032x}");
    redis.call(&[&b"HSET"[..], hash.as_bytes(), b"vary", b"v:", field.as_bytes(), &value]).unwrap();
}

#[test]
fn the_hottest_entries_are_asked_for_first() {
    let bench = Bench::new();
    let mut redis = Redis::new(Port::free().unwrap(), bench.folder.path());
    redis.start().unwrap();
    let origin = Origin::start(|_| ok(HIT)).unwrap();
    let url = format!("redis://{}:{}@127.0.0.1:{}", ADMIN.0, ADMIN.1, redis.port());
    for (policy, word) in [("volatile-lfu", "FREQ"), ("volatile-lru", "IDLETIME")] {
        redis.call(&["FLUSHALL"]).unwrap();
        // Redis counts uses by chance, unless this factor is 0.
        redis.call(&["CONFIG", "SET", "maxmemory-policy", policy, "lfu-log-factor", "0"]).unwrap();
        for (number, rule) in ["cold", "warm", "hot"].iter().enumerate() {
            let number = u32::try_from(number).unwrap();
            store(&redis, number, &format!("profiles 0\nGET\napi\n/{rule}"), &[("accept-language", "de")]);
            // Used so often, and so lately.
            let hash = format!("fpc:3.1:profiles:{number:032x}");
            (0..number * 60).for_each(|_| drop(redis.call(&["HLEN", &hash]).unwrap()));
            std::thread::sleep(Duration::from_millis(if word == "IDLETIME" { 1100 } else { 0 }));
        }
        store(&redis, 9, "profiles 0\nPOST\napi\n/body\nbody sha256=ab", &[]);
        (0..300).for_each(|_| drop(redis.call(&["HLEN", &format!("fpc:3.1:profiles:{:032x}", 9)]).unwrap()));
        let run = warm(&origin, &["--hottest", "2", "--redis", &url, "--concurrency", "1"]);
        assert_eq!((run.status, run.counts()), (0, [2, 0, 0, 0, 0, 0]), "{}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains(word) && run.stderr.contains("1 entries cannot"), "{}", run.stderr);
        let asked = origin.asked();
        let last: Vec<_> = asked.iter().rev().take(2).rev().map(Asked::path).collect();
        assert_eq!(last, ["/hot", "/warm"], "{policy}");
        assert_eq!(asked.last().unwrap().header("accept-language"), Some(&b"de"[..]));
    }
    let run = ended(&mut command(&["--hottest", "2", "--redis", "redis://127.0.0.1:1"]));
    assert_eq!(run.status, 2);
}
