//! Two workers and their configurations.

use super::Tale;
use crate::callers::{Ask, MILLI};
use crate::network::Fault;
use crate::world::Action;

#[test]
fn scenario_another_configuration_keeps_l1() {
    let mut tale = Tale::new();
    for path in ["/v1/plain", "/open/all"] {
        assert_eq!(tale.end(Ask::get(path)), "origin 200");
    }
    for name in ["reordered", "no-redis", "base"] {
        tale.act(Action::Configure(0, name));
        for path in ["/v1/plain", "/open/all"] {
            assert_eq!(tale.end(Ask::get(path)), "hit;l1", "{name}");
        }
    }
}

#[test]
fn scenario_another_projection_finds_nothing_of_the_old_one() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
    tale.act(Action::Configure(0, "stricter"));
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
    assert_eq!(tale.end(Ask::identify("once", "\"bob\"")), "hit;l1");
    tale.act(Action::Configure(1, "stricter"));
    assert_eq!(tale.end(Ask::identify("once", "\"bob\"").at(1)), "hit;l2");
}

#[test]
fn scenario_a_parameter_that_counts_now_did_not_when_the_entry_was_stored() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/search?a=1&utm_x=7")), "origin 200");
    assert_eq!(tale.end(Ask::get("/search?a=1")), "hit;l1");
    for vm in [0, 1] {
        tale.act(Action::Configure(vm, "stricter"));
        assert_eq!(tale.end(Ask::get("/search?a=1").at(vm)), ["origin 200", "hit;l2"][vm]);
    }
    assert_eq!(tale.end(Ask::get("/search?a=1&utm_x=7")), "origin 200");
}

#[test]
fn scenario_a_smaller_budget_holds_at_once() {
    let mut tale = Tale::new();
    for number in 0..10 {
        tale.end(Ask::get(&format!("/v1/other/{number}")));
    }
    tale.act(Action::Configure(0, "tiny"));
    assert_eq!(tale.world.vms[0].worker.memory().entries(), 3);
    assert_eq!(tale.end(Ask::get("/v1/other/9")), "hit;l1");
    assert_eq!(tale.end(Ask::get("/v1/other/1")), "hit;l2");
}

#[test]
fn scenario_another_schema_is_another_room_in_redis() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.act(Action::Configure(1, "schema-2"));
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200");
    assert_eq!(tale.world.front.server.keys().entries(), 2);
}

#[test]
fn scenario_configurations_change_while_everything_is_under_way() {
    let mut tale = Tale::new();
    for (round, name) in ["no-redis", "stricter", "base", "schema-2", "tiny", "base"].into_iter().enumerate() {
        for at in 0..30 {
            tale.plan(at * 2 * MILLI, Action::Ask(Ask::get(&format!("/v1/{}", at % 7)).at((at % 2) as usize)));
            tale.plan(at * 2 * MILLI, Action::Ask(Ask::identify("once", &at.to_string()).at((at % 2) as usize)));
        }
        tale.plan(20 * MILLI, Action::Configure(round % 2, name));
        tale.play();
    }
}

#[test]
fn scenario_entries_leave_memory_by_its_own_time() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.later(41);
    assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l2");
    tale.later(41);
    tale.end(Ask::get("/v1/other"));
    assert_eq!(tale.world.vms[0].worker.memory().entries(), 1, "swept without being asked for");
}

#[test]
fn scenario_one_workers_experience_spares_the_other() {
    let mut tale = Tale::new();
    tale.broken_by(Fault::Mute);
    for number in 0..6 {
        tale.end(Ask::get(&format!("/v1/other/{number}")));
    }
    let before = tale.world.next_flight;
    tale.end(Ask::get("/v1/plain").at(1));
    assert_eq!(tale.world.next_flight, before);
}

#[test]
fn scenario_one_moments_requests_are_each_answered_once() {
    let mut tale = Tale::new();
    for round in 0..3 {
        let ids: Vec<u32> = (0..60).map(|at| tale.plan(0, Action::Ask(Ask::get("/v1/tagged").at(at % 2)))).collect();
        tale.play();
        let hits = ids.iter().filter(|id| tale.ended(**id) != "origin 200").count();
        assert!(round == 0 || hits > 0, "{}", tale.world.story.text());
        tale.later(2);
    }
}
