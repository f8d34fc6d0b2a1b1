//! Unsafe requests: what they change is never again what their worker says, nor what L2 says to anybody.

use super::Tale;
use crate::callers::{Ask, MILLI, SECOND};
use crate::network::Fault;
use crate::world::{Action, Setup};

fn put(target: &str) -> Ask {
    Ask { takes: MILLI, ..Ask::new("PUT", target) }
}

#[test]
fn scenario_what_was_changed_is_asked_for_again_in_both_tiers() {
    for (method, status) in [("PUT", 200), ("POST", 201), ("DELETE", 204), ("POST", 303), ("M-SEARCH", 207)] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
        assert_eq!(tale.end(Ask::new(method, "/v1/plain").status(status)), format!("origin {status}"));
        assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200", "L2 has banned it: {method}");
        assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l2", "{method}");
        assert_eq!(tale.calls("publish", "ok"), 1);
    }
}

#[test]
fn scenario_what_failed_or_was_only_asked_changes_nothing() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    assert_eq!(tale.end(put("/v1/plain").status(409)), "origin 409");
    assert_eq!(tale.end(put("/v1/plain").status(500)), "origin 500");
    assert_eq!(tale.end(put("/v1/plain").sends(crate::callers::Sends::Refused)), "origin 503");
    assert_eq!(
        tale.end(put("/v1/plain").sends(crate::callers::Sends::Replaced)),
        "origin 200",
        "not the origin's word"
    );
    assert_eq!(tale.end(put("/v1/plain?a")), "origin 200");
    assert_eq!(tale.end(Ask { host: "other".into(), ..put("/v1/plain") }), "origin 200");
    assert_eq!(tale.end(Ask::new("OPTIONS", "/v1/plain")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l1");
}

/// Under every variant and key header, whatever the spelling of host and query, with or without TLS, also of another rule.
#[test]
fn scenario_everything_of_the_uri_goes() {
    let lang = |language: &str| Ask::get("/v1/lang").header("accept-language", language);
    let keyed = |tenant: &str| Ask::get("/keyed/a").header("x-tenant", tenant);
    let search = |query: &str| Ask::get(&format!("/search?{query}"));
    let tls = |ask: Ask| Ask { scheme: "https", ..ask };
    for (gets, change) in [
        (vec![lang("en"), lang("fr")], put("/v1/lang")),
        (vec![keyed("red"), keyed("blue")], put("/keyed/a")),
        (vec![search("a=1&b=2"), search("a=1&b=3")], put("/search?b=2&utm_x=1&a=1")),
        (vec![Ask::get("/v1/plain"), tls(Ask::get("/v1/plain"))], tls(put("/v1/plain"))),
        (vec![Ask::get("/v1/plain")], Ask { host: "API:80".into(), ..put("/v1/plain") }),
        (vec![Ask::identify("once", "\"s-alice\"")], put("/identify")),
        (vec![Ask::post("/compare", "one"), Ask::post("/compare", "two")], Ask::new("DELETE", "/compare")),
    ] {
        let mut tale = Tale::new();
        for ask in &gets {
            assert_eq!(tale.end(ask.clone()), "origin 200");
            assert_eq!(tale.end(ask.clone()), "hit;l1");
        }
        let text = change.text();
        assert_eq!(tale.end(change), "origin 200");
        let kept = gets.iter().filter(|ask| tale.end((*ask).clone()) == "hit;l1").count();
        assert_eq!(kept, usize::from(text.contains("/search")), "another query stays: {text}");
    }
}

#[test]
fn scenario_what_the_answer_names_goes_too_but_nothing_of_another_origin() {
    let other = Ask { host: "other".into(), ..Ask::get("/v1/new") };
    for (header, uri, expected) in [
        ("location", "/v1/new", ["origin 200", "hit;l1"]),
        ("content-location", "http://api/v1/new", ["origin 200", "hit;l1"]),
        ("location", "http://other/v1/new", ["hit;l1", "hit;l1"]),
        ("content-location", "https://api/v1/new", ["hit;l1", "hit;l1"]),
    ] {
        let mut tale = Tale::new();
        for ask in [Ask::get("/v1/new"), other.clone()] {
            assert_eq!(tale.end(ask), "origin 200");
        }
        assert_eq!(tale.end(Ask::post("/v1/form", "x").status(201).points(header, uri)), "origin 201");
        assert_eq!([Ask::get("/v1/new"), other.clone()].map(|ask| tale.end(ask)), expected, "{header}: {uri}");
    }
}

#[test]
fn scenario_a_fill_from_before_the_ban_is_no_use_to_anybody() {
    let mut tale = Tale::new();
    tale.plan(0, Action::Ask(Ask { takes: 2 * MILLI, ..Ask::get("/v1/large") }));
    let late = Ask { sends: crate::callers::Sends::Chunked, takes: 30 * MILLI, ..Ask::get("/v1/large?2").at(1) };
    tale.plan(0, Action::Ask(late));
    tale.plan(31 * MILLI, Action::Ask(put("/v1/large?2")));
    tale.play();
    assert_eq!(tale.end(Ask::get("/v1/large?2").at(2)), "origin 200", "{}", tale.world.story.text());
}

#[test]
fn scenario_what_is_under_way_in_its_own_worker_is_not_kept() {
    for at in 0..40 {
        let mut tale = Tale::new();
        tale.end(Ask::get("/v1/warm"));
        tale.plan(0, Action::Ask(Ask { takes: 20 * MILLI, ..Ask::get("/v1/plain") }));
        tale.plan(at * MILLI, Action::Ask(put("/v1/plain")));
        tale.play();
        tale.end(Ask::get("/v1/plain"));
        tale.end(Ask::get("/v1/plain").at(1));
    }
}

/// L2 is asked while the ban is on its way, and its two answers may overtake one another.
#[test]
fn scenario_l2_is_not_believed_before_it_has_heard() {
    for lagging in [false, true] {
        let mut tale = Tale::new();
        tale.end(Ask::get("/v1/warm"));
        tale.end(put("/v1/warm"));
        for number in 0..120 {
            let target = format!("/v1/{number}");
            assert_eq!(tale.end(Ask::get(&target).at(1)), "origin 200");
            if lagging {
                tale.world.front.fault = Some((Fault::Lagging, tale.world.now + SECOND));
            }
            tale.plan(0, Action::Ask(put(&target)));
            for at in 0..12 {
                tale.plan(MILLI + at * 500, Action::Ask(Ask::get(&target)));
            }
            tale.play();
        }
    }
}

#[test]
fn scenario_an_answer_to_post_that_represents_its_uri_answers_a_get() {
    let mut tale = Tale::new();
    let post = || Ask::post("/w/said", "x").points("content-location", "/w/said");
    assert_eq!(tale.end(post()), "origin 200");
    assert_eq!(tale.end(Ask::get("/w/said")), "hit;l1");
    assert_eq!(tale.end(Ask::get("/w/said").at(1)), "origin 200", "without a look into L2 nothing is filled");
    let bare = Ask::post("/w/bare", "x").points("content-location", "/w/bare");
    assert_eq!(tale.end(bare), "origin 200");
    assert_eq!(tale.end(Ask::get("/w/bare")), "origin 200", "the origin did not say how long");
}

/// Two changes at once: the answer to the first says what was before the second.
#[test]
fn scenario_a_representation_that_was_overtaken_is_not_kept() {
    for at in 0..40 {
        let mut tale = Tale::new();
        let post = Ask { takes: 20 * MILLI, ..Ask::post("/w/said", "x").points("content-location", "/w/said") };
        tale.plan(0, Action::Ask(post));
        tale.plan(at * MILLI, Action::Ask(put("/w/said")));
        tale.play();
        tale.end(Ask::get("/w/said"));
    }
}

#[test]
fn scenario_a_head_without_validators_does_not_bring_back_what_was_banned() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/w/bare").at(1)), "origin 200");
    assert_eq!(tale.end(put("/w/bare")), "origin 200");
    let asking = Ask::new("HEAD", "/w/bare").header("cache-control", "no-cache").at(1);
    assert_eq!(tale.end(asking), "origin 200");
    let end = tale.end(Ask::get("/w/bare"));
    assert!(end == "origin 200", "{end}");
}

#[test]
fn scenario_bans_outlive_a_failover_and_a_lost_script() {
    for action in [Action::Failover, Action::FlushScripts] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
        assert_eq!(tale.end(put("/v1/plain").at(1)), "origin 200");
        tale.act(action.clone());
        assert_eq!(tale.end(put("/v1/other").at(1)), "origin 200");
        assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200", "{action:?}");
        assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "hit;l1");
    }
}

#[test]
fn scenario_what_was_fetched_under_another_master_or_before_a_flush_is_not_filled() {
    for (action, banned) in [(Action::Failover, 0), (Action::Failover, 2), (Action::Wipe, 2)] {
        let mut tale = Tale::new();
        for number in 0..banned {
            tale.end(put(&format!("/v1/{number}")));
        }
        tale.plan(0, Action::Ask(Ask { takes: 50 * MILLI, ..Ask::get("/v1/plain") }));
        tale.plan(30 * MILLI, action.clone());
        tale.play();
        assert_eq!(tale.calls("fill", "fenced"), 1, "{action:?}");
        assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200");
    }
}

#[test]
fn scenario_many_bans_make_room_for_themselves() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/old")), "origin 200");
    tale.end(put("/v1/first"));
    let fill = |tale: &Tale, since: i64| {
        let mut keys = tale.world.front.server.keys();
        let bans = &mut keys.hashes.get_mut(&b"fpc:bans"[..]).unwrap().fields;
        let ban = bans.values().find(|ban| ban.contains(&b':')).unwrap().clone();
        let epoch_and_n = String::from_utf8(ban).unwrap().rsplit_once(':').unwrap().0.to_owned();
        for number in 0..10_000 {
            bans.insert(format!("uri:{number:032x}").into_bytes(), format!("{epoch_and_n}:{since}").into_bytes());
        }
        bans.len()
    };
    let count = |tale: &Tale| tale.world.front.server.keys().hashes[&b"fpc:bans"[..]].fields.len();
    let now = tale.world.redis_clock() / 1000;
    assert_eq!(fill(&tale, now - 9 * 86_400_000), 10_002);
    tale.end(put("/v1/second"));
    assert_eq!(count(&tale), 3, "those that outlived all entries went");
    assert_eq!(tale.end(Ask::get("/v1/old").at(1)), "hit;l2");
    fill(&tale, now);
    tale.end(put("/v1/third"));
    assert_eq!(count(&tale), 2, "one ban of all took their place");
    let keys = tale.world.front.server.keys();
    let bans = &keys.hashes[&b"fpc:bans"[..]].fields;
    assert!(bans.contains_key(&b"i:all:"[..]), "{:?}", bans.keys());
}

#[test]
fn scenario_l2_is_doubted_of_a_ban_that_it_did_not_take() {
    for fault in [Fault::Down, Fault::NoCluster, Fault::ReadOnly, Fault::Mute] {
        for after in [20 * MILLI, 2 * SECOND, 40 * SECOND] {
            let mut tale = Tale::new();
            assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200");
            tale.plan(0, Action::Fault(fault, 10 * MILLI));
            tale.plan(0, Action::Ask(put("/v1/plain")));
            tale.plan(after, Action::Ask(Ask::get("/v1/plain")));
            tale.play();
            assert_eq!(tale.origin_asked(), 3, "{fault:?}: {}", tale.world.story.text());
        }
    }
}

#[test]
fn scenario_without_redis_a_worker_knows_what_it_has_changed() {
    let mut tale = Tale::with(Setup { setting: Some("no-redis"), ..Setup::default() });
    for vm in [0, 1] {
        assert_eq!(tale.end(Ask::get("/v1/plain").at(vm)), "origin 200");
    }
    assert_eq!(tale.end(put("/v1/plain")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "hit;l1", "the other one has not heard");
    assert_eq!(tale.world.next_flight, 0);
}

/// Two bans of one URI under way: the answer to the first says nothing of the second.
#[test]
fn scenario_each_ban_is_heard_of_for_itself() {
    for round in 0..10 {
        let mut tale = Tale::new();
        tale.end(Ask::get("/v1/warm"));
        tale.end(put("/v1/warm"));
        for _ in 0..round {
            tale.end(Ask::get("/untouched"));
        }
        let quick = |ask: Ask| Action::Ask(Ask { takes: MILLI / 2, ..ask });
        tale.plan(0, Action::Fault(Fault::Lagging, 7 * MILLI));
        tale.plan(0, quick(put("/v1/plain")));
        tale.plan(7 * MILLI, quick(Ask::get("/v1/plain").at(1)));
        tale.plan(22 * MILLI, Action::Fault(Fault::Slow, 8 * MILLI));
        tale.plan(22 * MILLI, quick(put("/v1/plain")));
        for at in 48..60 {
            tale.plan(at * MILLI, quick(Ask::get("/v1/plain")));
        }
        tale.play();
    }
}

/// A configuration under which L2 keeps less does not believe what lay there for longer: bans may have gone before it.
#[test]
fn scenario_what_lies_in_l2_for_longer_than_bans_do_is_not_believed() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.act(Action::Configure(1, "brief"));
    tale.later(8);
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "hit;l2");
    tale.later(41);
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "origin 200");
}
