//! Refreshes with nobody waiting: what they ask, what they bring, and what becomes of those that fail.

use super::Tale;
use crate::callers::{Ask, MILLI, Sends};
use crate::network::Fault;
use crate::world::{Action, Setup};

/// A tale in which both tiers hold the answer to this, two seconds beyond its life.
fn stale(ask: &Ask) -> Tale {
    let mut tale = Tale::new();
    assert_eq!(tale.end(ask.clone()), "origin 200");
    tale.later(6);
    tale
}

#[test]
fn scenario_a_refresh_goes_on_behind_everybodys_back() {
    let mut tale = stale(&Ask::get("/b/plain"));
    let ask = || Ask { takes: 150 * MILLI, ..Ask::get("/b/plain") };
    let ids: Vec<u32> = (0..10).map(|at| tale.plan(at * 10 * MILLI, Action::Ask(ask()))).collect();
    tale.play();
    assert!(ids.iter().all(|id| tale.ended(*id) == "stale;l1"), "nobody waits");
    assert_eq!((tale.origin_asked(), tale.refreshes("confirmed")), (2, 1));
    assert_eq!(tale.end(Ask::get("/b/plain")), "hit;l1");
    tale.act(Action::Change("/b/plain".into()));
    tale.later(5);
    assert_eq!(tale.end(Ask::get("/b/plain")), "stale;l1");
    let id = tale.ask(Ask::get("/b/plain"));
    assert_eq!((tale.ended(id).as_str(), tale.refreshes("replaced")), ("hit;l1", 1));
    assert!(tale.served(id).1.contains("\"version\":1"));
}

/// What is one client's own does not go into the request for all.
#[test]
fn scenario_a_refresh_asks_for_the_whole_whatever_its_client_asked_for() {
    for (name, value) in [
        ("if-none-match", "\"s0\""),
        ("range", "bytes=0-1"),
        ("cache-control", "max-stale=1"),
        ("if-modified-since", "Fri, 15 Jan 2027 08:00:00 GMT"),
    ] {
        let mut tale = stale(&Ask::get("/b/bare"));
        tale.act(Action::Change("/b/bare".into()));
        let id = tale.ask(Ask::get("/b/bare").header(name, value));
        assert_eq!(tale.ended(id), "stale;l1");
        let asked = &tale.world.origin.exchanges[1];
        assert_eq!((asked.status(), asked.ask.headers.len()), (200, 0), "{name}: {:?}", asked.ask.headers);
        assert_eq!(tale.end(Ask::get("/b/bare")), "hit;l1");
        assert_eq!(tale.end(Ask::new("HEAD", "/b/bare")), "hit;l1");
    }
    let mut tale = stale(&Ask::get("/b/plain"));
    assert_eq!(tale.end(Ask::new("HEAD", "/b/plain")), "stale;l1");
    assert_eq!(tale.world.origin.exchanges[1].ask.method, "GET");
}

#[test]
fn scenario_a_refresh_looks_into_l2_first() {
    let mut tale = Tale::new();
    for vm in [0, 1] {
        tale.end(Ask::get("/b/plain").at(vm));
    }
    tale.later(6);
    assert_eq!(tale.end(Ask::get("/b/plain")), "stale;l1");
    let before = tale.origin_asked();
    assert_eq!(tale.end(Ask::get("/b/plain").at(1)), "stale;l1");
    assert_eq!((tale.origin_asked(), tale.refreshes("found")), (before, 1));
    assert_eq!(tale.end(Ask::get("/b/plain").at(1)), "hit;l1");
}

#[test]
fn scenario_a_refresh_that_fails_leaves_what_there_is_and_the_next_one_tries_again() {
    for sends in [Sends::Refused, Sends::Hang, Sends::Cut, Sends::Short, Sends::UntilClose] {
        let mut tale = stale(&Ask::get("/b/bare"));
        assert_eq!(tale.end(Ask::get("/b/bare").sends(sends)), "stale;l1");
        assert_eq!(tale.refreshes("failed"), 1, "{sends:?}: {}", tale.world.story.text());
        assert_eq!(tale.end(Ask::get("/b/bare")), "stale;l1");
        assert_eq!(tale.end(Ask::get("/b/bare")), "hit;l1");
    }
    let mut tale = stale(&Ask::get("/b/bare"));
    assert_eq!(tale.end(Ask::get("/b/bare").status(503)), "stale;l1");
    assert_eq!(tale.end(Ask { takes: 400 * MILLI, ..Ask::get("/b/bare") }), "stale;l1", "too slow");
    let refused = Ask::get("/b/bare").sends(Sends::NoCluster);
    assert_eq!(tale.end(refused), "stale;l1", "the host refuses the call");
    assert_eq!(tale.refreshes("failed"), 3);
}

#[test]
fn scenario_l2_may_fail_a_refresh_and_the_origin_is_asked() {
    for fault in [Fault::Down, Fault::Mute, Fault::Babble, Fault::ReadOnly, Fault::Slow] {
        let mut tale = stale(&Ask::get("/b/plain"));
        tale.broken_by(fault);
        assert_eq!(tale.end(Ask::get("/b/plain")), "stale;l1");
        assert_eq!(tale.end(Ask::get("/b/plain")), "hit;l1", "{fault:?}");
        assert_eq!(tale.refreshes("confirmed"), 1);
    }
}

#[test]
fn scenario_a_refresh_whose_root_is_gone_is_given_up_in_time() {
    let mut tale = Tale::new();
    let path = "/b/long";
    tale.end(Ask::get(path));
    tale.later(5);
    tale.plan(0, Action::Ask(Ask { takes: 200 * MILLI, ..Ask::get(path) }));
    tale.plan(50 * MILLI, Action::LoseRoot(0));
    tale.play();
    assert_eq!(tale.end(Ask::get(path)), "stale;l1", "somebody is thought to ask");
    assert_eq!(tale.refreshes("failed") + tale.refreshes("confirmed"), 0);
    tale.later(91);
    tale.end(Ask::get("/v1/plain"));
    assert_eq!(tale.refreshes("failed"), 1);
    assert_eq!(tale.end(Ask::get(path)), "origin 200");
    tale.later(5);
    assert_eq!(tale.end(Ask::get(path)), "stale;l1");
    assert_eq!(tale.end(Ask::get(path)), "hit;l1");
}

#[test]
fn scenario_what_a_refresh_brings_from_before_a_change_is_not_kept() {
    for at in 0..30 {
        let mut tale = stale(&Ask::get("/b/plain"));
        tale.plan(0, Action::Ask(Ask { takes: 20 * MILLI, ..Ask::get("/b/plain") }));
        tale.plan(at * MILLI, Action::Ask(Ask { takes: MILLI, ..Ask::new("PUT", "/b/plain") }));
        tale.play();
        for vm in [0, 1] {
            tale.end(Ask::get("/b/plain").at(vm));
        }
    }
}

#[test]
fn scenario_a_body_or_no_cluster_makes_a_request_lead() {
    let mut tale = Tale::with(Setup { setting: Some("windowless"), ..Setup::default() });
    tale.end(Ask::get("/b/plain"));
    tale.later(6);
    assert_eq!(tale.end(Ask::get("/b/plain")), "revalidated;origin", "no cluster to ask behind anybody's back");
}

/// An error has a life of its own under this rule; what may stand in for it is not to be lost for that.
#[test]
fn scenario_a_refresh_does_not_put_an_error_in_the_place_of_an_answer() {
    for sends in [Sends::Refused, Sends::Hang] {
        let mut tale = Tale::with(Setup { setting: Some("negative"), ..Setup::default() });
        for path in ["/w/plain", "/b/plain"] {
            assert_eq!(tale.end(Ask::get(path)), "origin 200");
            tale.later(5);
            let end = tale.end(Ask::get(path).sends(sends));
            assert!(end.starts_with("stale"), "{sends:?}, {path}: {end}");
            let end = tale.end(Ask { takes: MILLI, ..Ask::get(path) });
            assert!(end.starts_with("stale") || end.starts_with("revalidated"), "{sends:?}, {path}: {end}");
        }
    }
}
