//! What the origin does wrong, or says may not be kept.

use super::Tale;
use crate::callers::{Ask, MILLI, Sends};

#[test]
fn scenario_only_whole_answers_are_stored() {
    for (sends, first, second) in [
        (Sends::Whole, "origin 200", "hit;l1"),
        (Sends::Chunked, "origin 200", "hit;l1"),
        (Sends::UntilClose, "origin 200", "origin 200"),
        (Sends::Short, "origin 200", "origin 200"),
        (Sends::Cut, "broken", "origin 200"),
        (Sends::Hang, "origin 504", "origin 200"),
        (Sends::Refused, "origin 503", "origin 200"),
        (Sends::Replaced, "origin 200", "origin 200"),
    ] {
        let mut tale = Tale::new();
        assert_eq!(tale.end(Ask::get("/v1/plain").sends(sends)), first, "{sends:?}");
        assert_eq!(tale.end(Ask::get("/v1/plain")), second, "{sends:?}");
    }
}

#[test]
fn scenario_a_short_answer_does_not_become_a_shorter_one() {
    let mut tale = Tale::new();
    for sends in [Sends::Short, Sends::Cut, Sends::UntilClose] {
        tale.end(Ask::get("/v1/plain").sends(sends));
        assert_eq!(tale.world.front.server.keys().entries(), 0, "{sends:?}");
        assert_eq!(tale.world.vms[0].worker.memory().entries(), 0, "{sends:?}");
    }
}

#[test]
fn scenario_what_may_not_be_kept_is_not() {
    for path in
        ["/v1/nostore", "/v1/private", "/v1/cookie", "/v1/star", "/v1/cors", "/v1/failing", "/v1/part", "/v1/huge"]
    {
        let mut tale = Tale::new();
        for vm in [0, 0, 1] {
            let end = tale.end(Ask::get(path).at(vm));
            assert!(end.starts_with("origin"), "{path}: {end}");
        }
        assert_eq!(tale.world.front.server.keys().entries(), 0, "{path}");
    }
}

#[test]
fn scenario_a_client_that_leaves_takes_its_answer_with_it() {
    let mut tale = Tale::new();
    let mut ends = Vec::new();
    for leaves in (0..60).map(|at| at * MILLI) {
        let number = leaves / MILLI;
        ends.push(tale.end(Ask { leaves: Some(leaves), ..Ask::get(&format!("/v1/other/{number}")) }));
    }
    assert!(ends.iter().filter(|end| *end == "left").count() > 10);
    assert!(ends.iter().any(|end| end == "origin 200"));
    let stored = tale.world.vms[0].worker.memory().entries();
    assert_eq!(stored, 40.min(ends.iter().filter(|end| *end == "origin 200").count()));
}

#[test]
fn scenario_a_missing_page_is_kept_and_an_error_is_not() {
    let mut tale = Tale::new();
    assert_eq!(tale.end(Ask::get("/v1/missing")), "origin 404");
    assert_eq!(tale.end(Ask::get("/v1/missing").at(1)), "hit;l2");
    assert_eq!(tale.end(Ask::get("/v1/failing")), "origin 500");
    assert_eq!(tale.end(Ask::get("/v1/failing")), "origin 500");
    assert_eq!(tale.end(Ask::get("/v1/broken")), "origin 500");
    assert_eq!(tale.end(Ask::get("/v1/broken").at(1)), "hit;l2", "the origin says itself how long it lasts");
}

#[test]
fn scenario_large_answers_keep_to_the_budget() {
    let mut tale = Tale::new();
    for number in 0..100 {
        tale.end(Ask::get(&format!("/v1/large?{number}")));
    }
    let memory = tale.world.vms[0].worker.memory();
    assert!(
        memory.entries() < 30 && memory.bytes() > 80 << 10,
        "{} entries, {} bytes",
        memory.entries(),
        memory.bytes()
    );
    assert_eq!(tale.end(Ask::get("/v1/large?99")), "hit;l1");
    assert_eq!(tale.end(Ask::get("/v1/large?0")), "hit;l2");
}
