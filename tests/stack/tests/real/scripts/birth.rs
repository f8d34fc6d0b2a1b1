//! Whoever makes the log begins its count at the time: no place is used again, and who has read before knows it.

use super::*;
use fingerprint_cache::follower::{Discontinuity, Follower, Heard};
use fingerprint_cache::time::Instant;

/// A Redis without any log, and what it says to a read.
fn bare() -> Both {
    let both = Both::new();
    both.redis.call(&["FLUSHALL"]).unwrap();
    both
}

fn sync(both: &Both, known: Option<&Position>) -> News {
    redis::read_sync(&both.real(&redis::sync(both.config.redis.as_ref().unwrap(), known, A)), A).unwrap()
}

fn publish(both: &Both) -> Position {
    let call = redis::publish(both.config.redis.as_ref().unwrap(), &[tag(Op::Invalidate, "a")], LONG);
    redis::read_publish(&both.real(&call)).unwrap()
}

fn micros() -> u64 {
    u64::try_from(now()).unwrap()
}

#[test]
fn who_reads_first_makes_the_log() {
    let both = bare();
    let before = micros();
    let News::Whole { at, born, bans, .. } = sync(&both, None) else { panic!() };
    assert!(before <= born && born <= micros() && at.n == born + 1 && bans.is_empty(), "{born} {at}");
    assert_eq!(sync(&both, Some(&at)), News::Next { to: at.clone(), notices: vec![] });
    let end = publish(&both);
    let News::Next { to, notices } = sync(&both, Some(&at)) else { panic!() };
    assert_eq!((to, notices, end.n), (end.clone(), vec![tag(Op::Invalidate, "a")], at.n + 1));
}

#[test]
fn what_was_read_before_a_flush_or_of_a_log_that_was_deleted_is_of_another_one() {
    for lost in [&["FLUSHALL"][..], &["DEL", "fpc:log"]] {
        let both = bare();
        let known = publish(&both);
        let mut follower = Follower::new();
        follower.read(sync(&both, None), Instant(1));
        both.redis.call(lost).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        let end = publish(&both);
        assert!(end.n > known.n && end.epoch == known.epoch, "{known} {end}");
        let news = sync(&both, Some(&known));
        assert!(matches!(&news, News::Whole { born, .. } if *born > known.n), "{news:?}");
        let heard = follower.read(news, Instant(2));
        assert_eq!(heard, Heard::Reloaded { why: Discontinuity::Rewound, empties: true }, "{lost:?}");
    }
}

#[test]
fn a_lease_from_before_a_flush_fills_nothing() {
    let both = bare();
    let at = publish(&both);
    let look = redis::lookup(&place(), &[], &Want { token: Some(A), lease: LONG, refused: None });
    assert!(matches!(redis::read_lookup(&both.real(&look)), Ok(Lookup::Led { .. })));
    both.redis.call(&["FLUSHALL"]).unwrap();
    publish(&both);
    let fill = redis::fill(&place(), &[], LONG, &at, &lease(A), b"old".to_vec());
    assert_eq!(redis::read_fill(&both.real(&fill)), Ok(false));
}

/// What both makers of a log begin after, where only the bans are left: the place of a ban, or where a log once began.
#[test]
fn a_log_begins_after_every_place_that_is_still_known() {
    let far = micros() + 3_600_000_000;
    let makers: [fn(&Both) -> Position; 2] = [publish, |both| match sync(both, None) {
        News::Whole { at, .. } => at,
        news => panic!("{news:?}"),
    }];
    for make in makers {
        for (field, value) in [
            ("i:tag:far", format!("<now>:{far}:7")),
            ("r:tag:far", format!("{:040x}:{far}:7", 1)),
            ("born", far.to_string()),
        ] {
            let both = bare();
            let known = publish(&both);
            both.redis.call(&["HSET", "fpc:bans", field, &value.replace("<now>", &known.epoch)]).unwrap();
            both.redis.call(&["DEL", "fpc:log"]).unwrap();
            let at = make(&both);
            assert_eq!(at.n, far + 2, "{field} {value}");
            let News::Whole { born, .. } = sync(&both, None) else { panic!() };
            assert_eq!(born, far + 1, "{field} {value}");
        }
    }
}

#[test]
fn no_log_begins_where_none_can_be_counted() {
    for value in
        ["9007199254740993", "99999999999999999999999", "-1", "", "x", "<now>:4503599627370496:7", "<now>:-1:7"]
    {
        let both = bare();
        let known = publish(&both);
        both.redis.call(&["HSET", "fpc:bans", "born", &value.replace("<now>", &known.epoch)]).unwrap();
        both.redis.call(&["DEL", "fpc:log"]).unwrap();
        let (before, at) = (known.n.max(micros()), publish(&both));
        assert!(before < at.n && at.n < micros() + 10, "{value} {at}");
    }
}

#[test]
fn who_had_read_before_the_clock_went_back_and_the_log_was_lost_knows() {
    let both = bare();
    publish(&both);
    let end = publish(&both);
    let far = Position { n: micros() + 3_600_000_000, ..end };
    let Reply::Array(events) = both.redis.call(&["XREVRANGE", "fpc:log", "+", "-", "COUNT", "1"]).unwrap() else {
        panic!()
    };
    let Reply::Array(last) = &events[0] else { panic!() };
    let id = String::from_utf8(last[0].bytes().unwrap().to_vec()).unwrap();
    both.redis.call(&["XSETID", "fpc:log", &id, "ENTRIESADDED", &far.n.to_string()]).unwrap();
    let known = publish(&both);
    let mut follower = Follower::new();
    follower.read(sync(&both, None), Instant(1));
    assert_eq!(follower.position(), Some(&known));
    both.redis.call(&["DEL", "fpc:log"]).unwrap();
    let after = publish(&both);
    assert!(after.n > known.n, "{known} {after}");
    let heard = follower.read(sync(&both, Some(&known)), Instant(2));
    assert_eq!(heard, Heard::Reloaded { why: Discontinuity::Rewound, empties: true });
}

#[test]
fn a_burst_before_a_flush_and_one_after_it_are_not_taken_for_each_other() {
    let both = bare();
    let burst = |value| {
        let notices = vec![tag(Op::Invalidate, value); 500];
        let call = redis::publish(both.config.redis.as_ref().unwrap(), &notices, LONG);
        redis::read_publish(&both.real(&call)).unwrap()
    };
    let known = burst("a");
    let mut follower = Follower::new();
    follower.read(sync(&both, None), Instant(1));
    both.redis.call(&["FLUSHALL"]).unwrap();
    let after = burst("b");
    assert!(after.n > known.n + 500, "{known} {after}");
    let heard = follower.read(sync(&both, Some(&known)), Instant(2));
    assert_eq!(heard, Heard::Reloaded { why: Discontinuity::Rewound, empties: true });
}
