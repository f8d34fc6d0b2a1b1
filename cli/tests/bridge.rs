//! `fpcache bridge` as a process, on a Redis of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so"
)]

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use stack::redis::{ADMIN, WEBDIS};
use stack::{Metrics, Port, Process, Redis, Reply, Request, Scratch};

const PATIENCE: Duration = Duration::from_secs(30);

/// A Redis, and where the files are.
struct Bench {
    redis: Redis,
    folder: Scratch,
}

/// A running bridge, and the port of its page.
struct Bridge {
    process: Process,
    port: u16,
}

impl Bench {
    fn new() -> Self {
        let folder = Scratch::new("bridge").unwrap();
        let mut redis = Redis::new(Port::free().unwrap(), folder.path());
        redis.start().unwrap();
        Self { redis, folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_as(ADMIN, arguments)
    }

    fn command_as(&self, (user, password): (&str, &str), arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fpcache"));
        command.args(["bridge", "--listen", "127.0.0.1:0", "--redis"]);
        command.arg(format!("redis://{user}:{password}@127.0.0.1:{}", self.redis.port()));
        command.args(arguments);
        command
    }

    /// Starts one and waits until it hears the channels.
    fn bridge(&self, name: &str, arguments: &[&str]) -> Bridge {
        self.start(name, self.command(arguments))
    }

    fn start(&self, name: &str, command: Command) -> Bridge {
        let log = self.folder.path().join(format!("{name}.log"));
        let mut process = Process::start(name, command, &log).unwrap();
        let port = process.until(PATIENCE, || {
            let text = std::fs::read_to_string(&log).ok()?;
            text.split("address=\"127.0.0.1:").nth(1)?.split('"').next()?.parse().ok()
        });
        let bridge = Bridge { process, port: port.unwrap() };
        until("the bridge is well", || bridge.health() == 200);
        bridge
    }

    fn publish(&self, channel: &str, message: &str) {
        self.redis.call(&["PUBLISH", channel, message]).unwrap();
    }

    fn event(&self, kind: &str, pattern: &str, timestamp: u64) {
        let pod = "api-0";
        let event = serde_json::json!({ "event_type": kind, "key_pattern": pattern, "timestamp": timestamp,
            "source_pod": pod, "priority": "high", "more": { "of": "it" } });
        self.publish(&format!("cache:{kind}"), &event.to_string());
    }

    /// What is in the log, oldest first.
    fn log(&self) -> Vec<String> {
        let Reply::Array(events) = self.redis.call(&["XRANGE", "fpc:log", "-", "+"]).unwrap() else { return vec![] };
        let notice = |event: &Reply| match event {
            Reply::Array(parts) => {
                let fields: Vec<_> =
                    parts[1].list().iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect();
                assert_eq!([&fields[0], &fields[2], &fields[4]], ["op", "scope", "value"]);
                format!("{} {} {}", fields[1], fields[3], fields[5]).trim_end().to_owned()
            }
            other => panic!("{other:?} is no event"),
        };
        events.iter().map(notice).collect()
    }

    /// The log, once it holds `notice`.
    fn log_with(&self, notice: &str) -> Vec<String> {
        until(&format!("the log holds {notice}"), || self.log().iter().any(|known| known == notice));
        self.log()
    }
}

impl Bridge {
    fn health(&self) -> u16 {
        Request::get("/healthz").send(self.port).map_or(0, |answer| answer.status)
    }

    fn metrics(&self) -> Metrics {
        let answer = Request::get("/metrics").send(self.port).unwrap();
        Metrics::parse(&String::from_utf8(answer.body).unwrap())
    }

    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.metrics().sum(&format!("fingerprint_cache_bridge_{name}"), labels)
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.process.log()).unwrap()
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not after {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn end(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn every_channel_reaches_the_log_in_order() {
    let bench = Bench::new();
    let bridge = bench.bridge("bridge", &["--start", "ignore", "--prewarm-host", "api"]);
    bench.event("invalidate", "fingerprint:v1:chrome133*", 1_790_000_000);
    bench.event("update", "ml_model:*", 1_790_000_000);
    bench.event("prewarm", "fingerprint:v1:chrome_120_win", 1_790_000_000);
    bench.event("invalidate", "fingerprint:*", 1_790_000_000);
    let expected = [
        "invalidate tag profile",
        "refresh tag model",
        "prewarm uri api/v1/fingerprints/profiles/chrome_120_win",
        "invalidate tag profile",
        "invalidate tag model",
    ];
    assert_eq!(bench.log_with("invalidate tag model"), expected);
    // What was published in between bans nothing; the rest does.
    let bans = bench.redis.call(&["HKEYS", "fpc:bans"]).unwrap().list();
    let mut bans: Vec<_> = bans.iter().map(|ban| String::from_utf8_lossy(ban).into_owned()).collect();
    bans.retain(|ban| ban != "born");
    bans.sort();
    assert_eq!(bans, ["i:tag:model", "i:tag:profile", "r:tag:model"]);
    until("all are counted", || bridge.sum("events_total", &[("outcome", "published")]) == 4.0);
    assert_eq!(bridge.sum("events_total", &[("channel", "cache:invalidate"), ("outcome", "published")]), 2.0);
    assert_eq!(bridge.sum("notices_total", &[("op", "invalidate"), ("scope", "tag")]), 3.0);
    assert_eq!(bridge.sum("event_lag_seconds_count", &[]), 4.0);
    assert_eq!(bridge.sum("publish_seconds_count", &[]), 4.0);
    assert_eq!(bridge.sum("subscribed", &[]), 1.0);
}

#[test]
fn the_operators_mapping_comes_first() {
    let bench = Bench::new();
    let file = bench.folder.path().join("map");
    std::fs::write(&file, "# ours\nsession:*=none\n\nuser:*=uri:/users/$1\nprewarm user:*=http://h/users/$1\n")
        .unwrap();
    let map = "fingerprint:v1:*=pattern:/v1/fingerprints/profiles/$1";
    let bridge = bench.bridge("bridge", &["--start", "ignore", "--map", map, "--map-file", file.to_str().unwrap()]);
    bench.event("invalidate", "fingerprint:v1:chrome133*", 1);
    bench.event("invalidate", "session:9", 1);
    bench.event("update", "user:7", 1);
    bench.event("invalidate", "user:7*", 1);
    bench.event("prewarm", "user:7", 1);
    let expected = [
        "invalidate pattern /v1/fingerprints/profiles/chrome133*",
        "refresh uri /users/7",
        "invalidate prefix /users/7",
        "prewarm uri http://h/users/7",
    ];
    assert_eq!(bench.log_with("prewarm uri http://h/users/7"), expected);
    assert_eq!(bridge.sum("events_total", &[("outcome", "nothing")]), 1.0);
    assert_eq!(bridge.sum("unmapped_total", &[]), 0.0);
}

#[test]
fn malformed_events_are_counted_and_logged_and_nothing_else() {
    let bench = Bench::new();
    let bridge = bench.bridge("bridge", &["--start", "ignore"]);
    bench.publish("cache:invalidate", "not json");
    bench.publish("cache:invalidate", "{\"event_type\":\"invalidate\"}");
    bench.publish("cache:update", "{\"event_type\":\"flush\",\"key_pattern\":\"*\"}");
    bench.event("invalidate", "ml_model:v2", 1);
    assert_eq!(bench.log_with("invalidate tag model"), ["invalidate tag model"]);
    for reason in ["not_json", "no_key_pattern", "unknown_event_type"] {
        assert_eq!(bridge.sum("malformed_total", &[("reason", reason)]), 1.0, "{reason}");
        assert!(bridge.text().contains(&format!("reason={reason:?}")), "{}", bridge.text());
    }
    assert_eq!(bridge.sum("events_total", &[("outcome", "malformed")]), 3.0);
}

#[test]
fn what_nobody_can_map_is_everything_and_an_alert() {
    let bench = Bench::new();
    let bridge = bench.bridge("bridge", &["--start", "ignore"]);
    bench.event("prewarm", "user:1", 1);
    bench.event("update", "user:2", 1);
    bench.event("invalidate", "user:3", 1);
    assert_eq!(bench.log_with("invalidate all"), ["refresh all", "invalidate all"]);
    for op in ["prewarm", "refresh", "invalidate"] {
        assert_eq!(bridge.sum("unmapped_total", &[("op", op)]), 1.0, "{op}");
    }
    assert_eq!(bridge.sum("whole_invalidations_total", &[("reason", "unmapped")]), 1.0);
    assert_eq!(bridge.text().lines().filter(|line| line.starts_with("alert: ")).count(), 3);
    assert!(bridge.text().contains("key_pattern=\"user:3\""), "{}", bridge.text());
}

#[test]
fn two_bridges_refresh_and_prewarm_once() {
    let bench = Bench::new();
    let bridges = ["one", "two"].map(|name| bench.bridge(name, &["--start", "ignore"]));
    for number in 0..50 {
        bench.event("update", "ml_model:*", number);
        bench.event("prewarm", "feature:*", number);
        bench.event("invalidate", "dns:x", number);
    }
    // A publisher that says the same again means it.
    bench.event("update", "ml_model:*", 0);
    until("both have heard all", || bridges.iter().all(|bridge| bridge.sum("events_total", &[]) == 151.0));
    let log = bench.log();
    let count = |notice: &str| log.iter().filter(|known| *known == notice).count();
    assert_eq!(count("refresh tag model"), 51);
    assert_eq!(log.iter().filter(|notice| notice.starts_with("prewarm")).count(), 50);
    assert_eq!(count("invalidate tag dns"), 100);
    let repeated = |channel: &str| {
        bridges
            .iter()
            .map(|bridge| bridge.sum("events_total", &[("channel", channel), ("outcome", "repeated")]))
            .sum::<f64>()
    };
    assert_eq!([repeated("cache:update"), repeated("cache:prewarm")], [51.0, 50.0]);
    let left = bench.redis.call(&["PTTL", &first_claim(&bench)]).unwrap().integer().unwrap();
    assert!(left > 0, "a claim that never ends would silence a repetition for ever: {left}");
}

fn first_claim(bench: &Bench) -> String {
    bench.redis.keys().unwrap().into_iter().find(|key| key.starts_with("fpc:seen:")).unwrap()
}

#[test]
fn a_lost_connection_invalidates_everything_once_it_is_back() {
    let bench = Bench::new();
    let bridge = bench.bridge("bridge", &["--start", "ignore"]);
    bench.redis.call(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
    bench.log_with("invalidate all");
    bench.event("invalidate", "ml_model:v2", 1);
    assert_eq!(bench.log_with("invalidate tag model"), ["invalidate all", "invalidate tag model"]);
    assert_eq!(bridge.sum("subscriptions_lost_total", &[]), 1.0);
    assert_eq!(bridge.sum("whole_invalidations_total", &[("reason", "lost")]), 1.0);
    assert_eq!(bridge.sum("settled", &[]), 1.0);
}

#[test]
fn the_operator_may_let_what_was_missed_be_missed() {
    let bench = Bench::new();
    let bridge = bench.bridge("bridge", &["--start", "ignore", "--lost", "ignore"]);
    bench.redis.call(&["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
    until("the loss is seen", || bridge.sum("subscriptions_lost_total", &[]) == 1.0);
    until("it hears again", || bridge.health() == 200);
    bench.event("invalidate", "ml_model:v2", 1);
    assert_eq!(bench.log_with("invalidate tag model"), ["invalidate tag model"]);
}

#[test]
fn only_the_first_bridge_invalidates_everything_at_its_start() {
    let bench = Bench::new();
    let first = bench.bridge("first", &[]);
    assert_eq!(bench.log_with("invalidate all"), ["invalidate all"]);
    until("it says so", || first.sum("settled", &[]) == 1.0);
    let second = bench.bridge("second", &[]);
    until("the second knows of the first", || second.sum("settled", &[]) == 1.0);
    assert!(second.text().contains("another bridge has heard"), "{}", second.text());
    assert_eq!(bench.log(), ["invalidate all"]);
    drop(first);
    drop(second);
    let _third = bench.bridge("third", &["--start", "all"]);
    until("the third was asked to", || bench.log() == ["invalidate all", "invalidate all"]);
}

#[test]
fn redis_may_go_and_come_back() {
    let mut bench = Bench::new();
    let bridge = bench.bridge("bridge", &["--start", "ignore"]);
    bench.redis.stop();
    until("it is not well", || bridge.health() == 503);
    bench.redis.start().unwrap();
    until("it is well again", || bridge.health() == 200);
    assert_eq!(bench.log_with("invalidate all"), ["invalidate all"]);
}

#[test]
fn what_cannot_be_published_is_published_later() {
    let bench = Bench::new();
    let bridge = bench.bridge("bridge", &["--start", "ignore"]);
    bench.redis.read_only(true).unwrap();
    bench.event("invalidate", "ml_model:v2", 1);
    bench.event("update", "ml_model:v3", 1);
    until("it is not well", || bridge.health() == 503);
    until("both wait", || bridge.sum("waiting", &[]) == 2.0);
    bench.redis.read_only(false).unwrap();
    assert_eq!(bench.log_with("refresh tag model"), ["invalidate tag model", "refresh tag model"]);
    until("it is well again", || bridge.health() == 200);
    assert!(bridge.sum("publish_failures_total", &[]) >= 1.0);
}

#[test]
fn a_claim_is_given_back_when_publishing_fails() {
    let bench = Bench::new();
    let bridge = bench.bridge("bridge", &["--start", "ignore"]);
    // No stream: XADD fails inside the script, after the claim.
    bench.redis.call(&["SET", "fpc:log", "in the way"]).unwrap();
    bench.event("update", "ml_model:v3", 1);
    until("it fails", || bridge.sum("publish_failures_total", &[]) >= 2.0);
    assert!(!bench.redis.keys().unwrap().iter().any(|key| key.starts_with("fpc:seen:")));
    bench.redis.call(&["DEL", "fpc:log"]).unwrap();
    assert_eq!(bench.log_with("refresh tag model"), ["refresh tag model"]);
}

#[test]
fn what_is_in_redis_is_shown_by_rule() {
    let bench = Bench::new();
    let hash = |rule: &str, number: u32| format!("fpc:3.1:{rule}:{number:032x}");
    for number in 0..3 {
        bench.redis.call(&["HSET", &hash("profiles", number), "vary", "v:", "e:1", "a", "e:2", "b"]).unwrap();
    }
    bench.redis.call(&["HSET", &hash("identify", 9), "vary", "v:", "e:1", &"x".repeat(10_000)]).unwrap();
    bench.redis.call(&["SET", "other", "x"]).unwrap();
    let bridge = bench.bridge("bridge", &["--start", "ignore", "--sample-interval", "100ms"]);
    until("a sample was taken", || bridge.sum("l2_sampled_ratio", &[]) == 1.0);
    assert_eq!(bridge.metrics().values("fingerprint_cache_bridge_l2_entries", "rule"), ["identify", "profiles"]);
    assert_eq!(bridge.sum("l2_entries", &[("rule", "profiles")]), 6.0);
    assert_eq!(bridge.sum("l2_entries", &[("rule", "identify")]), 1.0);
    assert!(bridge.sum("l2_bytes", &[("rule", "identify")]) > 10_000.0);
    bench.redis.call(&["DEL", &hash("identify", 9)]).unwrap();
    until("what is gone is not shown", || bridge.sum("l2_entries", &[("rule", "identify")]) == 0.0);
}

#[test]
fn it_ends_in_order_and_publishes_what_it_heard() {
    let bench = Bench::new();
    let mut bridge = bench.bridge("bridge", &["--start", "ignore"]);
    bench.redis.read_only(true).unwrap();
    for number in 0..5 {
        bench.event("update", "ml_model:*", number);
    }
    until("all are heard", || bridge.sum("waiting", &[]) == 5.0);
    bench.redis.read_only(false).unwrap();
    bridge.process.stop();
    assert!(bridge.process.ended().unwrap().success());
    assert!(bridge.text().contains("info: ends"), "{}", bridge.text());
    assert_eq!(bench.log(), ["refresh tag model"; 5]);
}

/// The help names what the user in Redis must be allowed; it is enough.
#[test]
fn the_user_that_the_help_describes_is_allowed_enough() {
    let bench = Bench::new();
    let help = Command::new(env!("CARGO_BIN_EXE_fpcache")).args(["bridge", "--help"]).output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let words = help.split_whitespace().map(|word| word.trim_end_matches(['.', ',']));
    let commands: Vec<&str> = words.filter(|word| word.starts_with('+')).collect();
    assert!(commands.len() > 10 && help.contains("<prefix>:* and the channels cache:* and <prefix>:bridge"), "{help}");
    let user = [
        "ACL",
        "SETUSER",
        "narrow",
        "on",
        ">pass",
        "resetkeys",
        "~fpc:*",
        "resetchannels",
        "&cache:*",
        "&fpc:bridge",
        "-@all",
    ];
    bench.redis.call(&[&user[..], &commands].concat()).unwrap();
    bench.redis.call(&["HSET", &format!("fpc:3.1:profiles:{:032x}", 1), "vary", "v:", "e:1", "a"]).unwrap();
    let bridge = bench.start("bridge", bench.command_as(("narrow", "pass"), &["--sample-interval", "100ms"]));
    bench.event("update", "ml_model:*", 1);
    bench.event("invalidate", "ml_model:*", 1);
    bench.log_with("invalidate tag model");
    bench.log_with("refresh tag model");
    until("it has a sample", || bridge.sum("l2_entries", &[("rule", "profiles")]) == 1.0);
    bench.log_with("invalidate all");
    let refused = bench.redis.call(&["ACL", "LOG"]).unwrap();
    assert_eq!(refused, Reply::Array(vec![]), "what was refused");
}

#[test]
fn a_redis_that_hangs_is_a_lost_connection() {
    let mut bench = Bench::new();
    let bridge = bench.bridge("bridge", &["--start", "ignore", "--timeout", "1s"]);
    bench.redis.pause();
    until("it is not well", || bridge.health() == 503);
    until("it has given the connection up", || bridge.sum("subscriptions_lost_total", &[]) == 1.0);
    bench.redis.resume();
    assert_eq!(bench.log_with("invalidate all"), ["invalidate all"]);
    until("it is well again", || bridge.health() == 200);
}

#[test]
fn what_cannot_begin_says_what_to_do() {
    let bench = Bench::new();
    let refused = |arguments: &[&str]| end(&bench.command(arguments).output().unwrap());
    let (status, text) = refused(&["--map", "a=b"]);
    assert_eq!(status, 2);
    assert!(text.contains("\"a=b\"") && text.contains("tag:model"), "{text}");
    let (status, text) = refused(&["--map-file", "/nowhere/at/all"]);
    assert!(status == 2 && text.contains("Name a file"), "{text}");
    // The user of webdis may not subscribe: waiting would not help.
    let (status, text) = end(&bench.command_as(WEBDIS, &[]).output().unwrap());
    assert!(status == 2 && text.contains("does not allow"), "{text}");
}
