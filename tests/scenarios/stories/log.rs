//! The log of invalidations: what is published is heard of everywhere, and in time.

use super::Tale;
use crate::callers::{Ask, MILLI, SECOND};
use crate::network::Fault;
use crate::notices::Says;
use crate::pods::{ALL, PODS};
use crate::world::Action;

fn says(op: &'static str, scope: &'static str, value: &str) -> Action {
    Action::Publish(Says::new(op, scope, value))
}

/// All workers hold an answer to this.
fn warm(ask: &Ask) -> Tale {
    let mut tale = Tale::new();
    (0..ALL).for_each(|vm| _ = tale.end(ask.clone().at(vm)));
    assert_eq!(tale.origin_asked(), 1);
    tale
}

#[test]
fn scenario_each_scope_is_heard_of_in_every_worker() {
    for (path, scope, value) in [
        ("/w/cdn", "uri", "/w/cdn"),
        ("/w/cdn", "uri", "api/w/cdn"),
        ("/w/cdn", "prefix", "/w/"),
        ("/w/cdn", "prefix", "api/w"),
        ("/w/cdn", "pattern", "/*/cdn"),
        ("/w/cdn", "pattern", "api/**"),
        ("/w/cdn", "tag", "two"),
        ("/w/cdn", "tag", "three"),
        ("/w/cdn", "tag", "w"),
        ("/w/weak", "tag", "group:api gv"),
        ("/w/cdn", "rule", "windows"),
        ("/w/cdn", "all", ""),
        ("/w/cdn", "galaxy", "far"),
        ("/b/cdn", "key", "/b/cdn"),
    ] {
        let mut tale = warm(&Ask::get(path));
        tale.act(Action::Change(path.to_owned()));
        tale.act(says("invalidate", scope, value));
        assert_eq!(tale.end(Ask::get(path).at(3).header("cache-control", "no-cache")), "origin 200", "{scope} {value}");
        tale.later(1);
        for vm in 0..ALL {
            let end = tale.end(Ask::get(path).at(vm));
            assert!(end.starts_with("hit"), "{scope} {value}: {end}");
        }
        assert_eq!(tale.origin_asked(), 2, "{scope} {value}");
    }
}

#[test]
fn scenario_what_a_notice_is_not_about_stays() {
    for (scope, value) in [
        ("uri", "/v1/other"),
        ("uri", "other/v1/plain"),
        ("prefix", "/v2"),
        ("pattern", "/*"),
        ("tag", "t1"),
        ("rule", "open"),
        ("key", "profiles:00000000000000000000000000000000"),
    ] {
        let mut tale = warm(&Ask::get("/v1/plain"));
        tale.act(says("invalidate", scope, value));
        tale.later(1);
        assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l1", "{scope} {value}");
    }
}

#[test]
fn scenario_what_is_to_be_refreshed_is_served_stale_meanwhile() {
    let mut tale = warm(&Ask::get("/w/plain"));
    tale.act(Action::Change("/w/plain".into()));
    tale.act(says("refresh", "tag", "w"));
    tale.later(1);
    let first = tale.plan(0, Action::Ask(Ask { takes: 100 * MILLI, ..Ask::get("/w/plain") }));
    let second = tale.plan(10 * MILLI, Action::Ask(Ask::get("/w/plain")));
    tale.play();
    assert_eq!([first, second].map(|id| tale.ended(id)), ["origin 200", "stale;l1"]);
    assert_eq!(tale.end(Ask::get("/w/plain")), "hit;l1");
}

#[test]
fn scenario_l2_gives_nothing_old_a_moment_after_a_notice() {
    for at in 0..40 {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
        tale.plan(at * MILLI / 4, Action::Change("/v1/plain".into()));
        tale.plan(at * MILLI / 4, says("invalidate", "uri", "/v1/plain"));
        (1..ALL).for_each(|vm| _ = tale.plan(5 * MILLI + vm as u64, Action::Ask(Ask::get("/v1/plain").at(vm))));
        tale.play();
    }
}

#[test]
fn scenario_an_answer_under_way_is_not_kept_against_a_notice() {
    for at in 0..60 {
        let mut tale = Tale::new();
        tale.plan(0, Action::Ask(Ask { takes: 30 * MILLI, ..Ask::get("/v1/plain") }));
        tale.plan(at * MILLI, Action::Change("/v1/plain".into()));
        tale.plan(at * MILLI, says("invalidate", "prefix", "/v1"));
        (0..40).for_each(|late| {
            let ask = Ask { takes: 30 * MILLI, ..Ask::get("/v1/plain").at(late as usize % ALL) };
            tale.plan((10 + late * 10) * MILLI, Action::Ask(ask));
        });
        tale.play();
    }
}

/// It goes to its client, and to nobody else: not into L1, not into L2.
#[test]
fn scenario_an_answer_that_was_invalidated_on_its_way_is_not_stored() {
    let mut tale = warm(&Ask::get("/v1/warm"));
    let fills = tale.calls("fill", "ok");
    tale.plan(0, Action::Ask(Ask { takes: 800 * MILLI, ..Ask::get("/v1/plain") }));
    tale.plan(100 * MILLI, says("invalidate", "uri", "/v1/plain"));
    tale.play();
    assert_eq!(tale.world.counted(&["not_stored", "overtaken"]), 1);
    assert_eq!(tale.calls("fill", "ok"), fills);
}

/// Nobody waits for an answer that will be no use: whoever comes after the notice asks, and fills.
#[test]
fn scenario_who_asks_for_what_was_invalidated_meanwhile_holds_nobody_up() {
    let mut tale = warm(&Ask::get("/v1/warm"));
    tale.plan(0, Action::Ask(Ask { takes: 2 * SECOND, ..Ask::get("/v1/plain") }));
    tale.plan(100 * MILLI, says("invalidate", "uri", "/v1/plain"));
    let ids: Vec<u32> = (0..ALL)
        .map(|vm| tale.plan(600 * MILLI, Action::Ask(Ask { takes: 30 * MILLI, ..Ask::get("/v1/plain").at(vm) })))
        .collect();
    tale.play();
    assert_eq!(tale.world.counted(&["leases_total", "timed_out"]), 0, "{}", tale.world.story.text());
    assert_eq!(ids.iter().filter(|id| tale.ended(**id) == "origin 200").count(), 1);
}

#[test]
fn scenario_a_pod_that_cannot_read_the_log_serves_for_max_lag_and_no_longer() {
    let mut tale = warm(&Ask::get("/v1/plain"));
    tale.later(10);
    tale.act(Action::Partition(0, Fault::Down, 60 * SECOND));
    tale.plan(0, Action::Change("/v1/plain".into()));
    tale.plan(0, says("invalidate", "all", ""));
    tale.play();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l1", "it cannot know");
    tale.later(6);
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200");
    tale.later(60);
    for vm in 0..ALL {
        tale.end(Ask::get("/v1/plain").at(vm));
    }
}

#[test]
fn scenario_what_is_suspended_is_not_lost() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/w/large")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.act(Action::Partition(0, Fault::Down, 9 * SECOND));
    tale.later(8);
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.later(15);
    assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l1");
}

#[test]
fn scenario_whoever_reads_for_all_may_die() {
    for vm in 0..ALL {
        let mut tale = warm(&Ask::get("/v1/plain"));
        tale.later(2);
        tale.act(Action::LoseWorker(vm));
        tale.later(4);
        let before = tale.world.now;
        tale.plan(0, Action::Change("/v1/plain".into()));
        tale.plan(0, says("invalidate", "rule", "profiles"));
        (0..ALL).for_each(|vm| _ = tale.plan(400 * MILLI, Action::Ask(Ask::get("/v1/plain").at(vm))));
        tale.play();
        assert_eq!(tale.origin_asked(), 2, "{before}: {}", tale.world.story.text());
    }
}

/// Two pods of two workers: one call to Redis each, four times a second or a little more.
#[test]
fn scenario_one_worker_of_a_pod_reads_for_all() {
    let mut tale = warm(&Ask::get("/v1/plain"));
    tale.later(5);
    let before = tale.world.next_poll;
    tale.world.wait(900 * MILLI).unwrap();
    let polls = tale.world.next_poll - before;
    assert!((3..=6).contains(&(polls / PODS as u64)), "{polls} polls");
}

#[test]
fn scenario_what_was_cut_off_the_log_is_in_the_bans() {
    for kept in [0, 1] {
        let mut tale = warm(&Ask::get("/v1/plain"));
        tale.later(1);
        for value in ["/v1/plain", "/v1/else"] {
            tale.plan(0, says("invalidate", "uri", value));
        }
        tale.plan(0, Action::Change("/v1/plain".into()));
        tale.plan(0, Action::Trim(kept));
        tale.play();
        tale.later(1);
        assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
        assert!(tale.world.counted(&["log_discontinuities_total", "trimmed"]) > 0);
    }
}

/// 50 a second for an hour, of uris, tags and prefixes.
#[test]
fn scenario_an_hour_of_notices_does_not_fill_the_memory() {
    let mut tale = warm(&Ask::get("/v1/plain"));
    let (mut most, mut held) = (0, 0);
    for second in 0..3600 / COARSE {
        for number in 0..50 * COARSE {
            let at = second * 50 * COARSE + number;
            let (scope, value) = match number % 10 {
                0 => ("tag", format!("tag-{at}")),
                1 => ("prefix", format!("/somewhere/{at}")),
                _ => ("uri", format!("/somewhere/{at}")),
            };
            tale.world.publish(Says::new("invalidate", scope, &value));
        }
        tale.world.notices.clear();
        tale.world.now += (COARSE - 1) * SECOND;
        tale.world.wait(SECOND).unwrap();
        most = most.max(tale.world.vms.iter().map(|vm| vm.worker.bans()).max().unwrap());
        held = held.max(tale.world.front.server.keys().hashes[&b"fpc:bans"[..]].fields.len());
    }
    println!("a worker knows {most} bans at most, Redis {held}");
    assert!(most <= 10_100 && held <= 10_100, "{most} and {held} bans");
    assert!(tale.end(Ask::get("/v1/plain")).starts_with("origin"));
    assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l1");
}

/// So many seconds of it at once.
const COARSE: u64 = 10;
