//! Another master, the same one anew, or none that remembers: misses, and nothing old.

use super::Tale;
use crate::callers::{Ask, MILLI};
use crate::notices::Says;
use crate::pods::ALL;
use crate::world::Action;

fn invalidate(tale: &mut Tale, path: &str) {
    tale.plan(0, Action::Change(path.to_owned()));
    tale.plan(0, Action::Publish(Says::new("invalidate", "uri", path)));
    tale.play();
}

fn warm(path: &str) -> Tale {
    let mut tale = Tale::new();
    (0..ALL).for_each(|vm| _ = tale.end(Ask::get(path).at(vm)));
    tale.later(1);
    tale
}

#[test]
fn scenario_a_replica_that_has_heard_all_takes_over_and_l1_stays() {
    let mut tale = warm("/v1/plain");
    tale.act(Action::Failover);
    tale.later(1);
    for vm in 0..ALL {
        assert_eq!(tale.end(Ask::get("/v1/plain").at(vm)), "hit;l1");
    }
    assert!(tale.world.counted(&["log_discontinuities_total", "epoch"]) >= ALL as i64);
    invalidate(&mut tale, "/v1/plain");
    tale.later(1);
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
}

/// It may have said what nobody remembers now.
#[test]
fn scenario_a_master_that_continues_nobody_empties_l1() {
    let mut tale = warm("/v1/plain");
    tale.act(Action::Restart);
    tale.later(1);
    assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l2");
    assert_eq!(tale.world.vms[3].worker.memory().entries(), 0);
}

#[test]
fn scenario_what_was_invalidated_stays_so_under_another_master() {
    for action in [Action::Failover, Action::Restart] {
        for late in [0, 1, 100, 300] {
            let mut tale = warm("/v1/plain");
            invalidate(&mut tale, "/v1/plain");
            tale.plan(late * MILLI, action.clone());
            tale.play();
            (0..ALL).for_each(|vm| _ = tale.plan(late % 7 * MILLI, Action::Ask(Ask::get("/v1/plain").at(vm))));
            tale.play();
            tale.later(1);
            tale.end(Ask::get("/v1/plain"));
            assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l1", "{action:?} {late}");
        }
    }
}

/// What a replica had not heard when its master died is not promised. What L1 holds is emptied all the same where somebody
/// had heard of it, and nothing hangs.
#[test]
fn scenario_a_replica_that_had_not_heard_takes_over() {
    let mut tale = warm("/v1/plain");
    tale.act(Action::StopReplica);
    invalidate(&mut tale, "/v1/plain");
    tale.later(1);
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.act(Action::Failover);
    tale.later(1);
    let first = tale.end(Ask::get("/v1/plain"));
    assert!(first == "origin 200" || first.starts_with("hit"), "{first}");
    invalidate(&mut tale, "/v1/plain");
    tale.later(1);
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain").at(3)), "hit;l2");
}

#[test]
fn scenario_what_is_asked_for_under_one_master_is_not_filled_under_the_next() {
    for action in [Action::Failover, Action::Restart, Action::Wipe] {
        let mut tale = warm("/v1/warm");
        tale.act(Action::Publish(Says::new("invalidate", "tag", "nobody's")));
        tale.plan(0, Action::Ask(Ask { takes: 100 * MILLI, ..Ask::get("/v1/plain") }));
        tale.plan(50 * MILLI, action.clone());
        tale.play();
        assert_eq!(tale.calls("fill", "ok"), 1, "{action:?}: {}", tale.world.story.text());
    }
}

#[test]
fn scenario_a_flushed_redis_begins_anew() {
    let mut tale = warm("/v1/plain");
    for _ in 0..3 {
        invalidate(&mut tale, "/v1/plain");
        tale.later(1);
        (0..ALL).for_each(|vm| _ = tale.end(Ask::get("/v1/plain").at(vm)));
    }
    tale.act(Action::Wipe);
    tale.later(1);
    let rewound = tale.world.counted(&["log_discontinuities_total", "rewound"]);
    assert!(rewound >= ALL as i64, "{rewound}");
    (0..ALL).for_each(|vm| _ = tale.end(Ask::get("/v1/plain").at(vm)));
    invalidate(&mut tale, "/v1/plain");
    tale.later(1);
    // What they know of the log before holds the answers back for a while: misses, and nothing old.
    for vm in 0..ALL {
        tale.end(Ask::get("/v1/plain").at(vm));
    }
}

/// The log is as long as it was before anybody looks.
#[test]
fn scenario_a_flushed_log_that_has_grown_again_is_not_taken_for_the_old_one() {
    let mut tale = warm("/v1/plain");
    for number in 0..3 {
        invalidate(&mut tale, &format!("/v1/else/{number}"));
    }
    tale.later(1);
    (0..ALL).for_each(|vm| _ = tale.end(Ask::get("/v1/plain").at(vm)));
    tale.plan(0, Action::Wipe);
    tale.plan(0, Action::Change("/v1/plain".into()));
    for path in ["/v1/plain", "/v1/1", "/v1/2", "/v1/3", "/v1/4"] {
        tale.plan(1, Action::Publish(Says::new("invalidate", "uri", path)));
    }
    tale.play();
    tale.later(1);
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
}
