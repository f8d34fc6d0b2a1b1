//! Stale answers are confirmed by the origin, and clients may ask for more than what is stored.

use e2e::{Outcome, Scene, before, service, settings, until, verdict};
use stack::{Asked, Request, Response, Step, answer};

fn profile(name: &str) -> Request {
    Request::get(format!("{}/{name}", settings::PROFILES))
}

/// Fresh for two seconds, with a validator; confirms its own for a minute.
fn validated(asked: &Asked) -> Vec<Step> {
    match asked.header("if-none-match") {
        Some(b"\"v1\"") => answer(304, &[("etag", "\"v1\""), ("cache-control", "max-age=60"), ("x-news", "1")], ""),
        _ => answer(200, &[("etag", "\"v1\""), ("cache-control", "max-age=2")], "the first"),
    }
}

/// Asks until the answer is not a fresh hit any more.
fn until_stale(scene: &Scene, request: &Request) -> Result<Response, String> {
    let mut last = scene.send(request)?;
    until("the answer to be stale", || {
        last = scene.send(request)?;
        Ok(!last.cache_status().is_some_and(|status| status.hit))
    })?;
    Ok(last)
}

#[test]
fn a_stale_answer_is_confirmed_by_a_304_and_fresh_again() {
    before(validated).one_worker().play(|scene| {
        scene.warm(&mut scene.stack.client()?, &profile("a"))?;
        let confirmed = until_stale(scene, &profile("a"))?;
        verdict::answered(&confirmed, 200)?;
        verdict::same(&confirmed.body[..], b"the first", "the body")?;
        verdict::same(confirmed.text("x-news"), Some("1".to_owned()), "what the 304 said")?;
        let status = confirmed.cache_status().unwrap_or_default();
        verdict::same((status.fwd.as_deref(), status.fwd_status), (Some("stale"), Some(304)), "what it says")?;
        let asked = scene.origin.count();
        verdict::hit(&scene.send(&profile("a"))?, "l1")?;
        verdict::same(scene.origin.count(), asked, "how often the origin was asked")?;
        let labels = [("rule", "profiles"), ("status", "revalidated"), ("tier", "origin")];
        verdict::same(scene.sum("requests_total", &labels)?, 1.0, "revalidated")?;
        scene.until_fills(2.0)
    });
}

#[test]
fn a_stale_answer_that_the_origin_has_changed_is_replaced() {
    before(validated).one_worker().play(|scene| {
        scene.warm(&mut scene.stack.client()?, &profile("a"))?;
        scene.origin.becomes(|asked| match asked.header("if-none-match") {
            Some(_) => answer(200, &[("etag", "\"v2\""), ("cache-control", "max-age=60")], "the second"),
            None => answer(500, &[], "not asked with our condition"),
        });
        let replaced = until_stale(scene, &profile("a"))?;
        verdict::stored(&replaced)?;
        verdict::same(&replaced.body[..], b"the second", "the body")?;
        let again = scene.send(&profile("a"))?;
        verdict::hit(&again, "l1")?;
        verdict::same(&again.body[..], b"the second", "the body")
    });
}

#[test]
fn a_worker_whose_own_entry_is_stale_takes_the_younger_one_from_redis() {
    before(validated).play(|scene| {
        let mut pair = scene.pair()?;
        scene.warm(&mut pair.one, &profile("a"))?;
        let fills = scene.fills()?;
        until("the answer to be stale", || {
            let answer = pair.other.send(&profile("a"))?;
            Ok(!answer.cache_status().is_some_and(|status| status.hit))
        })?;
        // The other worker's answer was confirmed for a minute, and written to Redis.
        scene.until_fills(fills + 1.0)?;
        let asked = scene.origin.count();
        until("the younger entry", || {
            let answer = pair.one.send(&profile("a"))?;
            Ok(answer.text("x-news").is_some())
        })?;
        verdict::hit(&pair.one.send(&profile("a"))?, "l1")?;
        verdict::same(scene.origin.count(), asked, "how often the origin was asked")
    });
}

#[test]
fn a_client_with_its_own_condition_gets_the_origins_word() {
    before(validated).one_worker().play(|scene| {
        scene.warm(&mut scene.stack.client()?, &profile("a"))?;
        let condition = profile("a").header("if-none-match", "\"v1\"").header("cache-control", "no-cache");
        let answer = scene.send(&condition)?;
        verdict::answered(&answer, 304)?;
        verdict::holds(answer.body.is_empty(), "no body")?;
        let other = profile("b").header("if-none-match", "\"v1\"");
        verdict::answered(&scene.send(&other)?, 304)?;
        let asked = scene.origin.count();
        verdict::stored(&scene.send(&profile("b"))?)?;
        verdict::same(scene.origin.count(), asked + 1, "how often the origin was asked")
    });
}

#[test]
fn no_cache_asks_the_origin_and_refreshes_what_is_stored() {
    before(service::numbered).play(|scene: &mut Scene| -> Outcome {
        let mut pair = scene.pair()?;
        let first = scene.warm(&mut pair.one, &profile("a"))?;
        for (name, value) in [("cache-control", "no-cache"), ("cache-control", "max-age=0"), ("pragma", "no-cache")] {
            let fresh = scene.warm(&mut pair.one, &profile("a").header(name, value))?;
            verdict::holds(fresh.body != first.body, "the origin was asked")?;
            let again = pair.one.send(&profile("a"))?;
            verdict::hit(&again, "l1")?;
            verdict::same(&again.body, &fresh.body, "what is stored now")?;
        }
        verdict::hit(&pair.other.send(&profile("a"))?, "l2")
    });
}
