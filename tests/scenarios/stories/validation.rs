//! What clients get of a stored answer: all of it, a part, or that they have it already; and what the origin's own
//! confirmations change.

use super::Tale;
use crate::callers::{Ask, MILLI, Sends};
use crate::origin::http_date;
use crate::world::Action;

#[test]
fn scenario_who_has_it_already_is_told_so() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/w/large")), "origin 200");
    for (condition, status) in [
        ("\"s0\"", 304),
        ("W/\"s0\"", 304),
        ("\"zzz\", \"s0\"", 304),
        ("*", 304),
        ("\"zzz\"", 200),
        ("s0", 200),
        ("\"s0\", *", 304),
        ("\"zzz\", *", 200),
    ] {
        for vm in [0, 1] {
            let id = tale.ask(Ask::get("/w/large").header("if-none-match", condition).at(vm));
            assert_eq!((tale.ended(id).starts_with("hit"), tale.status(id)), (true, status), "{condition}");
        }
        let id = tale.ask(Ask::new("HEAD", "/w/large").header("if-none-match", condition));
        assert_eq!(tale.status(id), status, "{condition}");
    }
}

#[test]
fn scenario_a_date_is_compared_where_there_is_no_tag() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/w/dated")), "origin 200");
    let modified = tale.world.origin.exchanges[0].modified.unwrap();
    for (since, status) in [(modified - 1, 200), (modified, 304), (modified + 1, 304)] {
        let asking = Ask::get("/w/dated").header("if-modified-since", &http_date(since));
        let id = tale.ask(asking.clone());
        assert_eq!(tale.status(id), status);
        let id = tale.ask(asking.header("if-none-match", "\"zzz\""));
        assert_eq!(tale.status(id), 200, "the tag comes first");
    }
    let id = tale.ask(Ask::get("/w/dated").header("if-modified-since", "yesterday"));
    assert_eq!(tale.status(id), 200);
}

#[test]
fn scenario_parts_are_cut_out_of_the_stored_answer() {
    let mut tale = Tale::new();
    let whole = Ask::get("/w/large");
    assert_eq!(tale.end(whole.clone()), "origin 200");
    let body = tale.world.origin.exchanges[0].body.clone();
    let last = body.len() - 1;
    for (range, expected) in [
        ("bytes=0-0", Some((0, 0))),
        ("bytes=7-19", Some((7, 19))),
        ("bytes=9-", Some((9, last))),
        ("bytes=-5", Some((last - 4, last))),
        ("bytes=-99999", Some((0, last))),
        ("bytes=5-99999", Some((5, last))),
        ("bytes=0-1,3-4", None),
        ("pages=1-2", None),
        ("bytes=4-2", None),
    ] {
        for vm in [0, 1] {
            let id = tale.ask(whole.clone().header("range", range).at(vm));
            let (first, end) = expected.unwrap_or((0, last));
            assert_eq!(tale.status(id), if expected.is_some() { 206 } else { 200 }, "{range}");
            assert_eq!(tale.served(id).1.as_bytes(), &body[first..=end], "{range}");
        }
    }
    for range in ["bytes=99999-", "bytes=-0"] {
        let id = tale.ask(whole.clone().header("range", range));
        assert_eq!((tale.status(id), tale.served(id).1.as_str()), (416, ""), "{range}");
    }
    for (held, status) in [("\"s0\"", 206), ("\"zzz\"", 200), ("W/\"s0\"", 200), ("Fri, 15 Jan 2027 08:00:00 GMT", 200)]
    {
        let id = tale.ask(whole.clone().header("range", "bytes=0-1").header("if-range", held));
        assert_eq!(tale.status(id), status, "{held}");
    }
    let head = tale.ask(Ask::new("HEAD", "/w/large").header("range", "bytes=0-1"));
    assert_eq!(tale.status(head), 200);
}

/// What the origin says to a part, or about one, is not what it says to everybody.
#[test]
fn scenario_a_part_is_never_stored() {
    for path in ["/open/all", "/v1/plain", "/v1/short"] {
        for range in ["bytes=0-3", "bytes=99999-"] {
            let mut tale = Tale::new();
            let id = tale.ask(Ask::get(path).header("range", range));
            assert!(["origin 206", "origin 416"].contains(&tale.ended(id).as_str()));
            assert_eq!(tale.end(Ask::get(path)), "origin 200", "{path} after {range}");
            assert_eq!(tale.end(Ask::get(path).header("range", range)), "hit;l1", "{path}");
        }
    }
}

#[test]
fn scenario_our_condition_takes_the_place_of_the_clients() {
    for (own, held) in [("\"zzz\"", 200), ("\"s0\"", 304), ("*", 304)] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/v1/tagged")), "origin 200");
        tale.later(5);
        let asking = || Ask::get("/v1/tagged").header("if-none-match", own);
        let id = tale.ask(asking());
        assert_eq!((tale.ended(id).as_str(), tale.status(id)), ("revalidated;origin", held), "{own}");
        assert_eq!(tale.world.origin.exchanges[1].ask.headers, [("if-none-match".into(), "\"s0\"".into())]);
        tale.act(Action::Change("/v1/tagged".into()));
        tale.later(5);
        assert_eq!(tale.end(asking()), "origin 200", "{own}");
        let id = tale.ask(Ask::get("/v1/tagged"));
        assert!(tale.served(id).1.contains("\"version\":1"), "stored, though a condition was asked with");
    }
}

#[test]
fn scenario_a_part_may_be_asked_for_while_the_whole_is_confirmed() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "origin 200");
    tale.later(5);
    let id = tale.ask(Ask::get("/v1/tagged").header("range", "bytes=2-7"));
    assert_eq!(
        (tale.ended(id).as_str(), tale.status(id), tale.served(id).1.as_str()),
        ("revalidated;origin", 206, "serial")
    );
    tale.act(Action::Change("/v1/tagged".into()));
    tale.later(5);
    assert_eq!(tale.end(Ask::get("/v1/tagged").header("range", "bytes=2-7")), "origin 206");
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "origin 200");
}

#[test]
fn scenario_a_clients_own_condition_is_answered_by_the_origin_where_nothing_is_stored() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/w/plain").sends(Sends::Short)), "origin 200");
    let asking = Ask::get("/w/plain").header("if-none-match", "\"s0\"");
    assert_eq!(tale.end(asking.clone()), "origin 304");
    assert_eq!(tale.end(asking), "origin 304", "it is no answer for others");
    assert_eq!(tale.end(Ask::get("/w/plain")), "origin 200");
}

/// Where the origin does not heed conditions.
#[test]
fn scenario_head_tells_what_is_new() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/w/deaf")), "origin 200");
    tale.later(11);
    assert_eq!(tale.end(Ask::new("HEAD", "/w/deaf")), "origin 200");
    let id = tale.ask(Ask::get("/w/deaf"));
    assert_eq!((tale.ended(id).as_str(), tale.served(id).0), ("hit;l1", 0), "its head made the answer fresh");
    assert_eq!(tale.end(Ask::get("/w/deaf").at(1)), "origin 200", "who asks for a head fills nothing in L2");
    assert_eq!(tale.end(Ask::get("/w/bare")), "origin 200");
    tale.later(11);
    assert_eq!(tale.end(Ask::new("HEAD", "/w/bare")), "origin 200");
    assert_eq!(tale.end(Ask::get("/w/bare")), "origin 200", "without a validator it proves nothing");
}

#[test]
fn scenario_head_tells_that_what_is_stored_is_over() {
    for path in ["/v1/tagged", "/w/deaf", "/w/dated", "/v1/padded"] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get(path)), "origin 200");
        for _ in 0..10 {
            tale.end(Ask::get("/untouched"));
        }
        tale.act(Action::Change(path.into()));
        let asking = Ask::new("HEAD", path).header("cache-control", "no-cache");
        assert_eq!(tale.end(asking), "origin 200", "{path}");
        for vm in [0, 1] {
            let id = tale.ask(Ask::get(path).at(vm));
            assert_ne!(tale.ended(id), ["hit;l1", "hit;l1"][vm], "{path}");
        }
    }
}

#[test]
fn scenario_only_if_cached_never_asks_the_origin() {
    let asking = |vm| Ask::get("/v1/plain").header("cache-control", "only-if-cached").at(vm);
    let mut tale = Tale::new();
    let id = tale.ask(asking(0));
    assert_eq!((tale.ended(id).as_str(), tale.status(id), tale.origin_asked()), ("only_if_cached", 504, 0));
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    for (vm, expected) in [(0, "hit;l1"), (1, "hit;l2")] {
        assert_eq!(tale.end(asking(vm)), expected);
    }
    tale.later(61);
    let id = tale.ask(asking(0));
    assert_eq!((tale.status(id), tale.origin_asked()), (504, 1));
}

#[test]
fn scenario_where_clients_have_no_say_they_are_not_heard() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/i/plain").header("cache-control", "no-store")), "origin 200");
    for control in ["no-cache", "no-store", "max-age=0", "min-fresh=99", "only-if-cached", "max-stale"] {
        assert_eq!(tale.end(Ask::get("/i/plain").header("cache-control", control)), "hit;l1", "{control}");
    }
    assert_eq!(tale.end(Ask::get("/i/plain").header("pragma", "no-cache")), "hit;l1");
    assert_eq!(tale.end(Ask::get("/i/other").header("cache-control", "only-if-cached")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain").header("pragma", "no-cache")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain").header("pragma", "no-cache")), "origin 200");
}

#[test]
fn scenario_what_the_origin_tells_caches_stays_here() {
    let mut tale = Tale::new();
    for (vm, end) in [(0, "origin 200"), (0, "hit;l1"), (1, "hit;l2")] {
        assert_eq!(tale.end(Ask::get("/w/cdn").at(vm)), end);
    }
    assert_eq!(tale.end(Ask::get("/w/cdn").header("cache-control", "no-store")), "origin 200");
    assert_eq!(tale.end(Ask::get("/w/cdn").header("if-match", "\"s0\"")), "origin 200");
    tale.later(11);
    assert_eq!(tale.end(Ask::get("/w/cdn")), "revalidated;origin");
    assert_eq!(tale.end(Ask::get("/w/field").user("eve")), "origin 200");
    let id = tale.ask(Ask::get("/w/field"));
    assert_eq!(tale.ended(id), "hit;l1", "but for the field that no-cache names");
}

#[test]
fn scenario_lifetimes_by_status_and_guessed_ones() {
    for (path, status, life) in [("/h/missing", 404, 7), ("/h/down", 503, 3), ("/h/old", 200, 8), ("/h/young", 200, 3)]
    {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get(path)), format!("origin {status}"));
        let lasts = tale.world.now;
        tale.world.now = lasts + (life - 1) * 1000 * MILLI - 200 * MILLI;
        let id = tale.ask(Ask::get(path).at(1));
        assert_eq!((tale.ended(id).as_str(), tale.status(id)), ("hit;l2", status), "{path}");
        tale.later(2);
        assert!(!tale.end(Ask::get(path).at(1)).starts_with("hit"), "{path}");
    }
    let mut tale = Tale::new();
    for _ in 0..2 {
        assert_eq!(tale.end(Ask::get("/h/plain")), "origin 200", "nothing to guess from");
    }
}

#[test]
fn scenario_cookies_are_for_everybody_where_the_rule_says_so() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/i/cookie")), "origin 200");
    assert_eq!(tale.end(Ask::get("/i/cookie").at(1)), "hit;l2");
    assert_eq!(tale.end(Ask::get("/w/cookie")), "origin 200");
    assert_eq!(tale.end(Ask::get("/w/cookie")), "origin 200");
}

#[test]
fn scenario_who_asks_is_shown_by_the_headers_that_the_rule_names() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/t/me").header("cookie", "id=alice")), "origin 200");
    assert_eq!(tale.end(Ask::get("/t/me").header("cookie", "id=bob")), "hit;l1", "a cookie is none of them");
    for _ in 0..2 {
        assert_eq!(tale.end(Ask::get("/t/me").header("x-token", "bob")), "origin 200");
        assert_eq!(tale.end(Ask::get("/t/me").user("bob")), "origin 200");
    }
    for path in ["/t/open", "/t/must", "/t/shared"] {
        assert_eq!(tale.end(Ask::get(path).header("x-token", "alice")), "origin 200", "{path}");
        assert_eq!(tale.end(Ask::get(path).header("x-token", "bob")), "hit;l1", "{path}: the origin shares it");
    }
}

#[test]
fn scenario_an_answer_that_does_not_change_is_not_asked_for_by_a_reload() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/w/immutable")), "origin 200");
    tale.later(5);
    assert_eq!(tale.end(Ask::get("/w/immutable").header("cache-control", "max-age=0")), "hit;l1");
    assert_eq!(tale.end(Ask::get("/w/immutable").header("cache-control", "no-cache")), "revalidated;origin");
}
