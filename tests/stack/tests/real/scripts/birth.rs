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
    redis::read_sync(&both.real(&redis::sync(both.config.redis.as_ref().unwrap(), known))).unwrap()
}

fn publish(both: &Both) -> Position {
    let call = redis::publish(both.config.redis.as_ref().unwrap(), &[tag(Op::Invalidate, "a")], LONG);
    redis::read_publish(&both.real(&call)).unwrap()
}

fn millis() -> u64 {
    u64::try_from(now() / 1000).unwrap()
}

#[test]
fn who_reads_first_makes_the_log() {
    let both = bare();
    let before = millis();
    let News::Whole { at, born, bans, .. } = sync(&both, None) else { panic!() };
    assert!(before <= born && born <= millis() && at.n == born + 1 && bans.is_empty(), "{born} {at}");
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
