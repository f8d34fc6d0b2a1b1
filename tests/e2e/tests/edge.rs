//! At the edge: clients are told apart by how they begin TLS, nobody can claim another's fingerprint, and HTTP/2 is
//! answered from the cache like HTTP/1.1.

use std::time::Duration;

use e2e::{Outcome, Scene, Stage, before, programs, service, settings, verdict};
use serde_json::{Value, json};
use stack::{Asked, Builder, Demo, Port, Request, Response, Scratch, Step, Tunnel, answer};

const WHOAMI: &str = "/v1/whoami";
/// Two hellos of one program.
const ONE: &[&str] = &["-alpn", "http/1.1"];
const OTHER: &[&str] = &["-tls1_2"];

/// Says which `x-ja4` lines arrived.
fn seen(asked: &Asked) -> Vec<Step> {
    let lines = asked.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-ja4"));
    let lines: Vec<_> = lines.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
    let body = json!({ "number": asked.number, "ja4": lines }).to_string();
    answer(200, &[("content-type", "application/json"), ("cache-control", "max-age=60")], body)
}

/// One worker, so that who asks twice is answered from its memory.
fn at_the_edge(script: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static) -> Stage {
    before(script).one_worker().set(Builder::edge)
}

/// The same `Host` on either listener: the port in it would tell the keys apart.
fn get(path: &str) -> Request {
    Request::get(path).header("host", "edge.example")
}

fn whoami() -> Request {
    get(WHOAMI)
}

/// The one fingerprint that the service saw.
fn fingerprint(response: &Response) -> Result<String, String> {
    let body = response.json()?;
    let lines = body.get("ja4").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match lines {
        [Value::String(ja4)] if is_ja4(ja4) => Ok(ja4.clone()),
        _ => Err(format!("the service saw no single fingerprint: {body}")),
    }
}

fn is_ja4(text: &str) -> bool {
    let parts: Vec<_> = text.split('_').map(str::len).collect();
    text.starts_with('t') && parts == [10, 12, 12]
}

/// Asks twice: of the service, then from memory. What both say.
fn twice(mut ask: impl FnMut() -> Result<Response, String>) -> Result<Response, String> {
    let first = ask()?;
    verdict::answered(&first, 200)?;
    verdict::stored(&first)?;
    let second = ask()?;
    verdict::hit(&second, "l1")?;
    verdict::same(&second.body, &first.body, "the answers to one client")?;
    Ok(second)
}

#[test]
fn two_tls_stacks_get_two_answers_of_the_demo_service_each_from_memory_the_second_time() {
    let folder = Scratch::new("test-demo").unwrap();
    let demo = Demo::start(Port::free().unwrap(), folder.path(), Duration::ZERO).unwrap();
    let port = demo.port();
    at_the_edge(seen).set(move |builder| builder.service(port)).play(|scene| {
        let edge = scene.stack.envoy.edge_port()?;
        let token = "authorization: Bearer me";
        let curl = |options: &[&str]| {
            let answers = programs::curl(edge, options, &[&["-H", token, WHOAMI]])?;
            answers.into_iter().next().ok_or_else(|| "no answer".to_owned())
        };
        let openssl = twice(|| curl(&["--http1.1"]))?.json()?;
        let gnutls = twice(|| programs::wget(edge, &["--header", token], WHOAMI))?.json()?;
        let older = twice(|| curl(&["--http1.1", "--tls-max", "1.2"]))?.json()?;
        let newer = twice(|| curl(&["--http2"]))?.json()?;
        for (said, version, alpn) in [
            (&openssl, "1.3", json!("h1")),
            (&gnutls, "1.3", Value::Null),
            (&older, "1.2", json!("h1")),
            (&newer, "1.3", json!("h2")),
        ] {
            verdict::holds(said["ja4"].as_str().is_some_and(is_ja4), &format!("a fingerprint in {said}"))?;
            verdict::same((&said["tls_version"], &said["alpn"]), (&json!(version), &alpn), "what it tells")?;
        }
        let mut all: Vec<_> = [openssl, gnutls, older, newer].map(|said| said["ja4"].to_string()).into();
        all.sort();
        all.dedup();
        verdict::same(all.len(), 4, "fingerprints")?;
        verdict::same(demo.counts()?["GET /v1/whoami"].clone(), json!(4), "how often the service was asked")
    });
}

/// Ways to send a header that is not one's own.
fn claims(path: &str, ja4: &str) -> [Request; 5] {
    [
        get(path).header("x-ja4", ja4),
        get(path).header("X-JA4", ja4),
        get(path).header("x-ja4", ja4).header("x-ja4", ja4),
        get(path).header("x-ja4", ""),
        get(path).header("x-ja4", ja4).header("connection", "x-ja4"),
    ]
}

#[test]
fn whoever_claims_another_fingerprint_gets_the_answer_of_the_own() {
    at_the_edge(seen).play(|scene| {
        let (mut one, mut other) = (scene.stack.tunnel(ONE)?, scene.stack.tunnel(OTHER)?);
        let victim = twice(|| one.send(&whoami()))?;
        let ja4 = fingerprint(&victim)?;
        // First of the service, then from memory: neither takes the client's word.
        for claim in claims(WHOAMI, &ja4) {
            let answer = other.send(&claim)?;
            verdict::answered(&answer, 200)?;
            verdict::holds(fingerprint(&answer)? != ja4, "the thief's own fingerprint")?;
        }
        verdict::same(scene.origin.count(), 2, "how often the origin was asked")?;
        passed_on_too(&mut other, &ja4)?;
        verdict::same(one.send(&whoami())?.body, victim.body, "the victim's answer")
    });
}

/// Requests that no rule matches, so each of them reaches the service.
fn passed_on_too(client: &mut Tunnel, ja4: &str) -> Outcome {
    let own = fingerprint(&client.send(&whoami())?)?;
    for claim in claims("/elsewhere", ja4) {
        let answer = client.send(&claim)?;
        verdict::untouched(&answer)?;
        verdict::same(fingerprint(&answer)?, own.clone(), "the fingerprint that a passed request shows")?;
    }
    Ok(())
}

/// Without it the scheme alone would tell the keys of the two listeners apart. So it is where TLS ends before Envoy.
fn one_scheme(builder: Builder) -> Builder {
    builder.change(|bootstrap| {
        let scheme = json!({ "scheme_to_overwrite": "https" });
        settings::set(bootstrap.connection_manager()?, "/scheme_header_transformation", scheme);
        Ok(())
    })
}

#[test]
fn without_tls_nobody_has_a_fingerprint_and_all_such_have_one_answer() {
    at_the_edge(seen).set(one_scheme).play(|scene| {
        let mut victim = scene.stack.tunnel(ONE)?;
        let ja4 = fingerprint(&twice(|| victim.send(&whoami()))?)?;
        let mut client = scene.stack.client()?;
        let plain = twice(|| client.send(&whoami()))?;
        verdict::same(plain.json()?["ja4"].clone(), json!([]), "what the service sees")?;
        for claim in claims(WHOAMI, &ja4) {
            let answer = client.send(&claim)?;
            verdict::hit(&answer, "l1")?;
            verdict::same(&answer.body, &plain.body, "the answer without TLS")?;
        }
        for claim in claims("/elsewhere", &ja4) {
            verdict::same(client.send(&claim)?.json()?["ja4"].clone(), json!([]), "what the service sees of a claim")?;
        }
        // Nor does it help to say in the target that there was TLS.
        let absolute = Request::get(format!("https://edge.example{WHOAMI}")).header("host", "edge.example");
        verdict::answered(&scene.send(&absolute.header("x-ja4", &ja4))?, 403)?;
        verdict::same(victim.send(&whoami())?.json()?["ja4"].clone(), json!([ja4]), "the victim's answer")
    });
}

/// A service that says `Vary: x-ja4` says it of what it was sent, not of what the client sent.
#[test]
fn a_vary_on_the_fingerprint_is_about_the_real_one() {
    let script = |asked: &Asked| {
        let ja4 = asked.header("x-ja4").map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        let body = json!({ "number": asked.number, "ja4": [ja4] }).to_string();
        answer(200, &[("vary", "x-ja4"), ("cache-control", "max-age=60")], body)
    };
    at_the_edge(script).play(|scene| {
        let profile = || get(&format!("{}/varied", settings::PROFILES));
        let (mut one, mut other) = (scene.stack.tunnel(ONE)?, scene.stack.tunnel(OTHER)?);
        let ja4 = fingerprint(&twice(|| one.send(&profile()))?)?;
        // Who claims nothing is told apart from the first one, who claimed nothing either.
        let own = fingerprint(&twice(|| other.send(&profile()))?)?;
        verdict::holds(own != ja4, "two fingerprints")?;
        verdict::same(fingerprint(&other.send(&profile().header("x-ja4", &ja4))?)?, own, "the answer to a claim")?;
        verdict::same(fingerprint(&one.send(&profile())?)?, ja4, "the first one's answer")
    });
}

#[test]
fn http_2_is_answered_from_the_cache_whole_in_part_and_not_at_all() {
    let script = |asked: &Asked| {
        let lines = [("content-type", "application/json"), ("cache-control", "max-age=60"), ("etag", "\"v1\"")];
        answer(200, &lines, format!("{{\"n\":{}}}", asked.number))
    };
    at_the_edge(script).play(|scene| {
        let edge = scene.stack.envoy.edge_port()?;
        let path = &*format!("{}/chrome", settings::PROFILES);
        let answers = programs::curl(
            edge,
            &["--http2"],
            &[
                &[path],
                &[path],
                &["-I", path],
                &["-r", "2-5", path],
                &["-H", "if-none-match: \"v1\"", path],
                &["--data", "{\"tls_data\":\"AAEC\"}", settings::IDENTIFY],
                &["--data", "{\"tls_data\":\"AAEC\"}", settings::IDENTIFY],
            ],
        )?;
        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        verdict::same(statuses, vec![200, 200, 200, 206, 304, 200, 200], "statuses")?;
        for (answer, hit) in answers.iter().zip([false, true, true, true, true, false, true]) {
            if hit { verdict::hit(answer, "l1")? } else { verdict::stored(answer)? }
        }
        let bodies: Vec<_> = answers.iter().map(|answer| answer.body.as_slice()).collect();
        let [one, two]: [&[u8]; 2] = [b"{\"n\":0}", b"{\"n\":1}"];
        let expected: [&[u8]; 7] = [one, one, b"", b"n\":0", b"", two, two];
        verdict::same(bodies.as_slice(), &expected, "bodies")?;
        verdict::same(scene.origin.count(), 2, "how often the origin was asked")?;
        http_2_was_spoken(scene, 7.0)
    });
}

#[test]
fn streams_of_one_http_2_connection_wait_for_one_fetch() {
    const STREAMS: usize = 50;
    let slow = |asked: &Asked| [vec![Step::Sleep(Duration::from_millis(300))], service::numbered(asked)].concat();
    let patient = |builder: Builder| {
        builder.edit(|plugin| settings::set(plugin, "/fill", json!({ "lease": "3s", "wait": "8s" })))
    };
    at_the_edge(slow).set(patient).play(|scene| {
        let edge = scene.stack.envoy.edge_port()?;
        let said = programs::streams(edge, STREAMS, &format!("{}/many", settings::PROFILES))?;
        verdict::same(said.len(), STREAMS, "answers")?;
        verdict::holds(said.iter().all(|line| line.starts_with("200 ")), &format!("all of them well: {said:?}"))?;
        let waited = said.iter().filter(|line| line.contains("collapsed")).count();
        verdict::holds(waited > 0, &format!("some waited for another's answer: {said:?}"))?;
        verdict::same(scene.origin.count(), 1, "how often the origin was asked")?;
        http_2_was_spoken(scene, STREAMS as f64)
    });
}

/// All on one connection.
fn http_2_was_spoken(scene: &Scene, requests: f64) -> Outcome {
    let labels = [("envoy_http_conn_manager_prefix", "fingerprint_api")];
    let metrics = scene.metrics()?;
    let sum = |what: &str| metrics.sum(&format!("envoy_http_downstream_{what}_http2_total"), &labels);
    verdict::same((sum("cx"), sum("rq")), (1.0, requests), "HTTP/2 connections and requests")
}
