//! Bytes that no well-behaved client or origin sends, and sizes that few do.

use e2e::{Outcome, Pair, Scene, before, service, settings, verdict};
use serde_json::Value;
use stack::{Request, Step, answer};

fn profile(name: &str) -> Request {
    Request::get(format!("{}/{name}", settings::PROFILES))
}

#[test]
fn header_bytes_of_a_client_that_are_no_text_do_no_harm() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        let all: Vec<u8> =
            (1..=255).filter(|byte| !b"\r\n\x7f".contains(byte) && (*byte >= b' ' || *byte == b'\t')).collect();
        for (number, value) in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", &all].iter().enumerate() {
            let request = profile(&format!("bytes-{number}"));
            for name in ["x-any", "accept", "cache-control", "user-agent", "authorization", "cookie", "pragma"] {
                let answer = pair.one.send(&request.clone().header(name, value))?;
                verdict::answered(&answer, 200).map_err(|error| format!("{name} {number}: {error}"))?;
            }
            pair.other.send(&request)?;
            verdict::any_hit(&pair.other.send(&request.header("x-any", value))?)?;
        }
        Ok(())
    });
}

#[test]
fn odd_first_lines_and_hosts_do_no_harm() {
    before(service::numbered).one_worker().play(|scene| {
        let targets = [
            &b"/v1/fingerprints/profiles/\xff"[..],
            b"/v1/fingerprints/profiles/%ff%00",
            b"/v1/fingerprints/profiles/?\xc3",
            b"*",
            b"/%",
            b"http://a.example/v1/fingerprints/profiles/x",
        ];
        for target in targets {
            let mut client = scene.stack.client()?;
            let _ = client.send(&Request::get(target));
        }
        for host in [&b"\xff"[..], b"", b"a b", b"[::1]:80", b"x:99999999", b"A.EXAMPLE"] {
            let _ = scene.stack.client()?.send(&profile("host").header("host", host));
        }
        for method in ["PURGE", "get", "PATCH", "OPTIONS", "TRACE"] {
            let _ = scene.stack.client()?.send(&Request::new(method, "/v1/fingerprints/profiles/x"));
        }
        verdict::stored(&scene.send(&profile("after"))?)?;
        verdict::hit(&scene.send(&profile("after"))?, "l1")
    });
}

#[test]
fn header_bytes_of_the_origin_that_are_no_text_reach_the_client_and_are_not_stored() {
    before(service::numbered).one_worker().play(|scene| {
        for value in [&b"\xff"[..], b"\xc3", b"caf\xe9"] {
            let head = [b"cache-control: max-age=60\r\ncontent-length: 2\r\nx-odd: ", value, b"\r\n"].concat();
            scene.origin.becomes(move |_| vec![Step::Write(service::raw(&head, b"ok"))]);
            for _ in 0..2 {
                let answer = scene.send(&profile("odd"))?;
                verdict::not_stored(&answer, "header_encoding")?;
                verdict::same(answer.header("x-odd"), Some(value), "the bytes")?;
            }
        }
        Ok(())
    });
}

#[test]
fn headers_of_the_origin_that_make_no_sense_do_no_harm() {
    let lines: &[&[u8]] = &[
        b"age: 18446744073709551615",
        b"age: 99999999999999999999999999",
        b"age: -1",
        b"age: \xff",
        b"age: 1, 2",
        b"date: yesterday",
        b"date: Thu, 01 Jan 1970 00:00:00 GMT",
        b"date: Fri, 31 Dec 9999 23:59:59 GMT",
        b"expires: 0",
        b"expires: Fri, 31 Dec 9999 23:59:59 GMT",
        b"last-modified: Mon, 99 Foo 0000 00:00:00 GMT",
        b"cache-control: max-age=18446744073709551615",
        b"cache-control: max-age=\"60\"",
        b"cache-control: max-age=, s-maxage=x",
        b"cache-control: \xff=\xff",
        b"cache-control: private=\"",
        b"cache-control: =,;\"\\",
        b"vary: \xff",
        b"vary: ,,,",
        b"etag: \"",
        b"etag: \xff",
        b"content-type: \xff",
        b"cache-status: other; hit",
        b"cache-status: \xff",
        b"warning: 110",
        b"set-cookie: \xff",
        b"access-control-allow-origin: \xff",
        b"content-range: bytes 0-1/2",
        b"x: ",
    ];
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        for (number, line) in lines.iter().enumerate() {
            let said = String::from_utf8_lossy(line);
            odd(scene, &mut pair, number, line).map_err(|error| format!("{said}: {error}"))?;
        }
        Ok(())
    });
}

/// All the requests are answered with what the origin says, from wherever.
fn odd(scene: &Scene, pair: &mut Pair, number: usize, line: &[u8]) -> Outcome {
    let head = [line, b"\r\ncontent-length: 2\r\n"].concat();
    scene.origin.becomes(move |_| vec![Step::Write(service::raw(&head, b"ok"))]);
    let request = profile(&format!("odd-{number}"));
    for _ in 0..2 {
        for client in [&mut pair.one, &mut pair.other] {
            let answer = client.send(&request)?;
            verdict::answered(&answer, 200)?;
            verdict::same(&answer.body[..], b"ok", "the body")?;
            verdict::holds(answer.cache_status().is_some(), "a Cache-Status of ours")?;
        }
    }
    Ok(())
}

#[test]
fn an_absurd_age_is_older_than_any_lifetime() {
    let rule = settings::unshared("windowless", "/windowless/**");
    before(service::numbered).one_worker().set(|builder| settings::with_rule(builder, rule)).play(|scene| {
        let says = [("cache-control", "max-age=2147483647"), ("age", "18446744073709551615")];
        scene.origin.becomes(move |_| answer(200, &says, "x"));
        for _ in 0..2 {
            verdict::not_stored(&scene.get("/windowless/old")?, "expired")?;
        }
        // The window of the shipped rule is longer than what is left of a lifetime that saturates.
        verdict::stored(&scene.send(&profile("old"))?)
    });
}

#[test]
fn large_headers_are_stored_and_come_back_whole() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        let (large, sent) = ("v".repeat(55_000), "v".repeat(55_000));
        scene.origin.becomes(move |_| answer(200, &[("cache-control", "max-age=60"), ("x-large", &sent)], "x"));
        scene.warm(&mut pair.one, &profile("large").header("x-large", &large))?;
        for again in pair.tour(&profile("large").header("x-large", &large))? {
            verdict::same(again.text("x-large").map(|value| value.len()), Some(large.len()), "the length")?;
        }
        // More than Envoy takes.
        verdict::answered(&scene.send(&profile("huge").header("x-large", "v".repeat(61_440)))?, 431)
    });
}

#[test]
fn many_headers_and_none_are_stored_and_come_back() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        scene.origin.becomes(|_| vec![Step::Write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx".to_vec())]);
        scene.warm(&mut pair.one, &profile("none"))?;
        for again in pair.tour(&profile("none"))? {
            verdict::same(&again.body[..], b"x", "the body")?;
            verdict::holds(again.header("content-type").is_none(), "no type is made up")?;
        }
        let line = |number| format!("x-{}: {number}\r\n", number % 45).into_bytes();
        let lines: Vec<u8> = (0..90).flat_map(line).collect();
        let head = [&lines[..], b"content-length: 1\r\n"].concat();
        scene.origin.becomes(move |_| vec![Step::Write(service::raw(&head, b"x"))]);
        scene.warm(&mut pair.one, &profile("many"))?;
        for again in pair.tour(&profile("many"))? {
            let twice: Vec<Value> = again
                .headers
                .iter()
                .filter(|(name, _)| name == "x-7")
                .map(|(_, value)| String::from_utf8_lossy(value).into())
                .collect();
            verdict::same(twice, vec!["7".into(), "52".into()], "both lines, in their order")?;
        }
        Ok(())
    });
}
