//! The origin hangs, breaks off, lies about a length or sends more than fits: only what arrived whole is stored, and
//! what arrived goes through to the client as it came.

use std::time::Duration;

use e2e::{Outcome, Scene, before, service, settings, verdict};
use serde_json::json;
use stack::{Builder, Request, Step, answer};

const HEAD: &[u8] = b"cache-control: max-age=60\r\n";

fn profile(name: &str) -> Request {
    Request::get(format!("{}/{}", settings::PROFILES, name.replace(' ', "-")))
}

fn one_worker(builder: Builder) -> Builder {
    builder.workers(1)
}

/// What the client gets of a broken answer.
enum Gets {
    /// An error, as the origin's connection broke.
    Cut,
    /// This status, made by Envoy.
    Status(u16),
    /// The body, whole as far as anybody can tell, but not stored for this reason.
    Body(&'static str),
}

fn broken(name: &'static str, steps: Vec<Step>, gets: Gets) -> (&'static str, Vec<Step>, Gets) {
    (name, steps, gets)
}

fn write(head: &[u8], body: &[u8]) -> Step {
    Step::Write(service::raw(&[HEAD, head].concat(), body))
}

#[test]
fn an_answer_that_breaks_off_is_not_stored_and_the_next_is() {
    let pause = || Step::Sleep(Duration::from_millis(100));
    let chunked: &[u8] = b"transfer-encoding: chunked\r\n";
    let cases = [
        broken("reset at once", vec![Step::Reset], Gets::Status(503)),
        broken("closed at once", vec![Step::Close], Gets::Status(503)),
        broken("garbage", vec![Step::Write(b"\x16\x03\x01nonsense\r\n\r\n".to_vec()), Step::Close], Gets::Status(502)),
        broken("reset in the body", vec![write(b"content-length: 9\r\n", b"1234"), pause(), Step::Reset], Gets::Cut),
        broken("short", vec![write(b"content-length: 9\r\n", b"1234"), pause(), Step::Close], Gets::Cut),
        broken("chunk cut", vec![write(chunked, b"5\r\n12"), pause(), Step::Close], Gets::Cut),
        broken("last chunk missing", vec![write(chunked, b"2\r\n12\r\n"), pause(), Step::Close], Gets::Cut),
        broken("until close", vec![write(b"", b"1234"), pause(), Step::Close], Gets::Body("not_whole")),
        broken(
            "two lengths",
            vec![write(b"content-length: 4\r\ncontent-length: 5\r\n", b"1234"), Step::Close],
            Gets::Status(502),
        ),
        broken("hangs", vec![Step::Hang], Gets::Status(504)),
    ];
    before(service::numbered).set(hasty).play(|scene| {
        for (name, steps, gets) in cases {
            scene.origin.becomes(move |_| steps.clone());
            got(scene.send(&profile(name)), &gets).map_err(|error| format!("{name}: {error}"))?;
            scene.origin.becomes(service::numbered);
            verdict::stored(&scene.send(&profile(name))?).map_err(|error| format!("{name}, then: {error}"))?;
            verdict::hit(&scene.send(&profile(name))?, "l1")?;
        }
        Ok(())
    });
}

/// One worker, and a route that waits for a second only.
fn hasty(builder: Builder) -> Builder {
    one_worker(builder).change(|bootstrap| {
        let route = "/route_config/virtual_hosts/0/routes/0/route/timeout";
        settings::set(bootstrap.connection_manager()?, route, json!("1s"));
        Ok(())
    })
}

fn got(result: Result<stack::Response, String>, gets: &Gets) -> Outcome {
    match (result, gets) {
        (Err(error), Gets::Cut) => verdict::holds(error.contains("cut short"), &error),
        (Ok(response), Gets::Status(status)) => {
            verdict::answered(&response, *status)?;
            verdict::not_stored(&response, "not_from_origin")
        }
        (Ok(response), Gets::Body(why)) => {
            verdict::same(&response.body[..], b"1234", "the body")?;
            verdict::not_stored(&response, why)
        }
        (result, _) => Err(format!("expected otherwise: {result:?}")),
    }
}

#[test]
fn whole_answers_of_every_framing_are_stored() {
    let chunked: &[u8] = b"transfer-encoding: chunked\r\n";
    let cases: [(&str, Vec<u8>, &[u8]); 5] = [
        ("length", service::raw(&[HEAD, b"content-length: 4\r\n"].concat(), b"1234"), b"1234"),
        ("empty", service::raw(&[HEAD, b"content-length: 0\r\n"].concat(), b""), b""),
        ("chunks", service::raw(&[HEAD, chunked].concat(), b"1\r\n1\r\n3\r\n234\r\n0\r\n\r\n"), b"1234"),
        ("no chunk", service::raw(&[HEAD, chunked].concat(), b"0\r\n\r\n"), b""),
        ("trailers", service::raw(&[HEAD, chunked].concat(), b"4\r\n1234\r\n0\r\nx-t: 1\r\n\r\n"), b"1234"),
    ];
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        for (name, bytes, body) in cases {
            scene.origin.becomes(move |_| vec![Step::Write(bytes.clone())]);
            let first = scene.warm(&mut pair.one, &profile(name)).map_err(|error| format!("{name}: {error}"))?;
            verdict::same(&first.body[..], body, name)?;
            for again in pair.tour(&profile(name)).map_err(|error| format!("{name}: {error}"))? {
                verdict::same(&again.body[..], body, name)?;
                verdict::same(again.text("content-length"), Some(body.len().to_string()), name)?;
            }
        }
        Ok(())
    });
}

#[test]
fn other_statuses_are_answered_as_they_came() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        for status in [203, 204, 301, 308, 404, 410] {
            let headers = [("cache-control", "max-age=60"), ("location", "/elsewhere")];
            scene.origin.becomes(move |_| match status {
                204 => vec![Step::Write(b"HTTP/1.1 204 None\r\ncache-control: max-age=60\r\n\r\n".to_vec())],
                status => answer(status, &headers, "body"),
            });
            let name = status.to_string();
            let first = scene.warm(&mut pair.one, &profile(&name))?;
            for again in pair.tour(&profile(&name))? {
                verdict::answered(&again, status)?;
                verdict::same(&again.body, &first.body, &name)?;
                verdict::same(again.text("location"), first.text("location"), &name)?;
            }
        }
        Ok(())
    });
}

/// RFC 9111 §3: any final status may be stored that says how long it lasts. What the rule says is for those that RFC 9110
/// §15.1 names.
#[test]
fn a_status_that_is_not_known_to_last_is_stored_only_by_its_own_word() {
    before(service::numbered).one_worker().play(|scene| {
        for status in [202, 302, 307, 400, 401, 403, 429, 500, 503] {
            let silent = format!("silent-{status}");
            scene.origin.becomes(move |_| answer(status, &[], "body"));
            for _ in 0..2 {
                let answer = scene.send(&profile(&silent))?;
                verdict::answered(&answer, status)?;
                verdict::not_stored(&answer, "no_lifetime")?;
            }
            let spoken = format!("spoken-{status}");
            scene.origin.becomes(move |_| answer(status, &[("cache-control", "max-age=60")], "body"));
            verdict::stored(&scene.send(&profile(&spoken))?).map_err(|error| format!("{status}: {error}"))?;
            let again = scene.send(&profile(&spoken))?;
            verdict::answered(&again, status)?;
            verdict::hit(&again, "l1")?;
        }
        Ok(())
    });
}

fn large(length: usize) -> Vec<u8> {
    b"0123456789abcde".iter().cycle().take(length).copied().collect()
}

#[test]
fn a_mebibyte_streams_through_and_is_not_stored() {
    before(service::numbered).one_worker().play(|scene| {
        let body = large(1 << 20);
        let (sized, chunked) = (body.clone(), chunks(&body));
        scene.origin.becomes(move |asked| match asked.path().contains("sized") {
            true => answer(200, &[("cache-control", "max-age=60")], &sized),
            false => vec![Step::Write(service::raw(&[HEAD, b"transfer-encoding: chunked\r\n"].concat(), &chunked))],
        });
        let answer = scene.send(&profile("sized"))?;
        verdict::not_stored(&answer, "too_large")?;
        verdict::holds(answer.body == body, "the body is whole")?;
        // Its length is not known in advance: it looks storable until it is too long.
        verdict::holds(scene.send(&profile("chunked"))?.body == body, "the body is whole")?;
        verdict::from_origin(&scene.send(&profile("chunked"))?)?;
        let labels = [("rule", "profiles"), ("reason", "too_large")];
        verdict::same(scene.sum("not_stored_total", &labels)?, 3.0, "too large")?;
        verdict::same(scene.stack.redis.entries()?, Vec::new(), "what is in Redis")
    });
}

fn chunks(body: &[u8]) -> Vec<u8> {
    let chunks =
        body.chunks(50_000).flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    chunks.chain(*b"0\r\n\r\n").collect()
}

#[test]
fn a_mebibyte_is_stored_where_there_is_room() {
    let roomy = |builder: Builder| {
        builder.edit(|plugin| {
            settings::set(plugin, "/memory/max_bytes", json!("40MiB"));
            settings::set(plugin, "/rules/0/max_response", json!("2MiB"));
        })
    };
    before(service::numbered).set(roomy).play(|scene: &mut Scene| {
        let mut pair = scene.pair()?;
        let body = large(1 << 20);
        let sent = body.clone();
        scene.origin.becomes(move |_| answer(200, &[("cache-control", "max-age=60")], &sent));
        scene.warm(&mut pair.one, &profile("large"))?;
        for again in pair.tour(&profile("large"))? {
            verdict::holds(again.body == body, "the body is whole")?;
        }
        Ok(())
    });
}
