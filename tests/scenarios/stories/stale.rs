//! Stale answers: while somebody asks the origin, instead of its errors, and never against anybody's word.

use super::Tale;
use crate::callers::{Ask, MILLI, SECOND, Sends};
use crate::network::Fault;
use crate::world::{Action, Setup};

fn under(setting: &'static str) -> Tale {
    Tale::with(Setup { setting: Some(setting), ..Setup::default() })
}

/// So many at once; how they ended.
fn burst(tale: &mut Tale, ask: &Ask, count: u64) -> Vec<String> {
    let ids: Vec<u32> = (0..count).map(|at| tale.plan(at * MILLI / 2, Action::Ask(ask.clone()))).collect();
    tale.play();
    ids.into_iter().map(|id| tale.ended(id)).collect()
}

fn count(ends: &[String], end: &str) -> usize {
    ends.iter().filter(|known| *known == end).count()
}

#[test]
fn scenario_one_leads_and_the_others_do_not_wait() {
    let mut tale = under("base");
    assert_eq!(tale.end(Ask::get("/v1/swr")), "origin 200");
    tale.later(5);
    let ends = burst(&mut tale, &Ask::get("/v1/swr"), 20);
    assert_eq!((count(&ends, "stale;l1"), count(&ends, "revalidated;origin")), (19, 1), "{ends:?}");
    assert_eq!(tale.origin_asked(), 2);
    assert_eq!(tale.end(Ask::get("/v1/swr")), "hit;l1");
    tale.act(Action::Change("/v1/swr".into()));
    tale.later(5);
    let ends = burst(&mut tale, &Ask::get("/v1/swr"), 20);
    assert_eq!((count(&ends, "stale;l1"), count(&ends, "origin 200")), (19, 1), "{ends:?}");
    assert_eq!(tale.end(Ask::get("/v1/swr")), "hit;l1");
}

#[test]
fn scenario_each_variant_has_a_leader_of_its_own() {
    let mut tale = under("windows");
    let ask = |language: &str| Ask::get("/v1/lang").header("accept-language", language);
    for language in ["en", "fr"] {
        assert_eq!(tale.end(ask(language)), "origin 200");
    }
    // L1 keeps nothing for so long; the first to come finds it in L2.
    tale.later(65);
    for language in ["en", "fr"] {
        let ends = burst(&mut tale, &ask(language), 10);
        assert_eq!(count(&ends, "origin 200"), 1, "{ends:?}");
        assert_eq!(count(&ends, "stale;l1") + count(&ends, "stale;l2") + count(&ends, "hit;l1"), 9, "{ends:?}");
    }
}

#[test]
fn scenario_with_a_cluster_for_refreshes_nobody_leads() {
    let mut tale = under("refresh");
    assert_eq!(tale.end(Ask::get("/v1/swr")), "origin 200");
    for round in 1..4 {
        if round == 3 {
            tale.act(Action::Change("/v1/swr".into()));
        }
        tale.later(5);
        let ends = burst(&mut tale, &Ask::get("/v1/swr").user("alice"), 20);
        assert_eq!(count(&ends, "stale;l1") + count(&ends, "hit;l1"), 20, "{ends:?}");
        assert!(count(&ends, "stale;l1") > 0);
        assert_eq!(tale.origin_asked(), 1 + round, "{}", tale.world.story.text());
        assert_eq!(tale.end(Ask::get("/v1/swr")), "hit;l1");
    }
    assert_eq!(tale.world.counted(&["refreshes_total", "confirmed"]), 2);
    assert_eq!(tale.world.counted(&["refreshes_total", "replaced"]), 1);
}

#[test]
fn scenario_a_refresh_finds_in_l2_what_another_worker_has_fetched() {
    let mut tale = under("refresh");
    assert_eq!(tale.end(Ask::get("/v1/swr")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/swr").at(1)), "hit;l2");
    tale.later(5);
    assert_eq!(tale.end(Ask::get("/v1/swr")), "stale;l1");
    assert_eq!(tale.end(Ask::get("/v1/swr").at(1)), "stale;l1");
    assert_eq!(tale.end(Ask::get("/v1/swr").at(1)), "hit;l1");
    assert_eq!(tale.origin_asked(), 2);
    assert_eq!(tale.world.counted(&["refreshes_total", "found"]), 1);
}

#[test]
fn scenario_a_refresh_that_fails_is_tried_again_as_long_as_the_window_is_open() {
    let failing = || Ask::get("/v1/swr").fails(503);
    let mut tale = under("refresh");
    assert_eq!(tale.end(Ask::get("/v1/swr")), "origin 200");
    tale.later(4);
    for round in 1..5 {
        assert_eq!(tale.end(failing()), "stale;l1", "{round}");
        tale.later(3);
    }
    assert!(tale.origin_asked() >= 3, "{}", tale.world.story.text());
    tale.later(8);
    assert_eq!(tale.end(failing()), "stale;origin", "the one window is over, that of errors is not");
}

#[test]
fn scenario_a_refresh_goes_on_without_redis() {
    for fault in [Fault::NoCluster, Fault::Down, Fault::Mute, Fault::Slow, Fault::Babble, Fault::ReadOnly] {
        let mut tale = under("refresh");
        assert_eq!(tale.end(Ask::get("/v1/swr")), "origin 200");
        tale.later(5);
        tale.broken_by(fault);
        assert_eq!(tale.end(Ask::get("/v1/swr")), "stale;l1", "{fault:?}");
        assert_eq!(tale.end(Ask::get("/v1/swr")), "hit;l1", "{fault:?}");
    }
}

#[test]
fn scenario_a_refresh_from_before_a_change_is_not_kept() {
    let mut tale = under("refresh");
    for at in 0..20 {
        assert_ne!(tale.end(Ask::get("/v1/swr")), "broken");
        tale.later(5);
        tale.plan(0, Action::Ask(Ask { takes: 60 * MILLI, ..Ask::get("/v1/swr") }));
        tale.plan(at * 5 * MILLI, Action::Ask(Ask::new("PUT", "/v1/swr")));
        tale.play();
        tale.end(Ask::get("/v1/swr"));
        tale.end(Ask::get("/v1/swr").at(1));
    }
    assert!(tale.world.counted(&["refreshes_total", "failed"]) > 2);
}

#[test]
fn scenario_a_window_ends_when_it_says() {
    for setting in ["base", "refresh"] {
        for (after, stale) in [(2500, false), (3100, true), (22600, true), (23100, false)] {
            let mut tale = under(setting);
            let id = tale.ask(Ask::get("/v1/swr"));
            let born = tale.world.origin.exchanges[tale.world.exchange_of(id).unwrap()].born;
            tale.until(born + after * MILLI);
            let expected = match (stale, setting) {
                (true, "refresh") => "stale;l1",
                (true, _) => "revalidated;origin",
                (false, _) if after < 3000 => "hit;l1",
                _ => "revalidated;origin",
            };
            let first = tale.plan(0, Action::Ask(Ask::get("/v1/swr")));
            let second = tale.plan(MILLI / 2, Action::Ask(Ask::get("/v1/swr")));
            tale.play();
            assert_eq!(tale.ended(first), expected, "{setting}, {after} ms");
            if after > 3000 {
                assert_eq!(tale.ended(second).starts_with("stale"), stale, "{setting}, {after} ms");
            }
        }
    }
}

#[test]
fn scenario_nothing_is_served_stale_that_forbids_it() {
    for setting in ["windows", "refresh"] {
        for path in ["/v1/must", "/v1/proxy", "/v1/smax", "/v1/nocache"] {
            let mut tale = under(setting);
            assert_eq!(tale.end(Ask::get(path)), "origin 200");
            tale.later(5);
            let ends = burst(&mut tale, &Ask::get(path), 5);
            assert!(ends.iter().all(|end| !end.starts_with("stale")), "{path}: {ends:?}");
            tale.later(5);
            assert_eq!(tale.end(Ask::get(path).fails(503)), "origin 503", "{path}");
            assert_eq!(tale.end(Ask::get(path).header("cache-control", "max-stale=60").fails(503)), "origin 503");
        }
    }
}

#[test]
fn scenario_clients_have_a_say_in_how_stale_it_may_be() {
    let ask = |control: &str| Ask::get("/v1/swr").header("cache-control", control);
    for (control, expected) in [
        ("max-age=2", "revalidated;origin"),
        ("max-age=20", "stale;l1"),
        ("min-fresh=1", "revalidated;origin"),
        ("no-cache", "revalidated;origin"),
        ("only-if-cached", "stale;l1"),
        ("max-stale=5", "stale;l1"),
        ("no-store", "origin 200"),
    ] {
        let mut tale = under("refresh");
        assert_eq!(tale.end(Ask::get("/v1/swr")), "origin 200");
        tale.later(5);
        assert_eq!(tale.end(ask(control)), expected, "{control}");
    }
    let mut tale = under("base");
    assert_eq!(tale.end(ask("only-if-cached")), "only_if_cached");
    assert_eq!(tale.origin_asked(), 0);
    assert_eq!(tale.end(Ask::get("/v1/short")), "origin 200");
    tale.later(8);
    let stale = |control: &str| Ask::get("/v1/short").header("cache-control", control);
    assert_eq!(tale.end(stale("max-stale=1, only-if-cached")), "only_if_cached");
    assert_eq!(tale.end(stale("max-stale=9, only-if-cached")), "stale;l1");
    assert_eq!(tale.end(stale("max-stale=9")), "stale;l1");
}

#[test]
fn scenario_an_error_of_the_origin_is_not_the_clients_while_there_is_something_stale() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/sie")), "origin 200");
    tale.later(5);
    for status in [500, 502, 503, 504] {
        assert_eq!(tale.end(Ask::get("/v1/sie").fails(status)), "stale;origin", "{status}");
    }
    for (sends, expected) in [(Sends::Refused, "stale;origin"), (Sends::Cut, "broken")] {
        assert_eq!(tale.end(Ask::get("/v1/sie").sends(sends)), expected, "{sends:?}");
    }
    for status in [400, 404, 429, 501] {
        assert_eq!(tale.end(Ask::get("/v1/sie").fails(status)), format!("origin {status}"));
    }
    for control in ["no-cache", "max-age=2", "min-fresh=1"] {
        let ask = Ask::get("/v1/sie").header("cache-control", control).fails(503);
        assert_eq!(tale.end(ask), "origin 503", "{control}");
    }
    tale.later(30);
    assert_eq!(tale.end(Ask::get("/v1/sie").fails(503)), "origin 503", "the window is over");
}

#[test]
fn scenario_an_error_window_ends_when_it_says() {
    for (after, expected) in [(32_700, "stale;origin"), (33_050, "origin 503")] {
        let mut tale = Tale::new();
        tale.ask(Ask::get("/v1/sie"));
        tale.world.now = tale.world.origin.exchanges[0].born + after * MILLI;
        assert_eq!(tale.end(Ask { takes: MILLI, ..Ask::get("/v1/sie").fails(503) }), expected, "{after} ms");
    }
}

#[test]
fn scenario_the_rules_windows_hold_where_the_origin_says_nothing() {
    let mut tale = under("windows");
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    tale.later(90);
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1).fails(503)), "stale;origin", "from L2");
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1).fails(404)), "origin 404");
    tale.later(15);
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1).fails(503)), "origin 503");
}

/// However a leader ends, the next request leads.
#[test]
fn scenario_a_leader_that_is_lost_is_followed_by_another() {
    let ask = || Ask::get("/v1/swr");
    for leader in [
        Ask { leaves: Some(0), ..ask() },
        Ask { leaves: Some(10 * MILLI), ..ask() },
        Ask { expires: Some(MILLI / 10), ..ask() },
        ask().sends(Sends::Cut),
        ask().sends(Sends::Refused),
        ask().fails(503),
        ask().fails(404),
    ] {
        let mut tale = under("base");
        assert_eq!(tale.end(ask()), "origin 200");
        tale.later(4);
        // Changed, so that the origin has no 304 for it.
        tale.act(Action::Change("/v1/swr".into()));
        let text = leader.text();
        let first = tale.plan(0, Action::Ask(leader));
        let second = tale.plan(5, Action::Ask(ask()));
        tale.play();
        assert_ne!(tale.ended(first), "stale;l1", "{text}");
        tale.later(1);
        let third = tale.end(ask());
        assert!(["origin 200", "hit;l1"].contains(&third.as_str()), "{text}: {third} after {}", tale.ended(second));
    }
}

#[test]
fn scenario_leaders_change_while_everything_goes_wrong() {
    for setting in ["windows", "refresh"] {
        let mut tale = under(setting);
        for fault in [Fault::Mute, Fault::Hung, Fault::NoCluster, Fault::Lagging] {
            tale.end(Ask::get("/v1/swr"));
            tale.later(5);
            tale.plan(0, Action::Fault(fault, SECOND));
            for at in 0..60 {
                let leaves = (at % 7 == 0).then_some(at * MILLI);
                let sends = [Sends::Whole, Sends::Hang, Sends::Cut, Sends::Refused][at as usize % 4];
                let ask = Ask { leaves, sends, ..Ask::get("/v1/swr") };
                tale.plan(at * 13 * MILLI, Action::Ask(ask.at(at as usize % 2)));
            }
            tale.play();
            tale.later(30);
        }
    }
}
