//! Clients that hold something already, or want a part. The oracle reckons what each of them gets.

use super::Tale;
use crate::callers::Ask;
use crate::world::Action;

#[test]
fn scenario_a_client_with_the_current_copy_gets_none() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "origin 200");
    for (tags, vm, expected) in [
        ("\"s0\"", 0, 304),
        ("W/\"s0\"", 1, 304),
        ("\"s9\", \"s0\"", 0, 304),
        ("*", 0, 304),
        ("\"s9\"", 0, 200),
        ("s0", 0, 200),
    ] {
        let id = tale.ask(Ask::get("/v1/tagged").header("if-none-match", tags).at(vm));
        assert_eq!(tale.status(id), expected, "{tags}");
    }
    let id = tale.ask(Ask::new("HEAD", "/v1/tagged").header("if-none-match", "\"s0\""));
    assert_eq!(tale.status(id), 304);
}

#[test]
fn scenario_what_a_stale_answer_was_confirmed_as_is_compared_with_the_clients_copy() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "origin 200");
    for (tag, expected) in [("\"s0\"", 304), ("\"s77\"", 200)] {
        tale.later(4);
        let id = tale.ask(Ask::get("/v1/tagged").header("if-none-match", tag));
        assert_eq!((tale.ended(id).as_str(), tale.status(id)), ("revalidated;origin", expected));
    }
    tale.later(4);
    tale.act(Action::Change("/v1/tagged".into()));
    assert_eq!(tale.end(Ask::get("/v1/tagged").header("if-none-match", "\"s0\"")), "origin 200");
}

#[test]
fn scenario_a_copy_is_known_by_its_date_too() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/plain")), "origin 200");
    for (date, expected) in [
        ("Fri, 15 Jan 2027 08:00:00 GMT", 304),
        ("Fri, 15 Jan 2027 07:59:59 GMT", 200),
        ("Fri, 15 Jan 2027 09:00:00 GMT", 304),
    ] {
        let id = tale.ask(Ask::get("/v1/plain").header("if-modified-since", date));
        assert_eq!(tale.status(id), expected, "{date}");
    }
    assert_eq!(tale.end(Ask::get("/v1/missing")), "origin 404");
    let id = tale.ask(Ask::get("/v1/missing").header("if-modified-since", "Fri, 15 Jan 2027 09:00:00 GMT"));
    assert_eq!(tale.status(id), 404, "no condition on what is not there");
}

#[test]
fn scenario_a_part_is_cut_out_of_what_is_whole() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/large")), "origin 200");
    for (range, vm, expected) in [
        ("bytes=0-0", 0, 206),
        ("bytes=7-99", 1, 206),
        ("bytes=-5", 0, 206),
        ("bytes=100-", 0, 206),
        ("bytes=0-999999", 0, 206),
        ("bytes=999999-", 0, 416),
        ("bytes=-0", 0, 416),
        ("bytes=5-3", 0, 200),
        ("bytes=0-1,4-5", 0, 200),
        ("lines=0-1", 0, 200),
    ] {
        let id = tale.ask(Ask::get("/v1/large").header("range", range).at(vm));
        assert_eq!(tale.status(id), expected, "{range}");
    }
}

#[test]
fn scenario_a_part_of_another_copy_is_no_use() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/tagged")), "origin 200");
    for (tag, expected) in [("\"s0\"", 206), ("\"s9\"", 200), ("W/\"s0\"", 200)] {
        let ask = Ask::get("/v1/tagged").header("range", "bytes=0-3").header("if-range", tag);
        let id = tale.ask(ask);
        assert_eq!(tale.status(id), expected, "{tag}");
    }
    let id = tale.ask(Ask::new("HEAD", "/v1/tagged").header("range", "bytes=0-3"));
    assert_eq!(tale.status(id), 200);
}
