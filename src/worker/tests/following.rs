//! The log: who reads it, and what happens where it cannot be read.

use super::bench::{Bench, EPOCH, L2, OTHER, bulk, get, ok};
use super::crowd::fate;
use super::notices::{filled, settings};
use crate::follower::Discontinuity;
use crate::metrics::{L2End, Metric};
use crate::reason::L2Failure;
use serde_json::json;
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn breaks(bench: &Bench, why: Discontinuity) -> i64 {
    bench.count(Metric::Discontinuities { why })
}

// --- replies that know more -------------------------------------------------------------------------------------------

#[test]
fn an_answer_of_l2_waits_until_the_log_is_read_that_far() {
    for (scope, value, state) in [("uri", "/b", "hit;l2"), ("uri", "/a", "origin"), ("all", "", "origin")] {
        let mut first = filled(json!({}));
        let mut bench = first.pod(&settings(json!({})));
        bench.wait(0);
        bench.cut = true;
        let now = bench.now.mono;
        bench.l2().tell("invalidate", scope, value, now);
        let (stream, verdict) = bench.send(&get("/a"));
        assert_eq!((fate(&verdict), bench.phase(stream), bench.syncs.len()), ("paused", "parked", 1));
        let behind = bench.waits(&get("/a"));
        bench.errands();
        assert_eq!(bench.wakes, [stream]);
        assert_eq!(bench.woken(), [(stream, state)], "{scope} {value}");
        if state == "hit;l2" {
            assert_eq!(bench.woken(), [(behind, "hit;l2")]);
        }
    }
}

#[test]
fn an_answer_of_l2_is_not_used_where_the_log_cannot_be_read() {
    let mut first = filled(json!({}));
    let mut bench = first.pod(&settings(json!({})));
    bench.cut = true;
    let (stream, _) = bench.send(&get("/a"));
    let limit = bench.worker.redis().unwrap().timeout * 2;
    let mut reads = 0;
    while bench.phase(stream) == "parked" {
        bench.pass(20);
        if let Some(call) = bench.syncs.pop() {
            reads += 1;
            bench.filled(call, Err(L2Failure::Unreachable));
        }
        bench.woken();
        bench.overdue();
    }
    assert!(bench.now.mono.0 - 1_000_000 <= limit.as_micros() as u64 + 20_000);
    assert_eq!(reads, 1);
    assert_eq!((bench.phase(stream), bench.calls("lookup", L2End::Unread)), ("fetching", 1));
    bench.respond(stream, &ok("two"));
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1", "asked for just now");
}

/// The reading that would tell is never heard of again.
#[test]
fn an_answer_of_l2_does_not_wait_for_ever() {
    let mut first = filled(json!({}));
    let mut bench = first.pod(&settings(json!({})));
    bench.cut = true;
    let (stream, _) = bench.send(&get("/a"));
    let other = bench.waits(&get("/a"));
    bench.pass(99);
    assert_eq!(bench.overdue(), []);
    bench.pass(1);
    assert_eq!(bench.overdue(), [(stream, "origin")]);
    assert_eq!((bench.phase(other), bench.calls("lookup", L2End::Unread)), ("waiting", 1));
}

#[test]
fn a_log_that_cannot_be_read_is_not_read_in_a_loop() {
    let mut first = filled(json!({}));
    let mut bench = first.pod(&settings(json!({})));
    bench.cut = true;
    bench.send(&get("/a"));
    for _ in 0..3 {
        let Some(call) = bench.syncs.pop() else { break };
        bench.filled(call, Err(L2Failure::Unreachable));
        bench.woken();
    }
    assert!(bench.syncs.is_empty(), "no time has passed");
}

// --- lag --------------------------------------------------------------------------------------------------------------

/// What may be invalidated long since is not used, until the log says that it is not.
#[test]
fn what_cannot_be_checked_is_suspended() {
    let mut bench = filled(json!({}));
    bench.wait(10_000);
    bench.cut = true;
    bench.pass(5_000);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    bench.pass(1);
    bench.replies.push_back(Err(L2Failure::Timeout));
    let (stream, verdict) = bench.send(&get("/a"));
    assert_eq!(fate(&verdict), "origin");
    assert_eq!(bench.conditions, [("if-none-match", "\"1\"".to_owned())], "the origin may say so too");
    bench.respond(stream, &ok("x").with(":status", "500"));
    assert!(bench.states.last().unwrap().ends_with("suspended"), "{:?}", bench.states);
    bench.leaves(stream);
    bench.cut = false;
    bench.wait(0);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    assert_eq!(bench.body(), "one");
}

#[test]
fn what_was_fetched_just_now_needs_no_log() {
    let mut bench = Bench::with_l2(json!({}));
    bench.cut = true;
    bench.ask(&get("/a"), &ok("one"));
    bench.pass(5_000);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    bench.pass(1);
    assert_eq!(fate(&bench.send(&get("/a")).1), "origin", "and after that it may be old");
}

#[test]
fn without_l2_there_is_no_log_to_be_behind() {
    let mut bench = Bench::with_rule(json!({}));
    bench.ask(&get("/a"), &ok("one"));
    bench.wait(200_000);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "hit;l1");
    assert!(bench.syncs.is_empty());
}

// --- the thread breaks ------------------------------------------------------------------------------------------------

#[test]
fn whatever_breaks_the_thread_ends_in_misses_and_is_counted() {
    let flush = |l2: &mut L2| (l2.log, l2.events, l2.bans) = (3, Vec::new(), Default::default());
    let fail = |l2: &mut L2| (l2.epoch, l2.before) = (OTHER.to_owned(), None);
    let promote = |l2: &mut L2| (l2.before, l2.epoch) = (Some(l2.epoch.clone()), OTHER.to_owned());
    let trim = |l2: &mut L2| (l2.log, l2.events) = (2_000, Vec::new());
    type Change<'a> = &'a dyn Fn(&mut L2);
    for (change, why, kept) in [
        (&flush as Change, Discontinuity::Rewound, 0),
        (&fail, Discontinuity::Epoch, 0),
        (&promote, Discontinuity::Epoch, 1),
        (&trim, Discontinuity::Trimmed, 1),
    ] {
        let mut bench = filled(json!({}));
        let under_way = bench.leads(&get("/b"));
        change(&mut bench.l2());
        bench.wait(350);
        assert_eq!((breaks(&bench, why), bench.worker.memory().entries()), (1, kept), "{why:?}");
        bench.respond(under_way, &ok("old"));
        assert_eq!(bench.worker.memory().entries(), kept * 2, "{why:?}: nor is what was under way kept");
        bench.settle();
        bench.wait(350);
        assert_eq!(breaks(&bench, why), 1, "{why:?}: from there it goes on");
        assert_eq!(breaks(&bench, Discontinuity::Start), 1);
    }
}

/// Bans of before are with the new master, too.
#[test]
fn a_ban_survives_a_failover() {
    let mut bench = filled(json!({}));
    let now = bench.now.mono;
    bench.l2().tell("invalidate", "tag", "t", now);
    {
        let mut l2 = bench.l2();
        l2.before = Some(l2.epoch.clone());
        l2.epoch = OTHER.to_owned();
    }
    bench.wait(350);
    assert_eq!(bench.worker.memory().entries(), 1);
    assert_eq!(bench.ask(&get("/a"), &ok("x")), "miss;invalidated");
}

#[test]
fn a_log_that_makes_no_sense_is_no_news() {
    let mut bench = filled(json!({}));
    bench.cut = true;
    bench.pass(350);
    bench.tick();
    let call = bench.syncs.remove(0);
    bench.filled(call, Ok(b"$2\r\nno\r\n"));
    assert_eq!(
        (breaks(&bench, Discontinuity::Unreadable), bench.calls("sync", L2End::Failed(L2Failure::Corrupt))),
        (1, 1)
    );
    bench.pass(4_651);
    assert_eq!(fate(&bench.send(&get("/a")).1), "hit;l2", "L2 says that there is no news");
}

// --- who reads --------------------------------------------------------------------------------------------------------

/// When readings of the log were sent in two seconds of ticks, in milliseconds.
fn readings(bench: &mut Bench) -> Vec<u64> {
    let mut sent = Vec::new();
    for at in 0..2_000 {
        bench.cut = true;
        bench.tick();
        if !bench.syncs.is_empty() {
            sent.push(at);
        }
        bench.errands();
        bench.pass(1);
    }
    sent
}

#[test]
fn the_log_is_read_once_an_interval() {
    let mut bench = Bench::with_l2(json!({}));
    bench.worker.enlist(1, 11);
    let sent = readings(&mut bench);
    let gaps: Vec<u64> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((8..12).contains(&sent.len()) && gaps.iter().all(|gap| (162..=250).contains(gap)), "{gaps:?}");
    let lag = bench.counts.iter().filter(|(metric, _)| matches!(metric, Metric::LogLag)).map(|(_, lag)| *lag).max();
    assert!(lag.is_some_and(|lag| lag <= 250), "{lag:?}");
}

#[test]
fn after_news_the_next_reading_is_sooner() {
    let mut bench = Bench::with_l2(json!({}));
    bench.worker.enlist(1, 11);
    bench.tick();
    bench.pass(250);
    let now = bench.now.mono;
    bench.l2().tell("invalidate", "uri", "/b", now);
    bench.tick();
    let gap = readings(&mut bench)[0];
    assert!((50..100).contains(&gap), "{gap}");
}

#[test]
fn one_worker_of_an_envoy_reads_for_all() {
    let mut one = Bench::with_l2(json!({}));
    let mut other = one.sibling(&settings(json!({})));
    one.worker.enlist(1, 11);
    other.worker.enlist(2, 22);
    other.ask(&get("/a"), &ok("one"));
    let (mut read, mut told) = (0, 0);
    for at in 0..3_000 {
        one.tick();
        let before = other.lookups.len();
        told += other.hears(&mut one);
        other.cut = true;
        other.tick();
        read += other.syncs.len();
        other.errands();
        one.hears(&mut other);
        assert_eq!(other.lookups.len(), before);
        if at == 1_000 {
            let now = one.now.mono;
            one.l2().tell("invalidate", "uri", "/a", now);
        }
        one.pass(1);
        other.pass(1);
    }
    assert!((11..20).contains(&told) && read <= 1, "{told} {read}");
    assert_eq!(other.count(Metric::Notices { op: "invalidate", scope: "uri" }), 1);
    assert_eq!(fate(&other.send(&get("/a")).1), "origin");
    assert_eq!(
        one.count(Metric::LogLag).signum() + other.count(Metric::LogLag).signum(),
        1,
        "one of them says how far it is"
    );
}

/// The poller is heard of no more: within a third of a second the others read for themselves, and one takes over.
#[test]
fn a_poller_that_dies_is_missed_at_once() {
    let mut one = Bench::with_l2(json!({}));
    let mut other = one.sibling(&settings(json!({})));
    one.worker.enlist(1, 11);
    other.worker.enlist(2, 22);
    one.tick();
    other.hears(&mut one);
    other.tick();
    other.syncs.clear();
    other.tells.clear();
    let sent = readings(&mut other);
    assert!(sent[0] <= 350 && sent.windows(2).all(|pair| pair[1] - pair[0] <= 350), "{sent:?}");
    assert!(other.tells.is_empty());
    other.pass(100);
    readings(&mut other);
    assert!(!other.tells.is_empty(), "now it reads for all");
}

#[test]
fn who_is_told_of_something_else_reads_for_itself() {
    let mut one = Bench::with_l2(json!({}));
    let mut other = one.sibling(&settings(json!({})));
    one.worker.enlist(1, 11);
    one.tick();
    other.worker.enlist(2, 22);
    other.wait(0);
    let now = one.now.mono;
    one.l2().tell("invalidate", "uri", "/a", now);
    one.wait(350);
    one.tells.clear();
    one.l2().tell("invalidate", "uri", "/b", now);
    one.wait(350);
    other.cut = true;
    other.pass(250);
    assert_eq!((other.hears(&mut one), other.syncs.len()), (1, 1), "there is a gap between");
    other.errands();
    assert_eq!(other.count(Metric::Notices { op: "invalidate", scope: "uri" }), 2);
    for garbage in [&b""[..], b"b", b"b{}", b"x", b"f", b"fno-such-key"] {
        other.step(|worker, outside| worker.told(garbage, outside));
    }
    assert!(other.syncs.is_empty() && other.wakes.is_empty());
}

/// Its reading and its sibling's cross: nothing is missing, and nothing is heard twice.
#[test]
fn who_is_told_while_it_reads_knows_it_once() {
    let mut one = Bench::with_l2(json!({}));
    let mut other = one.sibling(&settings(json!({})));
    one.worker.enlist(1, 11);
    other.worker.enlist(2, 22);
    one.wait(0);
    other.wait(0);
    one.tells.clear();
    other.cut = true;
    let now = one.now.mono;
    one.l2().tell("invalidate", "uri", "/a", now);
    one.wait(350);
    one.l2().tell("invalidate", "uri", "/b", now);
    other.pass(350);
    other.tick();
    assert_eq!((other.syncs.len(), other.hears(&mut one)), (1, 1));
    other.errands();
    assert_eq!(other.count(Metric::Notices { op: "invalidate", scope: "uri" }), 2);
    assert_eq!((breaks(&other, Discontinuity::Trimmed), other.calls("sync", L2End::Ok)), (0, 2));
}

/// An answer that brings fewer notices than the log has grown by.
#[test]
fn what_does_not_go_on_is_read_whole() {
    let mut bench = filled(json!({}));
    bench.cut = true;
    bench.pass(350);
    bench.tick();
    let call = bench.syncs.remove(0);
    let reply = bulk(format!("E{EPOCH}:9|{}|10:invalidate,3:uri,2:/b,", call.arguments[2]).as_bytes());
    bench.filled(call, Ok(&reply));
    assert_eq!(bench.syncs[0].arguments[0], "-");
    bench.errands();
    assert_eq!(breaks(&bench, Discontinuity::Trimmed) + breaks(&bench, Discontinuity::Rewound), 1);
}

/// What webdis before 0.1.20 does: the reply to a reading that timed out is handed to the next one.
#[test]
fn the_reply_to_another_reading_proves_nothing() {
    let mut bench = filled(json!({}));
    bench.cut = true;
    bench.pass(350);
    bench.tick();
    let first = bench.syncs.remove(0);
    let old = bench.look(&first);
    bench.filled(first, Err(L2Failure::Timeout));
    bench.pass(350);
    bench.tick();
    let second = bench.syncs.remove(0);
    let lag = bench.worker.following.follower.lag(bench.now.mono);
    bench.filled(second, Ok(&old));
    assert_eq!(bench.worker.following.follower.lag(bench.now.mono), lag);
    assert_eq!(bench.calls("sync", L2End::Failed(L2Failure::Corrupt)), 1);
}

#[test]
fn one_reading_is_under_way_at_a_time_unless_it_is_lost() {
    let mut bench = Bench::with_l2(json!({}));
    bench.cut = true;
    let lost = bench.worker.redis().unwrap().timeout.as_millis() as u64 * 2 + 200;
    bench.tick();
    assert_eq!(bench.syncs.len(), 1);
    bench.pass(lost - 1);
    bench.tick();
    assert_eq!(bench.syncs.len(), 1);
    bench.pass(250);
    bench.tick();
    assert_eq!(bench.syncs.len(), 2);
    // Its reply comes after all: while the next is under way, and once more when that has ended.
    let late = bench.syncs.remove(0);
    let reply = bench.look(&late);
    bench.filled(late.clone(), Ok(&reply));
    assert_eq!((bench.calls("sync", L2End::Abandoned), bench.calls("sync", L2End::Ok)), (1, 0));
    bench.errands();
    bench.filled(late, Ok(&reply));
    assert_eq!((bench.calls("sync", L2End::Abandoned), bench.calls("sync", L2End::Ok)), (2, 1));
}
