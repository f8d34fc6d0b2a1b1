//! Requests that are keyed on their body, and the values that answers repeat.

use super::Tale;
use crate::callers::{Ask, MILLI, SECOND};
use crate::world::Setup;

#[test]
fn scenario_each_caller_finds_its_own_session_in_the_answer() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
    for (vm, session, expected) in [(0, "\"bob\"", "hit;l1"), (1, "\"eve\"", "hit;l2"), (1, "\"a\\\"b\"", "hit;l1")] {
        let id = tale.ask(Ask::identify("once", session).at(vm));
        assert_eq!(tale.ended(id), expected);
        assert!(tale.served(id).1.ends_with(&format!("\"session_id\":{session}}}")), "{:?}", tale.served(id));
    }
    for other in ["17", "null", "true", "\"\""] {
        assert_eq!(tale.end(Ask::identify("once", other)), "origin 200", "another type is another answer: {other}");
    }
    assert_eq!(tale.end(Ask::identify("once", "9007199254740993")), "hit;l1");
}

#[test]
fn scenario_a_session_that_cannot_be_cut_out_stays_out_of_the_cache() {
    for mode in ["twice", "inside", "shout", "header"] {
        let mut tale = Tale::new();
        for session in ["\"alice\"", "\"alice\"", "\"bob\""] {
            assert_eq!(tale.end(Ask::identify(mode, session)), "origin 200", "{mode}");
        }
    }
    let mut tale = Tale::new();
    let invented = r#"{"tls_data":"invent","http_headers":{"ua":"x"}}"#;
    for user in ["alice", "bob"] {
        assert_eq!(tale.end(Ask::post("/identify", invented).user(user)), "origin 200");
    }
}

#[test]
fn scenario_bodies_that_say_the_same_share_an_answer() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
    for (body, expected) in [
        (r#"{ "session_id" : "bob", "http_headers":{"ua":"x"}, "tls_data":"\u006fnce" }"#, "hit;l1"),
        (r#"{"tls_data":"once","http_headers":{"ua":"x"},"session_id":"bob","trace":1}"#, "hit;l1"),
        (r#"{"tls_data":"once","http_headers":{"ua":"y"},"session_id":"bob"}"#, "origin 200"),
        (r#"{"tls_data":"once","http_headers":{"ua":"x"},"session_id":"bob","unknown":1}"#, "origin 200"),
        (r#"{"tls_data":"once","http_headers":{"ua":"x"},"session_id":"bob","session_id":"eve"}"#, "origin 200"),
        (r#"{"tls_data":"once","http_headers":{"ua":"x"}}"#, "origin 200"),
        ("not json", "origin 200"),
    ] {
        assert_eq!(tale.end(Ask::post("/identify", body)), expected, "{body}");
    }
    for (body, expected) in
        [("one", "origin 200"), ("one", "hit;l1"), ("one ", "origin 200"), (&"x".repeat(1025), "origin 200")]
    {
        assert_eq!(tale.end(Ask::post("/compare", body)), expected);
    }
}

#[test]
fn scenario_a_host_that_withholds_bodies_is_found_out_and_waited_for_once() {
    let mut tale = Tale::with(Setup { withholds: true, ..Setup::default() });
    let from = tale.world.now;
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
    assert!(tale.world.now - from >= SECOND);
    for _ in 0..3 {
        let from = tale.world.now;
        assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
        assert!(tale.world.now - from < 300 * MILLI, "{}", tale.world.story.text());
    }
    assert_eq!(tale.world.counted(&["body_withheld", "unexpected"]), 1);
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    assert_eq!(tale.end(Ask::get("/v1/plain")), "hit;l1");
}

#[test]
fn scenario_a_slow_client_is_not_taken_for_such_a_host() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
    let slow = Ask { pieces: vec![1500 * MILLI, 1600 * MILLI], ..Ask::identify("once", "\"bob\"") };
    assert_eq!(tale.end(slow), "origin 200", "not waited for");
    let begun = Ask { pieces: vec![500 * MILLI, 3000 * MILLI], ..Ask::identify("once", "\"bob\"") };
    assert_eq!(tale.end(begun), "hit;l1", "its body has begun to come, so it is waited for");
    assert_eq!(tale.world.counted(&["body_withheld", "unexpected"]), 0);
    assert_eq!(tale.end(Ask::identify("once", "\"eve\"")), "hit;l1");
}

#[test]
fn scenario_a_body_that_comes_just_when_it_is_given_up_proves_nothing_once_others_came_in_time() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
    let just_then = Ask { pieces: vec![1020 * MILLI], ..Ask::identify("once", "\"bob\"") };
    assert_eq!(tale.end(just_then), "origin 200");
    assert_eq!(tale.end(Ask::identify("once", "\"eve\"")), "hit;l1");
}

#[test]
fn scenario_not_even_when_it_is_the_first() {
    let mut tale = Tale::new();
    let slow = || Ask { pieces: vec![1500 * MILLI, 1600 * MILLI], ..Ask::identify("once", "\"alice\"") };
    assert_eq!(tale.end(slow()), "origin 200");
    assert_eq!(tale.end(slow()), "origin 200");
    assert_eq!(tale.world.counted(&["body_withheld", "unexpected"]), 0);
    assert_eq!(tale.end(Ask::identify("once", "\"bob\"")), "origin 200");
    assert_eq!(tale.end(Ask::identify("once", "\"eve\"")), "hit;l1");
}

#[test]
fn scenario_a_client_that_leaves_while_its_body_is_awaited_leaves_nothing() {
    let mut tale = Tale::new();
    for leaves in [0, MILLI / 2, MILLI, 3 * MILLI / 2, 2 * MILLI, 5 * MILLI, 8 * MILLI] {
        let ask = Ask { leaves: Some(leaves), ..Ask::identify("once", "\"alice\"") };
        assert_eq!(tale.end(ask), "left", "after {leaves} us");
    }
    assert_eq!(tale.end(Ask::identify("once", "\"alice\"")), "origin 200");
}
