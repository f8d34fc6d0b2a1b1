//! Who answers: the origin first, then this worker's memory, then Redis for the other worker.

use e2e::{Outcome, Scene, before, service, settings, until, verdict};
use serde_json::json;
use stack::{Request, Response};

fn profile(name: &str) -> String {
    format!("{}/{name}", settings::PROFILES)
}

#[test]
fn the_origin_answers_first_then_memory_then_redis_for_the_other_worker() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        let asked = scene.origin.count();
        let request = Request::get(profile("chrome"));
        let first = scene.warm(&mut pair.one, &request)?;
        for again in pair.tour(&request)? {
            verdict::same(&again.body, &first.body, "the body")?;
            verdict::same(again.text("content-type"), first.text("content-type"), "the type")?;
        }
        verdict::same(scene.origin.count(), asked + 1, "how often the origin was asked")
    });
}

#[test]
fn an_answer_from_redis_is_as_old_as_it_is() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        let request = Request::get(profile("chrome"));
        scene.warm(&mut pair.one, &request)?;
        let age = |answer: &Response| answer.text("age").and_then(|age| age.parse::<i64>().ok()).unwrap_or(-1);
        until("the answer to be two seconds old", || Ok(age(&pair.one.send(&request)?) >= 2))?;
        for answer in pair.tour(&request)? {
            let left = answer.cache_status().and_then(|status| status.ttl).unwrap_or_default();
            verdict::holds(age(&answer) >= 2, &format!("its age is {}", age(&answer)))?;
            verdict::holds((50..=58).contains(&left), &format!("{left} s of its minute are left"))?;
        }
        Ok(())
    });
}

#[test]
fn the_metrics_have_their_labels_and_the_access_log_its_word() {
    before(service::numbered).one_worker().play(|scene| {
        let mut client = scene.stack.client()?;
        let request = Request::get(profile("chrome"));
        scene.warm(&mut client, &request)?;
        verdict::hit(&client.send(&request)?, "l1")?;
        verdict::hit(&client.send(&request)?, "l1")?;
        let page = scene.stack.envoy.page("/stats/prometheus")?;
        for line in [
            "fingerprint_cache_requests_total{rule=\"profiles\",status=\"hit\",tier=\"l1\"} 2",
            "fingerprint_cache_requests_total{rule=\"profiles\",status=\"miss\",tier=\"origin\"} 1",
            "fingerprint_cache_forwarded_total{rule=\"profiles\",reason=\"uri_miss\"} 1",
            "fingerprint_cache_entries{rule=\"profiles\"} 1",
        ] {
            verdict::holds(page.lines().any(|have| have == line), &format!("{line} in\n{}", ours(&page)))?;
        }
        until("the access log", || {
            let log = std::fs::read_to_string(scene.stack.envoy.log()).unwrap_or_default();
            Ok(log.contains("\"cache\":\"hit;l1\"") && log.contains("\"cache\":\"miss;uri_miss\""))
        })
    });
}

fn ours(page: &str) -> String {
    page.lines()
        .filter(|line| line.contains("fingerprint_cache") && !line.contains("_bucket"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_head_is_answered_from_a_get_in_either_tier_and_fills_nothing_itself() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        let head = Request::new("HEAD", profile("chrome"));
        verdict::not_stored(&pair.one.send(&head)?, "method")?;
        let whole = scene.warm(&mut pair.one, &Request::get(profile("chrome")))?;
        for answer in pair.tour(&head)? {
            verdict::same(answer.text("content-length"), Some(whole.body.len().to_string()), "the length")?;
            verdict::same(answer.text("content-type"), whole.text("content-type"), "the type")?;
        }
        Ok(())
    });
}

#[test]
fn a_post_is_answered_by_its_body_with_the_callers_own_session() {
    before(service::identified).play(|scene| {
        let mut pair = scene.pair()?;
        let asked = scene.origin.count();
        scene.warm(&mut pair.one, &identify("alpha-1"))?;
        for answer in pair.tour(&identify("a \"quoted\" \\ é✓ one"))? {
            verdict::same(answer.json()?["session_id"].clone(), json!("a \"quoted\" \\ é✓ one"), "the session")?;
        }
        verdict::same(scene.origin.count(), asked + 1, "how often the origin was asked")
    });
}

fn identify(session: &str) -> Request {
    let body = json!({ "tls_data": "AAEC", "http_headers": { "user-agent": "x" }, "session_id": session });
    Request::post(settings::IDENTIFY, body.to_string()).header("content-type", "application/json").bearer("t")
}

#[test]
fn per_user_headers_never_enter_an_entry() {
    let script = |_: &stack::Asked| {
        let headers = [
            ("cache-control", "max-age=60"),
            ("x-ratelimit-remaining", "7"),
            ("X-Quota-Tier", "gold"),
            ("x-kept", "1"),
        ];
        stack::answer(200, &headers, "{}")
    };
    before(script).play(|scene: &mut Scene| -> Outcome {
        let mut pair = scene.pair()?;
        let request = Request::get(profile("chrome"));
        let first = scene.warm(&mut pair.one, &request)?;
        verdict::same(first.text("x-ratelimit-remaining"), Some("7".to_owned()), "what the first caller sees")?;
        for again in pair.tour(&request)? {
            verdict::holds(again.header("x-ratelimit-remaining").is_none(), "no foreign rate limit")?;
            verdict::holds(again.header("x-quota-tier").is_none(), "no foreign quota")?;
            verdict::same(again.text("x-kept"), Some("1".to_owned()), "what is no user's own")?;
        }
        Ok(())
    });
}
