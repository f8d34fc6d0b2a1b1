//! Any events in any order: no panic, nobody left behind, and the gauges say what L1 holds.

use super::bench::{Bench, EPOCH, L2, OTHER, Origin, POSITION, bulk, get, ok, post, rule};
use crate::http::Headers;
use crate::reason::L2Failure;
use crate::transaction::{Event, Stream, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
enum Step {
    Head { stream: Stream, target: u8, kind: u8 },
    Body { stream: Stream, length: usize, last: bool },
    Reply { stream: Stream, kind: u8 },
    Deadline { stream: Stream },
    Response { stream: Stream, kind: u8, size: usize },
    Piece { stream: Stream, size: usize },
    End { stream: Stream },
    Gone { stream: Stream },
    Filled { kind: u8 },
    Wait(u64),
    Sweep,
    Configure(u8),
    Refresh(u8),
    Tick,
    Wake,
    Overdue,
    Errands { well: bool },
    Publish(u8),
    Told(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let stream = || 1u32..5;
    prop_oneof![
        6 => (stream(), 0u8..4, 0u8..12).prop_map(|(stream, target, kind)| Step::Head { stream, target, kind }),
        3 => (stream(), 0usize..40, any::<bool>()).prop_map(|(stream, length, last)| Step::Body { stream, length, last }),
        6 => (stream(), 0u8..12).prop_map(|(stream, kind)| Step::Reply { stream, kind }),
        1 => stream().prop_map(|stream| Step::Deadline { stream }),
        6 => (stream(), 0u8..8, 0usize..4000).prop_map(|(stream, kind, size)| Step::Response { stream, kind, size }),
        3 => (stream(), 0usize..4000).prop_map(|(stream, size)| Step::Piece { stream, size }),
        5 => stream().prop_map(|stream| Step::End { stream }),
        2 => stream().prop_map(|stream| Step::Gone { stream }),
        2 => (0u8..4).prop_map(|kind| Step::Filled { kind }),
        2 => (0u64..100_000).prop_map(Step::Wait),
        1 => Just(Step::Sweep),
        1 => (0u8..5).prop_map(Step::Configure),
        1 => (0u8..8).prop_map(Step::Refresh),
        2 => Just(Step::Tick),
        3 => Just(Step::Wake),
        1 => Just(Step::Overdue),
        2 => any::<bool>().prop_map(|well| Step::Errands { well }),
        1 => (0u8..6).prop_map(Step::Publish),
        1 => (0u8..4).prop_map(Step::Told),
    ]
}

fn settings(kind: u8) -> Value {
    let echo = json!({
        "name": "echo", "match": { "methods": ["POST"], "path": "/echo" }, "freshness": { "default": "1m" },
        "key": { "json": { "include": ["/q"], "echo": ["/id"] }, "max_body": "30B" },
    });
    let mut settings =
        json!({ "memory": { "max_bytes": "64KiB", "max_entries": 6 }, "rules": [echo, rule(json!({}))] });
    match kind {
        0 => {}
        1 => settings["memory"]["max_entries"] = json!(2),
        2 => settings["rules"][1]["auth"] = json!("shared"),
        4 => {
            let windows = json!({ "default": "5s", "stale_while_revalidate": "1m", "stale_if_error": "2m" });
            settings["rules"][1]["freshness"] = windows;
            settings["rules"][1]["refresh"] = json!({ "cluster": "api" });
        }
        _ => settings["rules"] = json!([rule(json!({ "name": "only" }))]),
    }
    if kind != 1 {
        settings["redis"] = json!({ "cluster": "webdis" });
    }
    settings
}

fn origin(kind: u8, size: usize) -> Origin {
    let body = ok(&"x".repeat(size));
    match kind {
        0 | 1 => body,
        2 => body.chunked(),
        3 => body.with(":status", "304"),
        4 => body.with("vary", "accept"),
        5 => body.with("etag", "\"1\"").with("cache-control", "max-age=10"),
        6 => ok(r#"{"id":"me-1"}"#),
        _ => body.with(":status", "500"),
    }
}

impl Bench {
    fn take(&mut self, step: &Step) -> Option<(Stream, Verdict)> {
        let (stream, event) = match step {
            Step::Head { stream, target, kind } => return Some((*stream, self.arrive(*stream, *target, *kind))),
            Step::Response { stream, kind, size } => {
                let headers = Headers::from_pairs(origin(*kind, *size).headers);
                (stream, Event::ResponseHead { headers, end: *size == 0, from_origin: *kind != 1 })
            }
            Step::Reply { stream, kind } => return Some((*stream, self.reply(*stream, *kind))),
            Step::Body { stream, length, last } => {
                let body = br#"{"q":1,"id":"me-1"}           "#;
                let bytes = body.get(..*length).filter(|_| *last);
                (stream, Event::RequestBody { length: *length, bytes })
            }
            Step::Piece { stream, size } => {
                return Some((*stream, self.on(*stream, Event::ResponseBody(&vec![b'x'; *size]))));
            }
            Step::Deadline { stream } => (stream, Event::Deadline),
            Step::End { stream } => (stream, Event::ResponseEnd),
            Step::Gone { stream } => (stream, Event::Gone),
            world => {
                self.turn(world);
                return None;
            }
        };
        Some((*stream, self.on(*stream, event)))
    }

    fn arrive(&mut self, stream: Stream, target: u8, kind: u8) -> Verdict {
        let target = format!("/{target}");
        let request = match kind {
            0..3 => get(&target),
            3 => get(&target).with("accept", "x"),
            4 => get(&target).with("cache-control", "no-cache"),
            5 => get(&target).with("range", "bytes=0-1"),
            8 => super::bench::request("PUT", &target),
            9 => super::bench::request("HEAD", &target),
            10 => get(&target).with("if-none-match", "\"1\""),
            11 => get(&target).with("cache-control", "only-if-cached"),
            _ => post("/echo", "x"),
        };
        self.head(stream, &request)
    }

    fn reply(&mut self, stream: Stream, kind: u8) -> Verdict {
        let reply = match kind {
            0 => Err(L2Failure::Timeout),
            1 => Ok(b"-NOSCRIPT\r\n".to_vec()),
            2 => Ok(b"garbage".to_vec()),
            3 => Ok(bulk(format!("V{POSITION}v:accept").as_bytes())),
            4 => Ok(bulk(format!("W{POSITION}2000|").as_bytes())),
            5 => Ok(bulk(format!("U{POSITION}").as_bytes())),
            6 => Ok(bulk(format!("L{POSITION}o").as_bytes())),
            _ => self.lookups.last().map(|call| self.look(call)).ok_or(L2Failure::Error),
        };
        self.on(stream, Event::L2(reply.as_deref().map_err(|failure| *failure)))
    }

    /// L2 does not hear of leases, and its log is not read.
    fn unheard(&mut self) {
        for call in std::mem::take(&mut self.leases).into_iter().chain(std::mem::take(&mut self.syncs)) {
            self.filled(call, Err(L2Failure::Timeout));
        }
    }

    fn publish(&mut self, kind: u8) {
        let now = self.now.mono;
        let mut l2 = self.l2();
        match kind {
            0 => l2.tell("invalidate", "all", "", now),
            1 => l2.tell("refresh", "uri", "/1", now),
            2 => l2.tell("prewarm", "uri", "http://h.example/2", now),
            3 => l2.events.clear(),
            4 => *l2 = L2::default(),
            _ => l2.epoch = OTHER.to_owned(),
        }
    }

    fn hear(&mut self, kind: u8) {
        let notice = |n: u64| {
            json!({ "from": { "epoch": EPOCH, "n": n }, "to": { "epoch": EPOCH, "n": n + 1 },
            "notices": [["invalidate", "uri", "/0"]], "sent": self.now.wall.0 })
        };
        let bytes = match kind {
            0 => format!("b{}", notice(7)),
            1 => format!("b{}", notice(9)),
            2 => format!("f{}", self.lookups.last().map_or("", |call| &call.keys[0])),
            _ => "x".to_owned(),
        };
        self.step(|worker, outside| worker.told(bytes.as_bytes(), outside));
    }

    /// L2 says nothing more, nor does the origin: who waits for others is let go in time.
    fn come_to_rest(&mut self) {
        for _ in 0..8 {
            for (stream, _) in std::mem::take(&mut self.asking) {
                self.on(stream, Event::L2(Err(L2Failure::Timeout)));
            }
            self.unheard();
            self.woken();
            self.pass(200);
            self.overdue();
        }
    }

    /// What happens to the world and not to a stream.
    fn turn(&mut self, step: &Step) {
        match step {
            Step::Wait(millis) => self.wait(*millis),
            Step::Sweep => self.sweep(),
            Step::Configure(kind) => drop(self.configure(&settings(*kind))),
            Step::Refresh(kind) => self.refresh(&origin(*kind, 10)),
            Step::Filled { kind: 0 } => self.settle(),
            Step::Tick => self.tick(),
            Step::Wake => drop(self.woken()),
            Step::Overdue => drop(self.overdue()),
            Step::Errands { well: true } => self.errands(),
            Step::Errands { .. } => self.unheard(),
            Step::Publish(kind) => self.publish(*kind),
            Step::Told(kind) => self.hear(*kind),
            _ => {
                if let Some(call) = self.fills.pop() {
                    self.filled(call, Err(L2Failure::Timeout));
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_anything(steps in proptest::collection::vec(step(), 0..80)) {
        let mut bench = Bench::new(&settings(0));
        for step in &steps {
            let calls = bench.lookups.len();
            if let Some((stream, Verdict::Pause)) = bench.take(step) {
                let called = bench.lookups.len() > calls;
                prop_assert!(bench.worker.knows(stream), "nobody waits for nothing");
                let waits = matches!(bench.phase(stream), "reading" | "waiting" | "lookup" | "polling" | "parked");
                prop_assert!(called || waits, "a pause without a call: {:?}", step);
            }
            let held = bench.worker.memory();
            prop_assert_eq!(bench.gauges(), (held.entries() as i64, held.bytes() as i64));
            prop_assert!(held.bytes() <= 64 << 10);
            prop_assert!(bench.fills.len() <= 2 * 64);
            bench.ban();
        }
        bench.come_to_rest();
        for stream in 0..6 {
            let phase = bench.phase(stream);
            prop_assert!(!matches!(phase, "waiting" | "lookup" | "polling" | "parked"), "it waits for ever, {}", phase);
        }
        bench.refresh(&ok("x"));
        for stream in 0..6 {
            bench.on(stream, Event::Gone);
            prop_assert!(!bench.worker.knows(stream));
        }
        // Refreshes of the worker's own end by time.
        bench.pass(90_001);
        bench.sweep();
        prop_assert!(bench.worker.flights.is_idle(), "nobody leads whom there is not");
    }

    /// Whatever a client writes into its head, an honest answer follows: the cache's, or the origin's.
    #[test]
    fn any_head_is_answered(lines in proptest::collection::vec(("[a-z-]{1,9}|cache-control|range|vary|content-length|:path|:method", proptest::collection::vec(any::<u8>(), 0..12)), 0..6)) {
        let mut bench = Bench::new(&settings(0));
        let request = lines.into_iter().fold(get("/a"), |request, (name, value)| request.with(&name, value));
        for _ in 0..2 {
            prop_assert_ne!(bench.ask(&request, &ok("x")), "paused");
        }
    }

    /// Whatever an origin writes into its head, the second answer is the first one or the origin's own.
    #[test]
    fn any_answer_is_stored_or_not(lines in proptest::collection::vec(("[a-z-]{1,9}|cache-control|vary|etag|age|date|expires|content-length|:status", proptest::collection::vec(any::<u8>(), 0..12)), 0..6)) {
        let mut bench = Bench::new(&settings(0));
        let origin = lines.into_iter().fold(ok("first"), |origin, (name, value)| origin.with(&name, value));
        bench.ask(&get("/a"), &origin);
        bench.settle();
        let state = bench.ask(&get("/a"), &ok("second"));
        if state.starts_with("hit") {
            prop_assert_eq!(bench.body(), "first");
        }
    }
}
