//! Who answers: L1, L2 or the origin.

use super::Tale;
use crate::callers::{Ask, Sends};
use crate::world::{Action, Setup};

#[test]
fn scenario_l2_answers_the_second_worker() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "hit;l2");
    assert_eq!(tale.end(Ask::get("/v1/plain").at(1)), "hit;l1");
    assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l1");
    assert_eq!(tale.origin_asked(), 1);
}

#[test]
fn scenario_without_redis_each_worker_asks_once() {
    let mut tale = Tale::with(Setup { setting: Some("no-redis"), ..Setup::default() });
    for expected in ["origin 200", "hit;l1"] {
        for vm in [0, 1] {
            assert_eq!(tale.end(Ask::get("/v1/plain").at(vm)), expected);
        }
    }
    assert_eq!((tale.origin_asked(), tale.world.next_flight), (2, 0));
}

#[test]
fn scenario_head_is_answered_from_get_and_leaves_nothing() {
    let mut tale = Tale::new();
    for sends in [Sends::Whole, Sends::Chunked, Sends::UntilClose] {
        assert_eq!(tale.end(Ask::new("HEAD", "/v1/plain").sends(sends)), "origin 200");
    }
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    assert_eq!(tale.end(Ask::new("HEAD", "/v1/plain")), "hit;l1");
    assert_eq!(tale.end(Ask::new("HEAD", "/v1/plain").at(1)), "hit;l2");
}

#[test]
fn scenario_what_no_rule_is_for_goes_by_untouched() {
    let mut tale = Tale::new();
    for _ in 0..2 {
        assert_eq!(tale.end(Ask::get("/untouched")), "origin 200");
        assert_eq!(tale.end(Ask::post("/untouched", "x")), "origin 200");
        assert_eq!(tale.end(Ask::new("OPTIONS", "/v1/plain").header("origin", "https://a")), "origin 200");
    }
    assert_eq!((tale.origin_asked(), tale.world.next_flight), (6, 0));
}

#[test]
fn scenario_a_stale_entry_is_confirmed_by_its_tag() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "origin 200");
    tale.later(4);
    let id = tale.ask(Ask::get("/v1/tagged"));
    assert_eq!(tale.ended(id), "revalidated;origin");
    assert_eq!(tale.served(id).0, 0);
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "hit;l1");
    assert_eq!(tale.end(Ask::get("/v1/tagged").at(1)), "hit;l2");
    tale.later(4);
    tale.act(Action::Change("/v1/tagged".into()));
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "hit;l1");
}

#[test]
fn scenario_no_cache_is_asked_for_before_each_use() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/nocache")), "origin 200");
    for _ in 0..3 {
        assert_eq!(tale.end(Ask::get("/v1/nocache")), "revalidated;origin");
    }
    assert_eq!(tale.end(Ask::get("/v1/nocache").at(1)), "revalidated;origin", "L2 keeps its validator");
}

#[test]
fn scenario_clients_get_what_they_ask_for() {
    let mut tale = Tale::new();
    let ask = |control: &str| Ask::get("/v1/plain").header("cache-control", control);
    assert_eq!(tale.end(ask("no-store")), "origin 200");
    assert_eq!(tale.end(ask("no-cache")), "origin 200");
    tale.later(5);
    for (control, expected) in [
        ("max-age=6", "hit;l1"),
        ("min-fresh=40", "hit;l1"),
        ("min-fresh=56", "origin 200"),
        ("no-store", "origin 200"),
        ("max-age=0", "origin 200"),
        ("no-cache", "origin 200"),
        ("max-age=60", "hit;l1"),
    ] {
        assert_eq!(tale.end(ask(control)), expected, "{control}");
    }
    for (name, value) in [("if-unmodified-since", "x"), ("if-match", "\"x\""), ("upgrade", "websocket")] {
        assert_eq!(tale.end(Ask::get("/v1/plain").header(name, value)), "origin 200", "{name}");
    }
}

#[test]
fn scenario_variants_are_found_by_the_names_that_redis_tells() {
    let mut tale = Tale::new();
    let ask = |language: &str| Ask::get("/v1/lang").header("accept-language", language);
    assert_eq!(tale.end(ask("en, de")), "origin 200");
    assert_eq!(tale.end(ask("fr")), "origin 200");
    let before = tale.world.next_flight;
    assert_eq!(tale.end(ask("en,de").at(1)), "hit;l2");
    assert_eq!(tale.world.next_flight - before, 2, "asked, and asked again for the variant");
    assert_eq!(tale.end(ask("fr").at(1)), "hit;l2");
    assert_eq!(tale.world.next_flight - before, 3, "the names are known by now");
    assert_eq!(tale.end(Ask::get("/v1/lang").at(1)), "origin 200");
    assert_eq!(tale.end(ask("en").header("accept-language", "de").at(1)), "hit;l1");
}

#[test]
fn scenario_other_vary_names_take_over() {
    let mut tale = Tale::new();
    let ask = |accept: &str, vm: usize| {
        Ask::get("/v1/turning").header("accept-language", "en").header("accept", accept).at(vm)
    };
    assert_eq!(tale.end(ask("a", 0)), "origin 200");
    assert_eq!(tale.end(ask("b", 1)), "hit;l2");
    tale.act(Action::Change("/v1/turning".into()));
    tale.later(61);
    assert_eq!(tale.end(ask("a", 0)), "origin 200");
    assert_eq!(tale.end(ask("a", 1)), "hit;l2");
    assert_eq!(tale.end(ask("b", 1)), "origin 200");
    assert_eq!(tale.end(ask("b", 0)), "hit;l2");
}

#[test]
fn scenario_no_ones_answer_is_someone_elses() {
    let mut tale = Tale::new();
    for user in ["alice", "bob", "alice"] {
        for path in ["/open/me", "/v1/private", "/v1/cookie", "/v1/star"] {
            assert_eq!(tale.end(Ask::get(path).user(user)), "origin 200", "{path}");
        }
    }
    assert_eq!(tale.end(Ask::get("/open/all").user("alice")), "origin 200");
    assert_eq!(tale.end(Ask::get("/open/all").user("bob")), "hit;l1");
    assert_eq!(tale.end(Ask::get("/v1/limits").user("alice")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/limits").user("bob").at(1)), "hit;l2");
}

#[test]
fn scenario_an_answer_to_nobody_is_not_for_those_with_credentials() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/open/me")), "origin 200");
    assert_eq!(tale.end(Ask::get("/open/me")), "hit;l1");
    for vm in [0, 1] {
        assert_eq!(tale.end(Ask::get("/open/me").user("alice").at(vm)), "origin 200");
    }
    assert_eq!(tale.end(Ask::get("/open/me").header("cookie", "id=eve").at(1)), "origin 200");
}

#[test]
fn scenario_a_redirect_to_https_does_not_answer_https() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/moved")), "origin 301");
    assert_eq!(tale.end(Ask::get("/v1/moved").at(1)), "hit;l2");
    assert_eq!(tale.end(Ask { host: "other".into(), ..Ask::get("/v1/moved") }), "origin 301");
    assert_eq!(tale.end(Ask { scheme: "https", ..Ask::get("/v1/moved") }), "origin 301");
}

#[test]
fn scenario_queries_headers_and_properties_tell_answers_apart() {
    let mut tale = Tale::new();
    let red = |ja4: &str| Ask { ja4: Some(ja4.to_owned()), ..Ask::get("/keyed/a").header("x-tenant", "red") };
    for (ask, expected) in [
        (Ask::get("/search?a=1&b=2"), "origin 200"),
        (Ask::get("/search?b=2&utm_x=9&a=1"), "hit;l1"),
        (Ask::get("/search?a=1&b=3"), "origin 200"),
        (Ask::get("/search?b=1&b=2"), "origin 200"),
        (Ask::get("/search?b=2&b=1"), "origin 200"),
        (red("t13"), "origin 200"),
        (red("t13"), "hit;l1"),
        (red("q13"), "origin 200"),
        (Ask::get("/keyed/a").header("x-tenant", "red"), "origin 200"),
        (Ask::get("/keyed/a").header("x-tenant", "blue"), "origin 200"),
        (red("q13").at(1), "hit;l2"),
    ] {
        let text = ask.text();
        assert_eq!(tale.end(ask), expected, "{text}");
    }
}
