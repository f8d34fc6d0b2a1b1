//! What is fetched before anybody asks for it.

use super::Tale;
use crate::callers::Ask;
use crate::notices::Says;
use crate::pods::ALL;
use crate::world::Action;

fn prewarm(tale: &mut Tale, url: &str) {
    tale.act(Action::Publish(Says::new("prewarm", "uri", url)));
    tale.later(2);
}

fn begun() -> Tale {
    let mut tale = Tale::new();
    (0..ALL).for_each(|vm| _ = tale.end(Ask::get("/v1/warm").at(vm)));
    tale.later(1);
    tale
}

#[test]
fn scenario_one_fetches_and_all_load() {
    let mut tale = begun();
    let before = tale.origin_asked();
    prewarm(&mut tale, "http://api/b/plain");
    assert_eq!(tale.origin_asked() - before, 1, "{}", tale.world.story.text());
    for vm in 0..ALL {
        assert_eq!(tale.end(Ask::get("/b/plain").at(vm)), "hit;l1", "{}", tale.world.story.text());
    }
}

#[test]
fn scenario_what_there_is_no_cluster_for_is_left_alone() {
    let mut tale = begun();
    let before = tale.origin_asked();
    for url in ["http://api/w/plain", "http://api/untouched", "api/identify", "/b/plain", "nonsense", ""] {
        prewarm(&mut tale, url);
    }
    assert_eq!(tale.origin_asked(), before);
    assert_eq!(tale.end(Ask::get("/v1/warm")), "hit;l1", "it invalidates nothing");
}

#[test]
fn scenario_what_is_there_already_is_not_fetched_again() {
    let mut tale = begun();
    assert_eq!(tale.end(Ask::get("/b/large")), "origin 200");
    let before = tale.origin_asked();
    prewarm(&mut tale, "http://api/b/large");
    assert_eq!(tale.origin_asked(), before);
    assert_eq!(tale.end(Ask::get("/b/large").at(3)), "hit;l1");
}
