//! The service as its clients see it, without sockets.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use std::sync::Arc;
use std::time::Instant;

const FINGERPRINT: &str = r#"{"tls_data":"FgMBAgA=","http_headers":{"user-agent":"Chrome/120"}}"#;

/// Every API route that exists, with a body it accepts.
fn api_requests() -> Vec<(&'static str, &'static str, String)> {
    let pair = format!(r#"{{"first":{FINGERPRINT},"second":{FINGERPRINT}}}"#);
    let list = format!(r#"{{"requests":[{FINGERPRINT}]}}"#);
    vec![
        ("GET", "/v1/fingerprints/profiles", String::new()),
        ("HEAD", "/v1/fingerprints/profiles/chrome_120_win", String::new()),
        ("GET", "/v1/fingerprints/profiles/chrome_120_win", String::new()),
        ("GET", "/v1/whoami", String::new()),
        ("GET", "/api/v1/models/features", String::new()),
        ("POST", "/api/v1/fingerprint/identify", FINGERPRINT.into()),
        ("POST", "/compare", pair),
        ("POST", "/batch", list),
        ("POST", "/v1/fingerprints/generate", String::new()),
        ("POST", "/api/v1/models/retrain", String::new()),
    ]
}

fn service(delay: &str) -> Service {
    Service::new(delay.parse().unwrap()).unwrap()
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let start = Request::builder().method(method).uri(path);
    let headed = headers.iter().fold(start, |request, (name, value)| request.header(*name, *value));
    headed.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap()
}

async fn ask(service: &Service, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> (Response<()>, Bytes) {
    let headers = [&[("authorization", "Bearer alice")], more].concat();
    let response = service.respond(request(method, path, &headers, body)).await;
    let (head, body) = response.into_parts();
    (Response::from_parts(head, ()), body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn every_api_route_wants_a_token() {
    let service = service("0ms");
    for (method, path, body) in api_requests() {
        let refused = service.respond(request(method, path, &[], &body)).await;
        assert_eq!(refused.status(), 401, "{method} {path}");
        assert!(refused.headers().contains_key("www-authenticate"), "{method} {path}");
        let (answered, _) = ask(&service, method, path, &[], &body).await;
        assert!(answered.status().is_success(), "{method} {path}: {}", answered.status());
        let keyed = service.respond(request(method, path, &[("x-api-key", "k")], &body)).await;
        assert!(keyed.status().is_success(), "{method} {path}");
    }
}

#[tokio::test]
async fn every_api_answer_tells_the_allowance_of_its_user() {
    let service = service("0ms");
    for (method, path, body) in api_requests() {
        let (alice, _) = ask(&service, method, path, &[], &body).await;
        let bob = service.respond(request(method, path, &[("authorization", "Bearer bob")], &body)).await;
        for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-quota-tier"] {
            assert!(alice.headers().contains_key(name), "{method} {path}: {name}");
        }
        let left = "x-quota-monthly-remaining";
        assert_ne!(alice.headers()[left], bob.headers()[left], "{method} {path}");
    }
}

#[tokio::test]
async fn answers_to_get_can_be_validated_and_conditions_are_counted() {
    let service = service("0ms");
    let path = "/v1/fingerprints/profiles/chrome_120_win";
    let (first, body) = ask(&service, "GET", path, &[], "").await;
    assert_eq!(first.headers()["cache-control"], "max-age=300");
    assert_eq!(first.headers()["content-type"], "application/json");
    assert_eq!(first.headers()["last-modified"], "Mon, 05 Jan 2026 00:00:00 GMT");
    assert!((700..=2000).contains(&body.len()));
    let tag = first.headers()["etag"].to_str().unwrap();
    let (second, empty) = ask(&service, "GET", path, &[("if-none-match", tag)], "").await;
    assert_eq!((second.status().as_u16(), empty.len()), (304, 0));
    assert!(second.headers().contains_key("x-ratelimit-remaining"));
    let (_, counts) = ask(&service, "GET", "/debug/counts", &[], "").await;
    assert_eq!(counts, r#"{"GET /v1/fingerprints/profiles/{id}":2}"#);
}

#[tokio::test]
async fn retraining_changes_what_the_model_says_and_not_the_profiles() {
    let service = service("0ms");
    let identify = ("POST", "/api/v1/fingerprint/identify", FINGERPRINT);
    let features = ("GET", "/api/v1/models/features", "");
    let profiles = ("GET", "/v1/fingerprints/profiles", "");
    let mut bodies = Vec::new();
    for _ in 0..2 {
        for (method, path, body) in [identify, features, profiles] {
            bodies.push(ask(&service, method, path, &[], body).await.1);
        }
        let (retrained, _) = ask(&service, "POST", "/api/v1/models/retrain", &[], "").await;
        assert_eq!(retrained.status(), 202);
    }
    assert_ne!(bodies[0], bodies[3]);
    assert_ne!(bodies[1], bodies[4]);
    assert_eq!(bodies[2], bodies[5]);
}

#[tokio::test]
async fn what_is_random_differs_and_must_not_be_stored() {
    let service = service("0ms");
    let path = "/v1/fingerprints/generate";
    let (one, first) = ask(&service, "POST", path, &[], "").await;
    let (_, second) = ask(&service, "POST", path, &[], "").await;
    let (_, safari) = ask(&service, "POST", path, &[], r#"{"browser":"safari"}"#).await;
    assert_eq!(one.headers()["cache-control"], "no-store");
    assert_ne!(first, second);
    assert!(String::from_utf8_lossy(&safari).contains(r#""browser":"safari""#));
    let (bad, _) = ask(&service, "POST", path, &[], r#"{"browser":"lynx"}"#).await;
    assert_eq!(bad.status(), 400);
}

#[tokio::test]
async fn identify_says_nothing_of_its_freshness() {
    let (answer, _) = ask(&service("0ms"), "POST", "/api/v1/fingerprint/identify", &[], FINGERPRINT).await;
    for name in ["cache-control", "etag", "last-modified"] {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn who_asks_is_told_by_the_header_alone() {
    let service = service("0ms");
    let fingerprints = ["t13d1516h2_8daaf6152771_e5627efa2ab1", "t12i310900_e8f1e7e78f70_b26ce05bbdd6"];
    let mut bodies = Vec::new();
    for ja4 in fingerprints {
        for user in ["Bearer alice", "Bearer bob"] {
            let headers = [("authorization", user), ("x-ja4", ja4)];
            let (answer, body) = service.respond(request("GET", "/v1/whoami", &headers, "")).await.into_parts();
            assert_eq!(
                (answer.status.as_u16(), &answer.headers["cache-control"]),
                (200, &"max-age=300".parse().unwrap())
            );
            assert!(answer.headers.contains_key("etag"));
            bodies.push(body.collect().await.unwrap().to_bytes());
        }
        let said: Value = serde_json::from_slice(bodies.last().unwrap()).unwrap();
        assert_eq!(said["ja4"], ja4);
    }
    assert!(bodies[0] == bodies[1] && bodies[2] == bodies[3] && bodies[0] != bodies[2]);
    let (refused, _) = ask(&service, "GET", "/v1/whoami", &[("x-ja4", "chrome")], "").await;
    assert_eq!(refused.status(), 400);
}

#[tokio::test]
async fn refusals_are_json_with_a_sentence_and_are_not_stored() {
    let service = service("0ms");
    let table = [
        ("GET", "/v1/fingerprints/profiles/none", "", 404),
        ("GET", "/nowhere", "", 404),
        ("DELETE", "/v1/fingerprints/profiles", "", 405),
        ("POST", "/api/v1/fingerprint/identify", "{", 400),
        ("POST", "/compare", "{}", 400),
        ("POST", "/batch", "{}", 400),
    ];
    for (method, path, body, status) in table {
        let (answer, body) = ask(&service, method, path, &[], body).await;
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{method} {path}");
        assert!(problem["message"].as_str().unwrap().ends_with('.'), "{method} {path}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_one_of_a_mebibyte_is_not() {
    let service = service("0ms");
    let path = "/api/v1/fingerprint/identify";
    let text = |length: usize| format!(r#"{{"tls_data":"{}","http_headers":{{}}}}"#, "A".repeat(length));
    assert_eq!(ask(&service, "POST", path, &[], &text(1 << 20)).await.0.status(), 200);
    let (refused, _) = ask(&service, "POST", path, &[], &text(MAX_BODY)).await;
    assert_eq!(refused.status(), 413);
    assert_eq!(refused.headers()["connection"], "close");
}

#[tokio::test]
async fn a_request_may_name_its_own_delay() {
    let service = service("0ms");
    let path = "/v1/fingerprints/profiles";
    let begun = Instant::now();
    ask(&service, "GET", path, &[("x-demo-delay", "60ms")], "").await;
    assert!(begun.elapsed() >= Duration::from_millis(60));
    let (bad, _) = ask(&service, "GET", path, &[("x-demo-delay", "soon")], "").await;
    assert_eq!(bad.status(), 400);
}

#[tokio::test]
async fn delays_run_side_by_side() {
    let service = Arc::new(service("100ms"));
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let service = Arc::clone(&service);
        tasks.spawn(async move { ask(&service, "GET", "/v1/fingerprints/profiles", &[], "").await.0 });
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert!(begun.elapsed() < Duration::from_secs(3), "one after the other takes 10 s");
}

#[tokio::test]
async fn health_and_counts_need_no_token_and_counts_can_be_reset() {
    let service = service("5s");
    let health = service.respond(request("GET", "/health", &[], "")).await;
    assert_eq!(health.status(), 200);
    assert_eq!(service.counts.all().len(), 1);
    let counts = service.respond(request("GET", "/debug/counts", &[], "")).await;
    assert_eq!(counts.status(), 200);
    let reset = service.respond(request("POST", "/debug/reset", &[], "")).await;
    assert_eq!(reset.status(), 204);
    assert!(service.counts.all().is_empty());
}
