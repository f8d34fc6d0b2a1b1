//! Stale answers: while somebody asks, instead of an error, and never where somebody forbids it.

use super::Tale;
use crate::callers::{Ask, MILLI, SECOND, Sends};
use crate::world::Action;

/// A tale in which both tiers hold the answer to this, two seconds beyond its life.
fn stale(ask: &Ask) -> Tale {
    let mut tale = Tale::new();
    assert_eq!(tale.end(ask.clone()), "origin 200");
    tale.later(6);
    tale
}

#[test]
fn scenario_one_asks_and_the_others_are_served_meanwhile() {
    for path in ["/w/plain", "/w/bare", "/w/said", "/w/cdn", "/w/dated"] {
        let mut tale = stale(&Ask::get(path));
        let leader = tale.plan(0, Action::Ask(Ask { takes: 200 * MILLI, ..Ask::get(path) }));
        let others: Vec<u32> = (1..20).map(|at| tale.plan(at * 8 * MILLI, Action::Ask(Ask::get(path)))).collect();
        tale.play();
        assert!(!tale.ended(leader).starts_with("stale"), "{path}");
        for id in others {
            assert_eq!(tale.ended(id), "stale;l1", "{path}");
        }
        assert_eq!(tale.origin_asked(), 2, "{path}");
        assert_eq!(tale.end(Ask::get(path)), "hit;l1", "{path}");
    }
}

#[test]
fn scenario_each_variant_has_one_leader_in_all_workers() {
    let lang = |language: &str, vm: usize| Ask {
        takes: 200 * MILLI,
        ..Ask::get("/w/lang").header("accept-language", language).at(vm)
    };
    let mut tale = Tale::new();
    for ask in [lang("en", 0), lang("fr", 0), lang("en", 1), lang("fr", 1)] {
        tale.end(ask);
    }
    tale.later(5);
    let mut ids = Vec::new();
    for round in 0..3 {
        for (language, vm) in [("en", 0), ("fr", 0), ("en", 1), ("fr", 1)] {
            ids.push(tale.plan(round * 20 * MILLI, Action::Ask(lang(language, vm))));
        }
    }
    tale.play();
    let stale = ids.iter().filter(|id| tale.ended(**id).starts_with("stale")).count();
    assert_eq!(stale, 10, "{}", tale.world.story.text());
}

#[test]
fn scenario_who_leads_and_leaves_is_followed_by_another() {
    for (leaves, sends) in [(Some(1), Sends::Whole), (Some(30 * MILLI), Sends::Whole), (None, Sends::Short)] {
        let mut tale = stale(&Ask::get("/w/bare"));
        let leader = Ask { takes: 100 * MILLI, leaves, sends, ..Ask::get("/w/bare") };
        tale.plan(0, Action::Ask(leader));
        tale.play();
        let before = tale.origin_asked();
        assert_eq!(tale.end(Ask::get("/w/bare")), "origin 200");
        assert_eq!(tale.origin_asked(), before + 1);
    }
}

#[test]
fn scenario_beyond_the_window_they_wait_for_the_one_who_asks() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/w/bare")), "origin 200");
    tale.later(11);
    let ids: Vec<u32> = (0..5).map(|at| tale.plan(at * MILLI, Action::Ask(Ask::get("/w/bare")))).collect();
    tale.play();
    assert_eq!(tale.ended(ids[0]), "origin 200");
    assert!(ids[1..].iter().all(|id| tale.ended(*id) == "collapsed;origin"));
}

#[test]
fn scenario_an_answer_from_l2_may_be_stale_too() {
    let mut tale = stale(&Ask::get("/w/plain"));
    let ask = || Ask { takes: 200 * MILLI, ..Ask::get("/w/plain").at(1) };
    let ids: Vec<u32> = (0..8).map(|at| tale.plan(at * 10 * MILLI, Action::Ask(ask()))).collect();
    tale.play();
    let ends: Vec<String> = ids.iter().map(|id| tale.ended(*id)).collect();
    assert_eq!(ends[0], "revalidated;origin");
    assert!(ends[1..].iter().all(|end| end.starts_with("stale")), "{ends:?}");
}

#[test]
fn scenario_what_must_be_asked_for_is_never_served_stale() {
    for path in ["/w/must", "/w/proxy", "/w/shared", "/w/nocache"] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get(path)), "origin 200");
        tale.later(5);
        let ids: Vec<u32> = (0..4).map(|at| tale.plan(at * MILLI, Action::Ask(Ask::get(path)))).collect();
        let most = tale.plan(0, Action::Ask(Ask::get(path).header("cache-control", "max-stale")));
        tale.play();
        for id in ids.into_iter().chain([most]) {
            assert!(
                ["origin 200", "revalidated;origin", "collapsed;origin"].contains(&tale.ended(id).as_str()),
                "{path}"
            );
        }
        tale.act(Action::Trouble(503, SECOND));
        tale.later(5);
        tale.act(Action::Trouble(503, 100 * SECOND));
        assert_eq!(tale.end(Ask::get(path)), "origin 503", "{path}");
    }
}

#[test]
fn scenario_the_client_has_the_last_word() {
    for (control, expected) in [
        ("no-cache", "revalidated;origin"),
        ("max-age=3", "hit;l2"),
        ("min-fresh=1", "hit;l2"),
        ("max-age=7", "stale;l1"),
        ("only-if-cached", "stale;l1"),
        ("max-stale=3", "stale;l1"),
    ] {
        let mut tale = stale(&Ask::get("/w/plain"));
        tale.plan(0, Action::Ask(Ask { takes: 300 * MILLI, ..Ask::get("/w/plain") }));
        let id = tale.plan(100 * MILLI, Action::Ask(Ask::get("/w/plain").header("cache-control", control)));
        tale.play();
        assert_eq!(tale.ended(id), expected, "{control}");
    }
}

#[test]
fn scenario_a_client_that_takes_what_is_stale_gets_it_whatever_the_windows() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/short")), "origin 200");
    tale.later(7);
    for (control, expected) in
        [("max-stale=1", "origin 200"), ("max-stale=9, max-age=6", "hit;l1"), ("max-stale=0", "hit;l1")]
    {
        assert_eq!(tale.end(Ask::get("/v1/short").header("cache-control", control)), expected, "{control}");
    }
    tale.later(7);
    assert_eq!(tale.end(Ask::get("/v1/short").header("cache-control", "max-stale=9")), "stale;l1");
    assert_eq!(tale.end(Ask::get("/v1/short").header("cache-control", "max-stale")), "stale;l1");
    assert_eq!(tale.end(Ask::get("/v1/short").header("cache-control", "max-stale, min-fresh=1")), "origin 200");
}

#[test]
fn scenario_a_stale_answer_takes_the_place_of_an_error() {
    for status in [500, 502, 503, 504] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/w/plain")), "origin 200");
        tale.later(15);
        for vm in [0, 1] {
            let id = tale.ask(Ask::get("/w/plain").status(status).at(vm));
            assert_eq!((tale.ended(id).as_str(), tale.status(id)), ("stale;origin", 200));
        }
        tale.later(10);
        assert_eq!(tale.end(Ask::get("/w/plain").status(status)), format!("origin {status}"), "beyond the window");
    }
}

/// What it would stand in for may be of after the change.
#[test]
fn scenario_what_was_changed_meanwhile_is_not_given_instead_of_an_error() {
    let mut tale = stale(&Ask::get("/w/plain"));
    let leader = tale.plan(0, Action::Ask(Ask { takes: 50 * MILLI, ..Ask::get("/w/plain").fails(503) }));
    tale.plan(5 * MILLI, Action::Ask(Ask { takes: MILLI, ..Ask::new("PUT", "/w/plain") }));
    tale.play();
    assert_eq!(tale.ended(leader), "origin 503");
}

#[test]
fn scenario_the_origins_windows_come_before_the_rules() {
    for (after, ends) in
        [(8_700, ["revalidated;origin", "stale;l1"]), (9_100, ["revalidated;origin", "collapsed;origin"])]
    {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/w/cdn")), "origin 200");
        tale.until(tale.world.origin.exchanges[0].born + after * MILLI);
        let ids = [0, 10].map(|at| {
            let ask = Ask { takes: 100 * MILLI, ..Ask::get("/w/cdn") };
            tale.plan(at * MILLI, Action::Ask(ask))
        });
        tale.play();
        assert_eq!(ids.map(|id| tale.ended(id)), ends, "after {after} ms");
    }
}

#[test]
fn scenario_an_origin_that_cannot_be_reached_is_an_error_too() {
    for sends in [Sends::Refused, Sends::Hang] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/w/said")), "origin 200");
        tale.later(5);
        assert_eq!(tale.end(Ask::get("/w/said").sends(sends)), "stale;origin", "{sends:?}");
    }
}

#[test]
fn scenario_an_error_that_is_not_one_of_the_origins_is_passed_on() {
    let mut tale = stale(&Ask::get("/w/plain"));
    for status in [501, 429, 403, 400] {
        assert_eq!(tale.end(Ask::get("/w/plain").status(status)), format!("origin {status}"));
    }
    let fresh = Ask::get("/w/plain").header("cache-control", "no-cache").status(503);
    assert_eq!(tale.end(fresh), "origin 503", "the client wants the origin's word");
}
