//! What goes wrong with L2 costs hits, and nothing else.

use super::Tale;
use crate::callers::{Ask, MILLI, SECOND};
use crate::network::Fault;
use crate::tamper::Tamper;
use crate::world::Action;

#[test]
fn scenario_redis_is_down_then_the_origin_serves_and_the_breaker_opens_and_closes() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.broken_by(Fault::Down);
    let before = tale.world.next_flight;
    for number in 0..40 {
        assert_eq!(tale.end(Ask::get(&format!("/v1/other/{number}")).at(number % 2)), "origin 200");
    }
    let calls = tale.world.next_flight - before;
    assert!(calls < 15, "{calls} calls to an L2 that is down");
    assert_eq!(tale.world.counted(&["breaker_open"]), 1);
    tale.mended();
    for _ in 0..12 {
        tale.later(1);
        tale.end(Ask::get("/v1/probe").header("cache-control", "max-age=0"));
    }
    assert_eq!(tale.world.counted(&["breaker_open"]), 0);
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "hit;l2");
    assert_eq!(tale.end(Ask::get("/v1/new")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/new").at(1)), "hit;l2");
}

#[test]
fn scenario_a_hung_redis_delays_a_few_requests_by_its_timeout() {
    let mut tale = Tale::new();
    tale.broken_by(Fault::Mute);
    let from = tale.world.now;
    for number in 0..20 {
        assert_eq!(tale.end(Ask { takes: MILLI, ..Ask::get(&format!("/v1/other/{number}")) }), "origin 200");
    }
    assert!(tale.calls("lookup", "timeout") <= 8, "{}", tale.world.story.text());
    assert!(tale.world.now - from < 6 * SECOND);
}

#[test]
fn scenario_an_open_breaker_lets_one_try_through_at_a_time() {
    let mut tale = Tale::new();
    tale.broken_by(Fault::Mute);
    for number in 0..8 {
        tale.end(Ask::get(&format!("/v1/other/{number}")));
    }
    assert_eq!(tale.world.counted(&["breaker_open"]), 1);
    tale.later(20);
    let before = tale.world.next_flight;
    for number in 0..30 {
        tale.plan(0, Action::Ask(Ask::get(&format!("/v1/burst/{number}")).at(number % 2)));
    }
    tale.play();
    // And it says that it does not want the lease that it may have got.
    assert_eq!(tale.world.next_flight - before, 2);
}

#[test]
fn scenario_a_read_only_replica_refuses_and_the_origin_serves() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.broken_by(Fault::ReadOnly);
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200", "a replica may be behind");
    let ends = (tale.calls("lookup", "refused"), tale.calls("fill", "refused"), tale.calls("fill", "dropped"));
    assert_eq!(ends, (1, 0, 1), "where the log stands is not known, so nothing can be filled");
    for number in 0..20 {
        tale.end(Ask::get(&format!("/v1/other/{number}")));
    }
    assert_eq!(tale.world.counted(&["breaker_open"]), 0, "it is there, it only refuses");
    tale.mended();
    assert_eq!(tale.end(Ask::get("/v1/other/1").at(1)), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/other/1")), "hit;l1");
}

#[test]
fn scenario_a_full_redis_serves_what_it_has_and_takes_no_more() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.broken_by(Fault::Full);
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "hit;l2");
    assert_eq!(tale.end(Ask::get("/v1/new")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/new").at(1)), "origin 200");
    assert_eq!(tale.calls("fill", "refused"), 2);
}

#[test]
fn scenario_forgotten_scripts_are_sent_once_more() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.act(Action::FlushScripts);
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "hit;l2");
    tale.act(Action::Failover);
    assert_eq!(tale.end(Ask::get("/v1/other")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/other").at(1)), "hit;l2");
    assert_eq!((tale.calls("lookup", "no_script"), tale.calls("fill", "no_script")), (3, 2));
    assert_eq!(tale.calls("lookup", "error") + tale.calls("fill", "error"), 0);
}

#[test]
fn scenario_nothing_odd_in_redis_is_ever_served() {
    for how in [Tamper::Truncate, Tamper::Flip, Tamper::Future] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
        tale.act(Action::Tamper(how));
        assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200", "{how:?}");
        assert_eq!(tale.calls("lookup", "corrupt"), 1, "{how:?}");
        assert_eq!(tale.world.counted(&["breaker_open"]), 0);
    }
}

#[test]
fn scenario_an_entry_of_another_key_or_variant_is_a_miss() {
    let mut tale = Tale::new();
    let lang = |language: &str| Ask::get("/v1/lang").header("accept-language", language);
    for ask in [Ask::get("/v1/plain"), lang("en"), lang("fr")] {
        assert_eq!(tale.end(ask), "origin 200");
    }
    for _ in 0..12 {
        tale.act(Action::Tamper(Tamper::Foreign));
        tale.act(Action::Tamper(Tamper::Sibling));
    }
    for ask in [Ask::get("/v1/plain"), lang("en"), lang("fr")] {
        tale.end(ask.at(1));
    }
    assert!(tale.calls("lookup", "corrupt") > 0, "{}", tale.world.story.text());
}

#[test]
fn scenario_a_babbling_redis_is_not_believed() {
    let mut tale = Tale::new();
    tale.broken_by(Fault::Babble);
    for number in 0..12 {
        assert_eq!(tale.end(Ask::get(&format!("/v1/other/{number}"))), "origin 200");
    }
    let heard = ["corrupt", "refused", "error"].map(|outcome| tale.calls("lookup", outcome));
    assert_eq!(heard.iter().sum::<i64>(), 12, "{heard:?}");
}

#[test]
fn scenario_a_host_that_refuses_callouts_delays_nobody() {
    for fault in [Fault::NoCluster, Fault::Forbidden] {
        let mut tale = Tale::new();
        tale.broken_by(fault);
        for number in 0..10 {
            assert_eq!(tale.end(Ask::get(&format!("/v1/other/{number}"))), "origin 200");
        }
        tale.mended();
        tale.later(20);
        assert_eq!(tale.end(Ask::get("/v1/new")), "origin 200");
        assert_eq!(tale.end(Ask::get("/v1/newer")), "origin 200");
        assert_eq!(tale.end(Ask::get("/v1/newer").at(1)), "hit;l2", "{fault:?}");
    }
}

#[test]
fn scenario_fills_to_a_slow_redis_are_bounded_and_come_back() {
    let mut tale = Tale::new();
    for round in 0..3 {
        for number in 0..150 {
            let takes = 100 * MILLI;
            tale.plan(0, Action::Ask(Ask { takes, ..Ask::get(&format!("/v1/{round}/{number}")) }));
        }
        tale.plan(90 * MILLI, Action::Fault(Fault::Hung, 400 * MILLI));
        tale.play();
        tale.later(30);
        tale.end(Ask::get("/v1/probe").header("cache-control", "max-age=0"));
    }
    assert!(tale.calls("fill", "dropped") >= 80, "{}", tale.calls("fill", "dropped"));
    tale.later(30);
    assert_eq!(tale.end(Ask::get("/v1/new")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/new").at(1)), "hit;l2");
}

#[test]
fn scenario_fills_are_counted_out_as_they_were_counted_in() {
    let mut tale = Tale::new();
    for number in 0..150 {
        assert_eq!(tale.end(Ask::get(&format!("/v1/other/{number}"))), "origin 200");
    }
    assert_eq!((tale.calls("fill", "ok"), tale.calls("fill", "dropped")), (150, 0));
}

#[test]
fn scenario_variants_of_one_key_do_not_grow_without_bound() {
    let mut tale = Tale::new();
    for number in 0..200 {
        let language = format!("x-{number}");
        assert_eq!(tale.end(Ask::get("/v1/lang").header("accept-language", &language)), "origin 200");
    }
    let most = tale.world.front.server.keys().hashes.values().map(|hash| hash.fields.len()).max();
    assert!(most.unwrap() <= 66, "{most:?}");
}

#[test]
fn scenario_redis_lets_go_of_what_is_stale() {
    let mut tale = Tale::new();
    for (path, life) in [("/v1/shared", 20), ("/v1/plain", 60)] {
        assert_eq!(tale.end(Ask::get(path)), "origin 200");
        let held = |tale: &Tale| {
            let clock = tale.world.redis_clock();
            let mut keys = tale.world.front.server.keys();
            keys.clock = clock;
            keys.expire();
            keys.entries()
        };
        tale.later(life - 1);
        assert_eq!(held(&tale), 1, "{path}");
        tale.later(1);
        assert_eq!(held(&tale), 0, "{path}");
    }
}
