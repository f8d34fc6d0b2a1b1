//! Unsafe requests: what they make untrue, where, and what they leave alone.

use super::Tale;
use crate::callers::{Ask, MILLI, Sends};
use crate::network::Fault;
use crate::notices::Says;
use crate::world::{Action, Setup};

fn put(target: &str) -> Ask {
    Ask::new("PUT", target)
}

#[test]
fn scenario_what_changes_is_told_anew_in_both_tiers() {
    for method in ["PUT", "POST", "DELETE", "PATCH", "PURGE"] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
        assert_eq!(tale.end(Ask::new(method, "/v1/plain")), "origin 200");
        assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200", "{method}: banned in L2");
        assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l2", "{method}: gone from L1, and new in L2");
    }
}

#[test]
fn scenario_the_end_of_an_invalidation_is_heard_by_whoever_is_still_there() {
    let mut tale = Tale::new();
    let slow = Ask { body: Some(b"news".to_vec()), pieces: vec![MILLI], ..put("/v1/large") };
    for _ in 0..20 {
        tale.end(slow.clone());
    }
    assert!(tale.calls("publish", "ok") > 0);
}

#[test]
fn scenario_what_fails_changes_nothing() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    for status in [400, 404, 500, 503] {
        assert_eq!(tale.end(put("/v1/plain").fails(status)), format!("origin {status}"));
    }
    for sends in [Sends::Refused, Sends::Replaced, Sends::Hang] {
        tale.end(put("/v1/plain").sends(sends));
    }
    tale.end(Ask::new("OPTIONS", "/v1/plain"));
    assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l1");
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "hit;l2");
}

#[test]
fn scenario_all_variants_of_a_uri_go_and_no_other_uri() {
    let mut tale = Tale::new();
    let lang = |language: &str| Ask::get("/v1/lang").header("accept-language", language);
    let other = || Ask { host: "other".into(), ..Ask::get("/v1/lang") };
    for ask in [lang("en"), lang("fr"), other(), Ask::get("/v1/plain"), Ask::get("/v1/lang?page=2")] {
        assert_eq!(tale.end(ask), "origin 200");
    }
    assert_eq!(tale.end(put("/v1/lang")), "origin 200");
    for (ask, expected) in [
        (lang("en"), "origin 200"),
        (lang("fr"), "origin 200"),
        (other(), "hit;l1"),
        (Ask::get("/v1/plain"), "hit;l1"),
        (Ask::get("/v1/lang?page=2"), "hit;l1"),
    ] {
        let text = ask.text();
        assert_eq!(tale.end(ask), expected, "{text}");
    }
}

#[test]
fn scenario_what_is_keyed_on_a_body_goes_with_its_uri() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
    assert_eq!(tale.end(put("/identify")), "origin 200");
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
    assert_eq!(tale.end(put("/search?utm_x=7&b=2&a=1")), "origin 200", "as the rule tells URIs apart");
}

#[test]
fn scenario_a_query_is_the_same_as_the_rule_says() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/search?a=1&b=2")), "origin 200");
    assert_eq!(tale.end(put("/search?b=2&utm_x=9&a=1")), "origin 200");
    assert_eq!(tale.end(Ask::get("/search?a=1&b=2")), "origin 200");
}

#[test]
fn scenario_what_an_answer_points_to_goes_too_where_it_is_of_the_same_origin() {
    for (name, reference, goes) in [
        ("location", "/v1/plain", true),
        ("content-location", "/v1/plain", true),
        ("location", "http://api/v1/plain", true),
        ("location", "http://API:80/v1/plain", true),
        ("location", "../plain", true),
        ("location", "http://elsewhere/v1/plain", false),
        ("location", "https://api/v1/plain", false),
        ("content-location", "//elsewhere/v1/plain", false),
        ("location", "http://api:81/v1/plain", false),
    ] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
        assert_eq!(tale.end(Ask::new("POST", "/v1/lists/all").points(name, reference)), "origin 200");
        let expected = if goes { "origin 200" } else { "hit;l1" };
        assert_eq!(tale.end(Ask::get("/v1/plain")), expected, "{name}: {reference}");
    }
}

/// What was fetched before and comes after is no use: to the worker that knows, nor to any other, once it has heard.
#[test]
fn scenario_an_answer_from_before_a_change_is_not_kept_after_it() {
    for vm in [0, 1, 2] {
        let mut tale = Tale::new();
        tale.end(Ask::get("/v1/other"));
        tale.plan(0, Action::Ask(Ask { takes: 200 * MILLI, ..Ask::get("/v1/plain") }));
        tale.plan(50 * MILLI, Action::Ask(put("/v1/plain").at(vm)));
        tale.play();
        if vm == 0 {
            assert_eq!(tale.world.counted(&["not_stored", "overtaken"]), 1);
        }
        tale.later(1);
        assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200", "changed in worker {vm}");
        assert_eq!(tale.end(Ask::get("/v1/plain").at(3)), "hit;l2");
    }
}

#[test]
fn scenario_the_body_of_an_answer_from_before_a_change_is_not_kept_either() {
    let mut tale = Tale::new();
    for at in 0..30 {
        let path = format!("/v1/other/{at}");
        tale.plan(0, Action::Ask(Ask { takes: 20 * MILLI, ..Ask::get(&path) }));
        tale.plan(at * MILLI / 4, Action::Ask(Ask { takes: 18 * MILLI, ..put(&path) }));
        tale.play();
        tale.end(Ask::get(&path));
        tale.end(Ask::get(&path).at(1));
    }
    assert!(tale.world.counted(&["not_stored", "overtaken"]) > 3);
}

#[test]
fn scenario_l2_is_not_believed_while_it_may_not_have_heard() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.plan(0, Action::Fault(Fault::Slow, 30 * MILLI));
    tale.plan(0, Action::Ask(Ask { takes: 20 * MILLI, ..put("/v1/plain") }));
    let ids: Vec<u32> = (35..70).map(|at| tale.plan(at * MILLI, Action::Ask(Ask::get("/v1/plain")))).collect();
    tale.play();
    assert_eq!(tale.ended(ids[0]), "origin 200", "{}", tale.world.story.text());
}

/// The lookup ran before the ban; its reply comes after that of the ban.
#[test]
fn scenario_what_l2_said_before_a_change_is_not_believed_after_it() {
    let mut tale = Tale::new();
    for at in 0..20 {
        let path = format!("/v1/large?{at}");
        assert_eq!(tale.end(Ask::get(&path).at(1)), "origin 200");
        tale.plan(10 * MILLI, Action::Fault(Fault::Lagging, 9 * MILLI));
        tale.plan(0, Action::Ask(Ask::new("PUT", &path)));
        let id = tale.plan(15 * MILLI, Action::Ask(Ask::get(&path)));
        tale.play();
        assert_eq!(tale.ended(id), "origin 200", "{}", tale.world.story.text());
    }
    assert!(tale.calls("publish", "ok") > 3);
}

#[test]
fn scenario_a_change_is_told_to_redis_whatever_the_breaker_says() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.broken_by(Fault::Mute);
    for number in 0..8 {
        tale.end(Ask::get(&format!("/v1/other/{number}")));
    }
    assert_eq!(tale.world.counted(&["breaker_open"]), 1);
    assert_eq!(tale.end(put("/v1/plain")), "origin 200");
    tale.mended();
    tale.later(20);
    assert_eq!(tale.end(Ask::get("/v1/probe").header("cache-control", "max-age=0")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200", "the command ran, though nobody heard of it");
}

#[test]
fn scenario_a_redis_that_cannot_be_told_costs_no_request() {
    for fault in [Fault::NoCluster, Fault::Down, Fault::ReadOnly, Fault::Babble, Fault::Full, Fault::Forbidden] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
        tale.broken_by(fault);
        assert_eq!(tale.end(put("/v1/plain")), "origin 200", "{fault:?}");
        assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200", "{fault:?}");
    }
}

#[test]
fn scenario_a_ban_outlives_its_master() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    assert_eq!(tale.end(put("/v1/plain")), "origin 200");
    tale.act(Action::Failover);
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l2", "what came under the new master is admitted");
}

#[test]
fn scenario_what_was_fetched_before_a_flush_or_under_another_master_is_fenced() {
    for action in [Action::Wipe, Action::Failover] {
        let mut tale = Tale::new();
        tale.act(Action::Publish(Says::new("invalidate", "tag", "nobody's")));
        tale.end(Ask::get("/v1/other"));
        tale.plan(0, Action::Ask(Ask { takes: 100 * MILLI, ..Ask::get("/v1/plain") }));
        tale.plan(50 * MILLI, action);
        tale.play();
        assert_eq!(tale.calls("fill", "fenced"), 1, "{}", tale.world.story.text());
        assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200");
    }
}

#[test]
fn scenario_an_answer_to_post_that_stands_for_its_uri_answers_get() {
    let mut tale = Tale::new();
    let post = |target: &str| Ask::new("POST", target).points("content-location", target);
    assert_eq!(tale.end(post("/v1/expires")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/expires")), "hit;l1");
    assert_eq!(tale.end(post("/v1/plain")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200", "the origin gave it no lifetime");
    assert_eq!(tale.end(Ask::new("PUT", "/v1/short").points("content-location", "/v1/short")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/short")), "origin 200", "only POST's");
    let elsewhere = Ask::new("POST", "/v1/shared").points("content-location", "/v1/lists/1");
    for ask in
        [elsewhere, Ask::new("POST", "/v1/shared").points("location", "/v1/shared"), Ask::new("POST", "/v1/shared")]
    {
        assert_eq!(tale.end(ask), "origin 200");
        assert_eq!(tale.end(Ask::get("/v1/shared")), "origin 200", "it does not say what it is");
    }
    assert_eq!(tale.end(post("/v1/private")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/private")), "origin 200");
}

#[test]
fn scenario_but_not_where_another_change_came_first() {
    let mut tale = Tale::new();
    let post = |takes: u64| Ask { takes, ..Ask::new("POST", "/v1/expires").points("content-location", "/v1/expires") };
    tale.plan(0, Action::Ask(post(100 * MILLI)));
    tale.plan(10 * MILLI, Action::Ask(post(20 * MILLI)));
    tale.play();
    assert_eq!(tale.end(Ask::get("/v1/expires")), "origin 200", "{}", tale.world.story.text());
}

#[test]
fn scenario_an_answer_to_head_drops_what_it_contradicts_and_without_a_validator_changes_nothing() {
    let mut tale = Tale::new();
    let head = |path: &str| Ask::new("HEAD", path).header("cache-control", "no-cache");
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.later(20);
    assert_eq!(tale.end(head("/v1/plain")), "origin 200");
    let id = tale.ask(Ask::get("/v1/plain"));
    assert_eq!((tale.ended(id).as_str(), tale.served(id).0), ("hit;l1", 20));
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "origin 200");
    assert_eq!(tale.end(head("/v1/tagged")), "revalidated;origin");
    tale.act(Action::Change("/v1/tagged".into()));
    assert_eq!(tale.end(head("/v1/tagged")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/tagged").at(1)), "origin 200", "contradicted, so gone from L2");
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "hit;l2", "and from L1");
}

#[test]
fn scenario_without_redis_each_worker_hears_for_itself() {
    let mut tale = Tale::with(Setup { setting: Some("no-redis"), ..Setup::default() });
    for vm in [0, 1] {
        assert_eq!(tale.end(Ask::get("/v1/plain").at(vm)), "origin 200");
    }
    assert_eq!(tale.end(put("/v1/plain")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "hit;l1");
}
