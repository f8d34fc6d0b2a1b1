//! One request asks the origin; the others wait for its answer, in its worker, in its pod and beyond.

use super::Tale;
use crate::callers::{Ask, MILLI, SECOND, Sends};
use crate::network::Fault;
use crate::pods::ALL;
use crate::world::{Action, Setup};

/// So many ask through all workers within a few milliseconds; how each ended.
fn crowd(tale: &mut Tale, count: u64, ask: impl Fn(u64) -> Ask) -> Vec<String> {
    let plan = |at| tale.plan(at % 7 * MILLI, Action::Ask(ask(at).at(at as usize % ALL)));
    let ids: Vec<u32> = (0..count).map(plan).collect();
    tale.play();
    ids.into_iter().map(|id| tale.ended(id)).collect()
}

fn how_many(ends: &[String], what: &str) -> usize {
    ends.iter().filter(|end| end.starts_with(what)).count()
}

#[test]
fn scenario_a_thousand_ask_and_the_origin_hears_one() {
    let mut tale = Tale::new();
    let ends = crowd(&mut tale, 1000, |_| Ask { takes: 200 * MILLI, ..Ask::get("/v1/plain") });
    assert_eq!((tale.origin_asked(), how_many(&ends, "origin")), (1, 1));
    assert_eq!(how_many(&ends, "collapsed") + how_many(&ends, "hit"), 999);
    assert!(how_many(&ends, "collapsed") > 200);
}

/// Each worker goes alone once it has waited as long as allowed; what it hears it keeps.
#[test]
fn scenario_an_origin_slower_than_anybody_waits_is_asked_by_all_who_have_waited() {
    let mut tale = Tale::new();
    let ends = crowd(&mut tale, 40, |_| Ask { takes: 2 * SECOND, ..Ask::get("/v1/plain") });
    assert_eq!(how_many(&ends, "origin 200"), 40);
    assert_eq!(tale.world.counted(&["leases_total", "timed_out"]), 39);
}

#[test]
fn scenario_without_redis_each_worker_asks_once() {
    let mut tale = Tale::with(Setup { setting: Some("no-redis"), ..Setup::default() });
    let ends = crowd(&mut tale, 200, |_| Ask { takes: 200 * MILLI, ..Ask::get("/v1/plain") });
    assert_eq!((tale.origin_asked(), how_many(&ends, "collapsed")), (ALL, 200 - ALL));
}

/// One after the other would take seconds.
#[test]
fn scenario_what_is_for_nobody_else_is_asked_for_by_each_at_once() {
    for path in ["/v1/private", "/v1/nostore", "/v1/cookie"] {
        let mut tale = Tale::new();
        let from = tale.world.now;
        let ends = crowd(&mut tale, 40, |at| {
            Ask { takes: 100 * MILLI, ..Ask::get(path) }.user(["alice", "bob"][at as usize % 2])
        });
        assert_eq!(how_many(&ends, "origin 200"), 40, "{path}");
        let took = tale.world.now - from;
        assert!(took < 450 * MILLI, "{path} took {took} us");
        let before = tale.world.now;
        let ends = crowd(&mut tale, 40, |_| Ask { takes: 100 * MILLI, ..Ask::get(path) });
        let took = tale.world.now - before;
        assert_eq!(how_many(&ends, "origin 200"), 40, "{path}");
        assert!(took < 200 * MILLI, "{path} is known to be for nobody else, and took {took} us");
    }
}

#[test]
fn scenario_variants_wait_for_their_own() {
    let mut tale = Tale::new();
    let ends = crowd(&mut tale, 80, |at| {
        let language = ["en", "fr"][(at / 4 % 2) as usize];
        Ask { takes: 50 * MILLI, ..Ask::get("/v1/lang") }.header("accept-language", language)
    });
    assert!(tale.origin_asked() <= 6, "{} exchanges: {ends:?}", tale.origin_asked());
}

#[test]
fn scenario_whoever_goes_first_and_fails_is_followed_by_one() {
    let leaders: [fn(Ask) -> Ask; 4] = [
        |ask| Ask { leaves: Some(30 * MILLI), ..ask },
        |ask| ask.sends(Sends::Cut),
        |ask| ask.sends(Sends::Short),
        |ask| ask.sends(Sends::Refused),
    ];
    for (number, leader) in leaders.into_iter().enumerate() {
        let mut tale = Tale::new();
        tale.plan(0, Action::Ask(leader(Ask { takes: 100 * MILLI, ..Ask::get("/v1/plain") })));
        let others: Vec<u32> = (1..40)
            .map(|at| {
                let ask = Ask { takes: 50 * MILLI, ..Ask::get("/v1/plain") };
                tale.plan(10 * MILLI + at * MILLI / 4, Action::Ask(ask.at(at as usize % ALL)))
            })
            .collect();
        tale.play();
        let ends: Vec<String> = others.into_iter().map(|id| tale.ended(id)).collect();
        assert_eq!(how_many(&ends, "origin 200"), 1, "leader {number}: {ends:?}\n{}", tale.world.story.text());
    }
}

#[test]
fn scenario_a_worker_or_a_pod_that_dies_is_followed_within_its_lease() {
    for (action, asked) in [(Action::LoseWorker(0), 2), (Action::LosePod(0), 2)] {
        let mut tale = Tale::new();
        tale.plan(0, Action::Ask(Ask { takes: 400 * MILLI, ..Ask::get("/v1/plain") }));
        tale.plan(50 * MILLI, action);
        let ids: Vec<u32> = (0..20)
            .map(|at| tale.plan((2900 + at * 10) * MILLI, Action::Ask(Ask::get("/v1/plain").at(2 + at as usize % 2))))
            .collect();
        tale.play();
        assert_eq!(tale.origin_asked(), asked, "{}", tale.world.story.text());
        let ends: Vec<String> = ids.into_iter().map(|id| tale.ended(id)).collect();
        assert_eq!(how_many(&ends, "origin 200"), 1, "{ends:?}");
    }
}

#[test]
fn scenario_a_slow_answer_keeps_its_lease() {
    let mut tale = Tale::new();
    tale.plan(0, Action::Ask(Ask { takes: 8 * SECOND, ..Ask::get("/v1/plain") }));
    let late = tale.plan(6 * SECOND, Action::Ask(Ask { takes: MILLI, ..Ask::get("/v1/plain").at(2) }));
    tale.play();
    assert_eq!(tale.ended(late), "origin 200");
    assert_eq!(tale.world.counted(&["leases_total", "timed_out"]), 1, "it waited, as long as it may");
    assert_eq!(tale.calls("fill", "ok"), 1, "who goes alone has no leave to fill");
}

#[test]
fn scenario_one_refreshes_for_the_whole_fleet() {
    for path in ["/w/plain", "/b/plain"] {
        let mut tale = Tale::new();
        (0..ALL).for_each(|vm| _ = tale.end(Ask::get(path).at(vm)));
        tale.later(5);
        let before = tale.origin_asked();
        let ends = crowd(&mut tale, 40, |_| Ask { takes: 150 * MILLI, ..Ask::get(path) });
        assert_eq!(tale.origin_asked() - before, 1, "{path}: {ends:?}");
        assert!(how_many(&ends, "stale") >= 39, "{path}: {ends:?}");
    }
}

#[test]
fn scenario_a_redis_that_fails_leaves_each_worker_to_itself() {
    for fault in [Fault::Down, Fault::NoCluster, Fault::ReadOnly, Fault::Mute] {
        let mut tale = Tale::new();
        tale.broken_by(fault);
        let ends = crowd(&mut tale, 80, |_| Ask { takes: 100 * MILLI, ..Ask::get("/v1/plain") });
        assert_eq!(tale.origin_asked(), ALL, "{fault:?}: {ends:?}");
    }
}
