//! Request bodies: too long, in pieces, where none belongs, and on a host that holds them back.

use std::time::Duration;

use e2e::{before, service, settings, verdict};
use serde_json::{Value, json};
use stack::{Asked, Builder, Request, Step, answer};

const LIMIT: usize = 64 << 10;

/// A JSON body of so many bytes.
fn body(length: usize) -> String {
    let frame = "{\"tls_data\":\"\"}".len();
    format!("{{\"tls_data\":\"{}\"}}", "A".repeat(length.saturating_sub(frame)))
}

fn identify(body: &str) -> Request {
    Request::post(settings::IDENTIFY, body).header("content-type", "application/json")
}

/// The same request in chunks: its length is not known in advance.
fn in_chunks(body: &str) -> Request {
    let chunks = body.as_bytes().chunks(10_000);
    let chunks = chunks.flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    let bytes: Vec<u8> = chunks.chain(*b"0\r\n\r\n").collect();
    let request = Request::post(settings::IDENTIFY, bytes).header("content-type", "application/json");
    request.header("transfer-encoding", "chunked")
}

/// Answers with the length of what it was sent.
fn measured(asked: &Asked) -> Vec<Step> {
    answer(200, &[("content-type", "application/json")], json!({ "length": asked.body.len() }).to_string())
}

#[test]
fn a_body_over_the_limit_passes_whole_and_one_at_the_limit_is_keyed() {
    before(measured).one_worker().play(|scene| {
        for length in [LIMIT + 1, 200_000, 3 << 20] {
            for request in [identify(&body(length)), in_chunks(&body(length))] {
                let answer = scene.send(&request)?;
                verdict::passed(&answer, "body_too_large").map_err(|error| format!("{length}: {error}"))?;
                verdict::same(answer.json()?["length"].clone(), json!(length), "what reached the origin")?;
            }
        }
        verdict::stored(&scene.send(&identify(&body(LIMIT)))?)?;
        verdict::hit(&scene.send(&in_chunks(&body(LIMIT)))?, "l1")?;
        verdict::hit(&scene.send(&identify(&body(LIMIT)))?, "l1")
    });
}

#[test]
fn a_body_in_pieces_is_the_same_body() {
    before(measured).one_worker().play(|scene| {
        let whole = identify(&body(1000)).bytes();
        let mut client = scene.stack.client()?;
        for piece in whole.chunks(100) {
            client.write(piece)?;
        }
        verdict::stored(&client.read("POST")?)?;
        verdict::hit(&scene.send(&identify(&body(1000)))?, "l1")
    });
}

#[test]
fn a_get_with_a_body_is_left_alone() {
    before(measured).one_worker().play(|scene| {
        let target = format!("{}/x", settings::PROFILES);
        verdict::stored(&scene.get(&target)?)?;
        let answer = scene.send(&Request::get(&target).body("body"))?;
        verdict::passed(&answer, "unexpected_body")?;
        verdict::same(answer.json()?["length"].clone(), json!(4), "what reached the origin")?;
        verdict::hit(&scene.get(&target)?, "l1")
    });
}

#[test]
fn requests_that_a_cache_must_not_answer_pass() {
    before(service::numbered).one_worker().play(|scene| {
        let target = format!("{}/x", settings::PROFILES);
        verdict::stored(&scene.get(&target)?)?;
        for (name, value, why) in [
            ("cache-control", "no-store", "request_no_store"),
            ("if-match", "\"a\"", "precondition"),
            ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT", "precondition"),
        ] {
            let before = scene.origin.count();
            verdict::passed(&scene.send(&Request::get(&target).header(name, value))?, why)?;
            verdict::same(scene.origin.count(), before + 1, "how often the origin was asked")?;
        }
        verdict::hit(&scene.get(&target)?, "l1")
    });
}

/// As an Istio WasmPlugin would have it, which cannot set this.
fn without_bodies(builder: Builder) -> Builder {
    builder.workers(1).change(|bootstrap| {
        let config = bootstrap.filter()?.pointer_mut("/typed_config/config").and_then(Value::as_object_mut);
        config
            .and_then(|config| config.remove("allow_on_headers_stop_iteration"))
            .map(drop)
            .ok_or("no such setting".to_owned())
    })
}

#[test]
fn a_host_that_holds_bodies_back_is_found_out_once_and_then_costs_no_time() {
    before(measured).set(without_bodies).play(|scene| {
        let (text, mut waited) = (body(1000), Duration::ZERO);
        for _ in 0..30 {
            let answer = scene.send(&identify(&text))?;
            waited += answer.elapsed;
            verdict::passed(&answer, "body_withheld")?;
            verdict::same(answer.json()?["length"].clone(), json!(1000), "what reached the origin")?;
        }
        verdict::same(
            scene.sum("unexpected_total", &[("reason", "body_withheld")])?,
            1.0,
            "how often it was found out",
        )?;
        let passed = scene.sum("forwarded_total", &[("rule", "identify"), ("reason", "body_withheld")])?;
        verdict::same(passed, 30.0, "how many passed for it")?;
        // Each wait is a second: thirty of them would be more than this.
        verdict::holds(waited < e2e::LIMIT, &format!("only the first waited: {waited:?}"))?;
        // Other rules are as ever.
        let target = format!("{}/x", settings::PROFILES);
        verdict::stored(&scene.get(&target)?)?;
        verdict::hit(&scene.get(&target)?, "l1")
    });
}
