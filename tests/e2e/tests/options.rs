//! What clients and rules may ask for beside the usual, what the origin says to this cache alone, and what only passes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use e2e::{Outcome, Scene, before, service, settings, verdict};
use serde_json::{Value, json};
use stack::{Asked, Builder, Request, Response, Step, answer};

fn profile(name: &str) -> Request {
    Request::get(format!("{}/{name}", settings::PROFILES))
}

/// Sets a member of the shipped rule for profiles.
fn ruled(builder: Builder, pointer: &'static str, value: Value) -> Builder {
    builder.edit(move |plugin| settings::set(plugin, &format!("/rules/0/{pointer}"), value))
}

/// All lines of a header, in their order.
fn lines(answer: &Response, name: &str) -> Vec<String> {
    let lines = answer.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    lines.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

#[test]
fn who_wants_only_what_is_stored_never_reaches_the_origin() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        let picky = profile("a").header("cache-control", "only-if-cached");
        let asked = scene.origin.count();
        for client in [&mut pair.one, &mut pair.other] {
            let nothing = client.send(&picky)?;
            verdict::answered(&nothing, 504)?;
            verdict::same(
                nothing.text("cache-status"),
                Some("fingerprint-cache; detail=only_if_cached".into()),
                "why",
            )?;
            verdict::holds(nothing.header("age").is_none() && nothing.body.is_empty(), "nothing is stored")?;
        }
        verdict::same(scene.origin.count(), asked, "how often the origin was asked")?;
        scene.warm(&mut pair.one, &profile("a"))?;
        pair.tour(&picky)?;
        verdict::same(scene.origin.count(), asked + 1, "how often the origin was asked")
    });
}

/// What clients may ask for, and the reason that an answer from the origin then gives.
const ASKING: [&str; 4] = ["no-cache", "no-store", "max-age=0", "min-fresh=1000"];

#[test]
fn a_rule_may_ignore_what_clients_ask_for() {
    for (word, ignored) in [("honor", false), ("ignore", true)] {
        let set = move |builder| ruled(builder, "client_directives", json!(word));
        before(service::numbered).one_worker().set(set).play(|scene| {
            scene.warm(&mut scene.stack.client()?, &profile("a"))?;
            for directive in ASKING {
                let answer = scene.send(&profile("a").header("cache-control", directive))?;
                let outcome = if ignored { verdict::hit(&answer, "l1") } else { verdict::from_origin(&answer) };
                outcome.map_err(|error| format!("{word}, {directive}: {error}"))?;
            }
            let pragma = scene.send(&profile("a").header("pragma", "no-cache"))?;
            if ignored {
                verdict::hit(&pragma, "l1")?
            } else {
                verdict::from_origin(&pragma)?
            }
            let missing = scene.send(&profile("b").header("cache-control", "only-if-cached"))?;
            verdict::answered(&missing, if ignored { 200 } else { 504 })?;
            // Nor can a client keep an answer out of the cache.
            scene.send(&profile("c").header("cache-control", "no-store"))?;
            let after = scene.send(&profile("c"))?;
            if ignored { verdict::hit(&after, "l1") } else { verdict::stored(&after) }
        });
    }
}

#[test]
fn the_key_is_shown_where_the_rule_wants_it_and_is_that_of_redis() {
    before(service::numbered).set(|builder| ruled(builder, "show_key", json!(true))).play(|scene| {
        let mut pair = scene.pair()?;
        let before = scene.stack.redis.keys()?;
        let first = scene.warm(&mut pair.one, &profile("a"))?;
        let keys = scene.stack.redis.keys()?;
        let new = keys.iter().find(|key| !before.contains(key)).ok_or("no new key")?;
        let key = new.splitn(3, ':').nth(2).unwrap_or_default();
        let expected = format!("; key=\"{key}\"");
        for answer in pair.tour(&profile("a"))?.iter().chain([&first]) {
            let said = answer.text("cache-status").unwrap_or_default();
            verdict::holds(said.ends_with(&expected), &format!("{said} ends with {expected}"))?;
        }
        let silent = scene.get("/api/v1/models/features")?.text("cache-status").unwrap_or_default();
        verdict::holds(!silent.contains("key="), &format!("another rule's answer shows none: {silent}"))
    });
}

#[test]
fn a_rule_may_store_cookies_for_everybody() {
    let cookies =
        |_: &Asked| answer(200, &[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("cache-control", "max-age=60")], "x");
    before(service::numbered).set(|builder| ruled(builder, "set_cookie", json!("store"))).play(|scene| {
        let mut pair = scene.pair()?;
        scene.origin.becomes(cookies);
        let first = scene.warm(&mut pair.one, &profile("a"))?;
        for answer in pair.tour(&profile("a"))?.iter().chain([&first]) {
            verdict::same(lines(answer, "set-cookie"), vec!["a=1".to_owned(), "b=2".to_owned()], "the cookies")?;
        }
        Ok(())
    });
    before(cookies).one_worker().play(|scene| verdict::not_stored(&scene.send(&profile("a"))?, "set_cookie"));
}

#[test]
fn a_rule_gives_statuses_their_own_lifetimes() {
    let statuses = json!({ "404": "10s", "301": "20s", "503": "5s" });
    let set = move |builder| ruled(builder, "freshness/status", statuses);
    before(service::numbered).set(set).play(|scene| {
        let mut pair = scene.pair()?;
        for (status, says, most) in [
            (404, "max-age=600", 10),
            (301, "x", 20),
            (503, "max-age=1", 5),
            (200, "max-age=100", 100),
            (410, "x", 300),
        ] {
            scene.origin.becomes(move |_| answer(status, &[("cache-control", says)], "x"));
            scene.warm(&mut pair.one, &profile(&status.to_string()))?;
            for answer in pair.tour(&profile(&status.to_string())).map_err(|error| format!("{status}: {error}"))? {
                verdict::answered(&answer, status)?;
                let ttl = answer.cache_status().and_then(|said| said.ttl).unwrap_or_default();
                verdict::holds((most - 5..=most).contains(&ttl) && ttl > 0, &format!("{status}: {ttl} s of {most}"))?;
            }
        }
        Ok(())
    });
}

#[test]
fn what_the_origin_says_to_this_cache_alone_counts_first_and_goes_no_further() {
    let says = |lines: &'static [(&'static str, &'static str)]| move |_: &Asked| answer(200, lines, "x");
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        scene.origin.becomes(says(&[
            ("cdn-cache-control", "max-age=60"),
            ("cache-control", "no-store"),
            ("surrogate-key", "a b"),
            ("cache-tag", "a,b"),
            ("x-kept", "1"),
        ]));
        let first = scene.warm(&mut pair.one, &profile("stored"))?;
        for answer in pair.tour(&profile("stored"))?.iter().chain([&first]) {
            for name in ["cdn-cache-control", "surrogate-key", "cache-tag"] {
                verdict::holds(answer.header(name).is_none(), &format!("{name} goes no further"))?;
            }
            verdict::same(answer.text("cache-control"), Some("no-store".to_owned()), "what others are told")?;
            verdict::same(answer.text("x-kept"), Some("1".to_owned()), "the rest")?;
        }
        scene.origin.becomes(says(&[("cdn-cache-control", "no-store"), ("cache-control", "max-age=60")]));
        let refused = pair.one.send(&profile("refused"))?;
        verdict::not_stored(&refused, "no_store")?;
        verdict::holds(refused.header("cdn-cache-control").is_none(), "it goes no further")?;
        // Nor where the request was left alone.
        let passed = pair.one.send(&profile("refused").header("if-match", "\"a\""))?;
        verdict::passed(&passed, "precondition")?;
        verdict::holds(passed.header("cdn-cache-control").is_none(), "it goes no further")?;
        // One that cannot be read is none.
        scene.origin.becomes(says(&[("cdn-cache-control", "max-age=\""), ("cache-control", "max-age=60")]));
        let answer = pair.one.send(&profile("unread"))?;
        verdict::holds(answer.cache_status().is_some() && answer.status == 200, "an answer all the same")
    });
}

#[test]
fn what_upstream_caches_say_is_kept_and_ours_comes_last() {
    let script = |_: &Asked| {
        answer(
            200,
            &[
                ("cache-status", "origin; hit; ttl=9"),
                ("cache-status", "cdn; fwd=miss"),
                ("cache-control", "max-age=60"),
            ],
            "x",
        )
    };
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        scene.origin.becomes(script);
        let first = scene.warm(&mut pair.one, &profile("a"))?;
        for answer in pair.tour(&profile("a"))?.iter().chain([&first]) {
            let list = lines(answer, "cache-status").join(", ");
            let members: Vec<&str> = list.split(", ").collect();
            verdict::same(members.get(..2), Some(&["origin; hit; ttl=9", "cdn; fwd=miss"][..]), "theirs")?;
            verdict::same(members.len(), 3, "and ours")?;
            verdict::holds(members.last().is_some_and(|last| last.starts_with("fingerprint-cache; ")), &list)?;
        }
        Ok(())
    });
}

/// A connection on which all bytes of the server are seen, interim answers too.
struct Wire {
    stream: TcpStream,
    seen: Vec<u8>,
}

impl Wire {
    fn connect(scene: &Scene) -> Result<Self, String> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, scene.stack.envoy.port()));
        let stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
        stream.set_read_timeout(Some(e2e::LIMIT)).map_err(|error| error.to_string())?;
        Ok(Self { stream, seen: Vec::new() })
    }

    fn write(&mut self, bytes: &[u8]) -> Outcome {
        self.stream.write_all(bytes).map_err(|error| format!("cannot send: {error}"))
    }

    /// Reads until the server has said this.
    fn until(&mut self, text: &str) -> Outcome {
        let mut buffer = [0; 4096];
        while !self.said().contains(text) {
            let read =
                self.stream.read(&mut buffer).map_err(|error| format!("{text}: {error}; so far {}", self.said()))?;
            verdict::holds(read > 0, &format!("{text} is said before the end: {}", self.said()))?;
            self.seen.extend(buffer.iter().take(read));
        }
        Ok(())
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}

#[test]
fn early_hints_pass_and_what_follows_is_stored() {
    let hinted = |_: &Asked| {
        let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n".to_vec();
        let mut steps = vec![Step::Write(hints), Step::Sleep(Duration::from_millis(50))];
        steps.extend(answer(200, &[("cache-control", "max-age=60")], "the end"));
        steps
    };
    before(hinted).one_worker().play(|scene| {
        let mut wire = Wire::connect(scene)?;
        wire.write(&profile("a").bytes())?;
        wire.until("the end")?;
        let said = wire.said();
        verdict::holds(said.starts_with("HTTP/1.1 103 ") && said.contains("link: </a.css>"), &said)?;
        verdict::holds(said.contains("HTTP/1.1 200 ") && said.contains("; stored"), &said)?;
        let again = scene.send(&profile("a"))?;
        verdict::hit(&again, "l1")?;
        verdict::holds(again.header("link").is_none(), "the hints are no part of the answer")
    });
}

/// Such a client sends no body before the origin has asked for it, and the origin is not asked before there is a key.
#[test]
fn a_client_that_waits_for_a_100_does_not_spoil_the_rule_for_others() {
    before(service::identified).one_worker().play(|scene| {
        let body = "{\"tls_data\":\"AAEC\",\"session_id\":\"alpha-1\"}";
        let identify = Request::post(settings::IDENTIFY, body).header("content-type", "application/json");
        for (number, longest) in [(0, e2e::LIMIT), (1, Duration::from_millis(900))] {
            let begun = Instant::now();
            expectant(scene, &identify, body).map_err(|error| format!("number {number}: {error}"))?;
            verdict::holds(begun.elapsed() < longest, &format!("it took {:?}", begun.elapsed()))?;
        }
        verdict::stored(&scene.send(&identify)?)?;
        verdict::hit(&scene.send(&identify)?, "l1")?;
        let withheld = scene.sum("unexpected_total", &[("reason", "body_withheld")])?;
        verdict::same(withheld, 0.0, "hosts that hold bodies back")
    });
}

/// Sends the head, waits for the 100, sends the body and sees that the request passed.
fn expectant(scene: &Scene, request: &Request, body: &str) -> Outcome {
    let whole = request.clone().header("expect", "100-continue").bytes();
    let (head, _) = whole.split_at(whole.len() - body.len());
    let mut wire = Wire::connect(scene)?;
    wire.write(head)?;
    wire.until("HTTP/1.1 100 Continue\r\n\r\n")?;
    wire.write(body.as_bytes())?;
    wire.until("\"session_id\":\"alpha-1\"")?;
    verdict::holds(wire.said().contains("fwd=bypass; fwd-status=200; detail=body_withheld"), &wire.said())
}
