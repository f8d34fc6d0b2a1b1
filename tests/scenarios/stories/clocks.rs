//! Ages, with clocks that disagree.

use super::Tale;
use crate::callers::{Ask, MILLI, SECOND};
use crate::network::Fault;
use crate::world::{Action, Setup};

fn skewed(redis: i64, pod: i64) -> Tale {
    let hour = 3600 * SECOND as i64;
    Tale::with(Setup { redis_clock: redis * hour, pod_clocks: [pod * hour; 2], ..Setup::default() })
}

#[test]
fn scenario_an_answer_ages_in_redis_as_it_does_in_memory() {
    for (redis, pod) in [(0, 0), (1, 0), (-1, 0), (1, -1)] {
        let mut tale = skewed(redis, pod);
        assert_eq!(tale.end(Ask::get("/v1/shared")), "origin 200");
        for (after, vm) in [(7, 1), (5, 0), (2, 1)] {
            tale.later(after);
            let id = tale.ask(Ask::get("/v1/shared").at(vm));
            let (age, born) = (tale.served(id).0, tale.world.origin.exchanges[0].born);
            let true_age = (tale.world.now - born) / SECOND;
            assert!(
                (true_age..=true_age + 2).contains(&age),
                "Age {age}, truly {true_age}, clocks off by {redis} h, {pod} h"
            );
        }
        tale.later(6);
        assert_eq!(tale.end(Ask::get("/v1/shared")), "origin 200");
    }
}

#[test]
fn scenario_age_under_way_through_other_caches_counts() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/aged")), "origin 200");
    for vm in [0, 1] {
        let id = tale.ask(Ask::get("/v1/aged").at(vm));
        assert!(tale.served(id).0 >= 4);
    }
    tale.later(26);
    assert_eq!(tale.end(Ask::get("/v1/aged")), "origin 200");
}

#[test]
fn scenario_a_clock_set_forward_makes_entries_older_never_younger() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.act(Action::PodClock(0, -600 * SECOND as i64));
    assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l1", "the stopwatch did not move");
    tale.act(Action::RedisClock(30 * SECOND as i64));
    let id = tale.ask(Ask::get("/v1/plain").at(1));
    assert!(tale.served(id).0 >= 30);
    tale.act(Action::RedisClock(40 * SECOND as i64));
    tale.later(41);
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200");
}

#[test]
fn scenario_lifetimes_come_from_the_rule_the_shared_one_or_expires() {
    for (path, life) in [("/v1/plain", 60), ("/v1/short", 5), ("/v1/shared", 20), ("/v1/expires", 30)] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get(path)), "origin 200");
        tale.later(life - 2);
        assert_eq!(tale.end(Ask::get(path).at(1)), "hit;l2", "{path}");
        tale.later(2);
        assert_eq!(tale.end(Ask::get(path).at(1)), "origin 200", "{path}");
    }
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
    tale.later(88);
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"").at(1)), "hit;l2", "the rule's override");
}

#[test]
fn scenario_an_answer_grows_stale_on_its_way_from_redis() {
    // The pod's clock is an hour behind, so that dates are no help.
    let mut tale = skewed(0, -1);
    assert_eq!(tale.end(Ask { takes: 0, ..Ask::get("/v1/shared") }), "origin 200");
    let stale_at = tale.world.origin.exchanges[0].born + 20 * SECOND;
    tale.world.front.fault = Some((Fault::Lagging, u64::MAX));
    tale.until(stale_at - 25 * MILLI);
    assert_eq!(tale.end(Ask::get("/v1/shared").at(1)), "origin 200", "{}", tale.world.story.text());
}

#[test]
fn scenario_a_confirmed_answer_is_young_again() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "origin 200");
    for _ in 0..4 {
        tale.later(10);
        let id = tale.ask(Ask::get("/v1/tagged"));
        assert_eq!(tale.ended(id), "revalidated;origin");
        assert!(tale.served(id).0 <= 1, "Age {}", tale.served(id).0);
        let id = tale.ask(Ask::get("/v1/tagged"));
        assert_eq!(tale.ended(id), "hit;l1");
        assert!(tale.served(id).0 <= 1, "Age {}", tale.served(id).0);
    }
}

#[test]
fn scenario_a_fill_that_waited_before_a_stopped_redis_is_as_old_as_it_is() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/warm")), "origin 200");
    tale.plan(0, Action::Ask(Ask::get("/v1/shared")));
    tale.plan(10 * MILLI, Action::Fault(Fault::Hung, 2 * SECOND));
    tale.play();
    let id = tale.ask(Ask::get("/v1/shared").at(1));
    assert_eq!(tale.ended(id), "hit;l2");
    assert!((1..=4).contains(&tale.served(id).0), "Age {}", tale.served(id).0);
    tale.later(18);
    assert_eq!(tale.end(Ask::get("/v1/shared").at(1)), "origin 200");
}

#[test]
fn scenario_a_fill_that_waited_for_longer_than_its_lease_is_none() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/warm")), "origin 200");
    tale.plan(0, Action::Ask(Ask::get("/v1/shared")));
    tale.plan(10 * MILLI, Action::Fault(Fault::Hung, 12 * SECOND));
    tale.play();
    assert_eq!(tale.end(Ask::get("/v1/shared").at(1)), "origin 200");
}

#[test]
fn scenario_redis_clock_set_back_makes_nothing_younger_than_its_date() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/shared")), "origin 200");
    tale.later(15);
    tale.act(Action::RedisClock(-15 * SECOND as i64));
    let id = tale.ask(Ask::get("/v1/shared").at(1));
    assert!(tale.served(id).0 >= 15, "Age {}", tale.served(id).0);
}
