//! Conditions and ranges: the cache answers 304, 206 and 416 from either tier, in both versions of HTTP, and asks the
//! origin with conditions of its own without losing the client's.

use std::process::Command;

use e2e::{Outcome, Scene, before, service, settings, verdict};
use serde_json::json;
use stack::{Asked, Builder, Request, Response, Step, answer, paths};

const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

fn profile(name: impl std::fmt::Display) -> Request {
    Request::get(format!("{}/{name}", settings::PROFILES))
}

/// `count` bytes of which no two neighbouring stretches are alike.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// A thousand bytes with both validators.
fn validated(_: &Asked) -> Vec<Step> {
    let headers = [
        ("content-type", "text/plain"),
        ("cache-control", "max-age=60"),
        ("etag", "\"v1\""),
        ("last-modified", MODIFIED),
        ("x-any", "1"),
    ];
    answer(200, &headers, bytes(1000))
}

/// Header lines of a client.
type Lines<'a> = &'a [(&'a str, &'a str)];

fn with(request: Request, lines: Lines<'_>) -> Request {
    lines.iter().fold(request, |request, (name, value)| request.header(name, value))
}

#[test]
fn what_the_client_has_already_is_not_sent_again_from_either_tier() {
    let current: &[Lines<'_>] = &[
        &[("if-none-match", "\"v1\"")],
        &[("if-none-match", "W/\"v1\"")],
        &[("if-none-match", "\"v0\", W/\"v1\"")],
        &[("if-none-match", "\"v0\""), ("if-none-match", "\"v1\"")],
        &[("if-none-match", "*")],
        &[("if-modified-since", MODIFIED)],
        &[("if-modified-since", LATER)],
        &[("if-none-match", "\"v1\""), ("if-modified-since", EARLIER)],
        // The condition is judged before the range.
        &[("if-none-match", "\"v1\""), ("range", "bytes=0-1")],
    ];
    before(validated).play(|scene| {
        let mut pair = scene.pair()?;
        for (number, lines) in current.iter().enumerate() {
            scene.warm(&mut pair.one, &profile(number))?;
            let asked = scene.origin.count();
            for answer in pair.tour(&with(profile(number), lines)).map_err(|error| format!("{lines:?}: {error}"))? {
                not_modified(&answer).map_err(|error| format!("{lines:?}: {error}"))?;
            }
            let head = with(Request::new("HEAD", profile(number).path()), lines);
            let head = pair.one.send(&head)?;
            verdict::hit(&head, "l1").and_then(|()| not_modified(&head)).map_err(|error| format!("HEAD {error}"))?;
            verdict::same(scene.origin.count(), asked, "how often the origin was asked")?;
        }
        Ok(())
    });
}

/// A 304 with the validators, and with nothing that tells of a body.
fn not_modified(answer: &Response) -> Outcome {
    verdict::answered(answer, 304)?;
    verdict::same(answer.text("etag"), Some("\"v1\"".to_owned()), "the tag")?;
    verdict::same(answer.text("x-any"), Some("1".to_owned()), "other fields")?;
    verdict::holds(answer.header("cache-control").is_some() && answer.header("date").is_some(), "what it must have")?;
    verdict::holds(answer.header("content-type").is_none(), "no type of a body that is not there")
}

#[test]
fn what_the_client_has_not_is_sent_whole() {
    let other: &[Lines<'_>] = &[
        &[("if-none-match", "\"v2\"")],
        &[("if-none-match", "v1")],
        &[("if-modified-since", EARLIER)],
        &[("if-modified-since", "yesterday")],
        &[("if-none-match", "\"v2\""), ("if-modified-since", LATER)],
    ];
    before(validated).play(|scene| {
        let mut pair = scene.pair()?;
        for (number, lines) in other.iter().enumerate() {
            scene.warm(&mut pair.one, &profile(number))?;
            for answer in pair.tour(&with(profile(number), lines)).map_err(|error| format!("{lines:?}: {error}"))? {
                verdict::answered(&answer, 200).map_err(|error| format!("{lines:?}: {error}"))?;
                verdict::holds(answer.body == bytes(1000), "the whole body")?;
            }
        }
        Ok(())
    });
}

/// What a range of a thousand bytes gets.
enum Gets {
    /// 206 with these bytes.
    Part(usize, usize),
    /// 416.
    Nothing,
    /// 200.
    Whole,
}

#[test]
fn a_range_gets_exactly_its_bytes_from_either_tier() {
    use Gets::{Nothing, Part, Whole};
    let cases: &[(Lines<'_>, Gets)] = &[
        (&[("range", "bytes=0-0")], Part(0, 0)),
        (&[("range", "bytes=0-99")], Part(0, 99)),
        (&[("range", "bytes=990-")], Part(990, 999)),
        (&[("range", "bytes=-10")], Part(990, 999)),
        (&[("range", "bytes=-5000")], Part(0, 999)),
        (&[("range", "bytes=999-18446744073709551615")], Part(999, 999)),
        (&[("range", "bytes=1000-")], Nothing),
        (&[("range", "bytes=-0")], Nothing),
        (&[("range", "bytes=18446744073709551615-")], Nothing),
        (&[("range", "bytes=0-1,5-6")], Whole),
        (&[("range", "bytes=0-0,-1")], Whole),
        (&[("range", "bytes=5-2")], Whole),
        (&[("range", "lines=1-2")], Whole),
        (&[("range", "bytes=x-y")], Whole),
        (&[("range", "bytes=1-2"), ("if-range", "\"v1\"")], Part(1, 2)),
        (&[("range", "bytes=1-2"), ("if-range", MODIFIED)], Part(1, 2)),
        (&[("range", "bytes=1-2"), ("if-range", "\"v2\"")], Whole),
        (&[("range", "bytes=1-2"), ("if-range", "W/\"v1\"")], Whole),
        (&[("range", "bytes=1-2"), ("if-range", LATER)], Whole),
        (&[("range", "bytes=1-2"), ("if-none-match", "\"v2\"")], Part(1, 2)),
    ];
    before(validated).play(|scene| {
        let mut pair = scene.pair()?;
        for (number, (lines, gets)) in cases.iter().enumerate() {
            scene.warm(&mut pair.one, &profile(number))?;
            for answer in pair.tour(&with(profile(number), lines)).map_err(|error| format!("{lines:?}: {error}"))? {
                got(&answer, gets, &bytes(1000)).map_err(|error| format!("{lines:?}: {error}"))?;
            }
        }
        Ok(())
    });
}

fn got(answer: &Response, gets: &Gets, whole: &[u8]) -> Outcome {
    let (status, range, body) = match *gets {
        Gets::Part(first, last) => {
            (206, Some(format!("bytes {first}-{last}/{}", whole.len())), whole.get(first..=last))
        }
        Gets::Nothing => (416, Some(format!("bytes */{}", whole.len())), Some(&[][..])),
        Gets::Whole => (200, None, Some(whole)),
    };
    verdict::answered(answer, status)?;
    verdict::same(answer.text("content-range"), range, "the range")?;
    // Envoy says nothing of an empty body's length in HTTP/2.
    let length = answer.text("content-length").unwrap_or_else(|| "0".to_owned());
    verdict::same(Some(length), body.map(|body| body.len().to_string()), "the length")?;
    verdict::holds(Some(&answer.body[..]) == body, "the bytes")
}

#[test]
fn a_head_and_a_post_get_no_ranges() {
    before(validated).one_worker().play(|scene| {
        scene.warm(&mut scene.stack.client()?, &profile("a"))?;
        let head = scene.send(&Request::new("HEAD", profile("a").path()).header("range", "bytes=0-1"))?;
        verdict::hit(&head, "l1")?;
        verdict::answered(&head, 200)?;
        verdict::same(head.text("content-length"), Some("1000".to_owned()), "the length")?;
        scene.origin.becomes(service::identified);
        let identify = Request::post(settings::IDENTIFY, "{\"tls_data\":\"A\"}").header("range", "bytes=0-1");
        verdict::stored(&scene.send(&identify)?)?;
        let post = scene.send(&identify)?;
        verdict::hit(&post, "l1")?;
        verdict::answered(&post, 200)
    });
}

/// Entries of two mebibytes at most.
fn large(builder: Builder) -> Builder {
    builder.edit(|plugin| {
        settings::set(plugin, "/memory/max_bytes", json!("40MiB"));
        settings::set(plugin, "/rules/0/max_response", json!("2MiB"));
    })
}

#[test]
fn ranges_of_a_mebibyte_are_exact() {
    let whole = bytes(1 << 20);
    let sent = whole.clone();
    let script = move |_: &Asked| answer(200, &[("cache-control", "max-age=60")], &sent);
    before(script).set(large).play(|scene| {
        let mut pair = scene.pair()?;
        for (range, first, last) in [
            ("bytes=0-65535", 0, 65_535),
            ("bytes=65535-65536", 65_535, 65_536),
            ("bytes=500000-", 500_000, (1 << 20) - 1),
            ("bytes=-1", (1 << 20) - 1, (1 << 20) - 1),
            ("bytes=0-", 0, (1 << 20) - 1),
        ] {
            let name = format!("{first}-{last}");
            scene.warm(&mut pair.one, &profile(&name))?;
            for answer in pair.tour(&profile(&name).header("range", range))? {
                got(&answer, &Gets::Part(first, last), &whole).map_err(|error| format!("{range}: {error}"))?;
            }
        }
        Ok(())
    });
}

#[test]
fn a_part_from_the_origin_passes_and_is_not_stored() {
    let partly = |asked: &Asked| match asked.header("range") {
        Some(_) => answer(206, &[("cache-control", "max-age=60"), ("content-range", "bytes 0-1/4")], "01"),
        None => answer(200, &[("cache-control", "max-age=60")], "0123"),
    };
    before(partly).one_worker().play(|scene| {
        let part = profile("a").header("range", "bytes=0-1");
        for _ in 0..2 {
            let answer = scene.send(&part)?;
            verdict::answered(&answer, 206)?;
            verdict::same(&answer.body[..], b"01", "the part")?;
            verdict::same(answer.text("content-range"), Some("bytes 0-1/4".to_owned()), "the range")?;
            verdict::not_stored(&answer, "partial")?;
        }
        let whole = scene.send(&profile("a"))?;
        verdict::stored(&whole)?;
        verdict::same(&whole.body[..], b"0123", "the whole")?;
        let answer = scene.send(&part)?;
        verdict::hit(&answer, "l1")?;
        got(&answer, &Gets::Part(0, 1), b"0123")
    });
}

#[test]
fn a_range_that_the_origin_answers_whole_is_stored_whole() {
    before(validated).one_worker().play(|scene| {
        let first = scene.send(&profile("a").header("range", "bytes=0-1"))?;
        verdict::answered(&first, 200)?;
        verdict::stored(&first)?;
        let again = scene.send(&profile("a").header("range", "bytes=2-3"))?;
        verdict::hit(&again, "l1")?;
        got(&again, &Gets::Part(2, 3), &bytes(1000))
    });
}

/// Stale as it comes, confirmed for a minute by its own tag; whoever sends another tag is told that it is current.
fn confirmed(asked: &Asked) -> Vec<Step> {
    let stale = [("cache-control", "max-age=10"), ("age", "10"), ("etag", "\"v1\"")];
    match asked.header("if-none-match") {
        None => answer(200, &stale, "the first"),
        Some(b"\"v1\"") => answer(304, &[("cache-control", "max-age=60"), ("etag", "\"v1\""), ("x-news", "1")], ""),
        Some(_) => answer(304, &[("etag", "\"client\"")], ""),
    }
}

#[test]
fn our_own_condition_takes_the_place_of_the_clients_and_freshens_both_tiers() {
    before(service::numbered).play(|scene| {
        let mut pair = scene.pair()?;
        scene.origin.becomes(confirmed);
        for (name, tag, status) in [("other", "\"client\"", 200), ("same", "W/\"v1\"", 304)] {
            scene.warm(&mut pair.one, &profile(name))?;
            let fills = scene.fills()?;
            let conditional = profile(name).header("if-none-match", tag).header("if-modified-since", LATER);
            let answer = pair.one.send(&conditional)?;
            verdict::answered(&answer, status).map_err(|error| format!("{name}: {error}"))?;
            let said = answer.cache_status().unwrap_or_default();
            verdict::same((said.fwd.as_deref(), said.fwd_status), (Some("stale"), Some(304)), "what it says")?;
            verdict::same(answer.text("x-news"), Some("1".to_owned()), "what the 304 said")?;
            asked_with_ours(scene)?;
            scene.until_fills(fills + 1.0)?;
            let asked = scene.origin.count();
            for again in pair.tour(&profile(name)).map_err(|error| format!("{name}: {error}"))? {
                verdict::same(&again.body[..], b"the first", "the body")?;
                verdict::same(again.text("x-news"), Some("1".to_owned()), "the news")?;
            }
            verdict::same(scene.origin.count(), asked, "how often the origin was asked")?;
        }
        Ok(())
    });
}

/// The last request that reached the origin had our condition alone.
fn asked_with_ours(scene: &Scene) -> Outcome {
    let last = scene.origin.asked().pop().ok_or("the origin was not asked")?;
    let tags = last.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("if-none-match"));
    let tags: Vec<_> = tags.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
    verdict::same(tags, vec!["\"v1\"".to_owned()], "the tags that reached the origin")?;
    verdict::holds(last.header("if-modified-since").is_none(), "the client's date went no further")
}

/// RFC 9111 §4.3.5.
#[test]
fn a_head_that_reaches_the_origin_freshens_or_drops_what_is_stored() {
    before(validated).play(|scene| {
        let mut pair = scene.pair()?;
        let head = |name: &str| Request::new("HEAD", profile(name).path()).header("cache-control", "no-cache");
        scene.warm(&mut pair.one, &profile("same"))?;
        scene.warm(&mut pair.one, &profile("other"))?;
        let says = |tag: &'static str| {
            move |_: &Asked| {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\netag: {tag}\r\nx-news: 1\r\n");
                vec![Step::Write(format!("{head}cache-control: max-age=60\r\n\r\n").into_bytes())]
            }
        };
        scene.origin.becomes(says("\"v1\""));
        verdict::answered(&pair.one.send(&head("same"))?, 200)?;
        // In the memory that heard of it: to Redis writes who has the lease, and that is for answers with a body.
        let again = pair.one.send(&profile("same"))?;
        verdict::hit(&again, "l1")?;
        verdict::same(again.text("x-news"), Some("1".to_owned()), "the news")?;
        verdict::holds(again.body == bytes(1000), "the body")?;
        scene.origin.becomes(says("\"v2\""));
        verdict::answered(&pair.one.send(&head("other"))?, 200)?;
        scene.until_logged(1)?;
        scene.origin.becomes(service::numbered);
        verdict::stored(&pair.other.send(&profile("other"))?)?;
        verdict::holds(pair.one.send(&profile("other"))?.body != bytes(1000), "the old one is gone here too")
    });
}

/// What curl gets for this path over HTTP/2.
fn over_http2(scene: &Scene, path: &str, arguments: &[&str]) -> Result<Response, String> {
    let url = format!("http://127.0.0.1:{}{path}", scene.stack.envoy.port());
    let mut command = Command::new(paths::program("curl")?);
    command.args(["--http2-prior-knowledge", "--noproxy", "*", "-sSi", "--max-time", "10", "-H", "host: localhost"]);
    let output = command.args(arguments).arg(url).output().map_err(|error| format!("curl: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    verdict::holds(output.status.success(), &format!("curl ends well: {said}"))?;
    read(&output.stdout, output.stdout.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no head")?)
}

/// An answer as curl prints it, with its head `end` bytes long.
fn read(output: &[u8], end: usize) -> Result<Response, String> {
    let (head, body) = output.split_at(end + 4);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().and_then(|first| first.strip_prefix("HTTP/2 ")).ok_or("not HTTP/2")?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    Ok(Response {
        status: status.trim().parse().map_err(|error| format!("{status}: {error}"))?,
        headers: headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect(),
        body: body.to_vec(),
        elapsed: std::time::Duration::ZERO,
    })
}

/// There a 304 or an answer to HEAD with a body is an error of the stream, and curl says so.
#[test]
fn conditions_and_ranges_are_answered_over_http2() {
    before(validated).play(|scene| {
        let mut pair = scene.pair()?;
        scene.warm(&mut pair.one, &profile("a"))?;
        // Either tier answers, depending on the worker; at the latest the third time it is memory.
        for _ in 0..4 {
            let path = profile("a").path();
            let answer = over_http2(scene, &path, &["-H", "if-none-match: W/\"v1\""])?;
            verdict::any_hit(&answer).and_then(|()| not_modified(&answer))?;
            verdict::holds(answer.body.is_empty(), "no body")?;
            for (range, gets) in [
                ("range: bytes=10-19", Gets::Part(10, 19)),
                ("range: bytes=-1", Gets::Part(999, 999)),
                ("range: bytes=1000-", Gets::Nothing),
                ("range: bytes=0-1,5-6", Gets::Whole),
            ] {
                let answer = over_http2(scene, &path, &["-H", range])?;
                verdict::any_hit(&answer)?;
                got(&answer, &gets, &bytes(1000)).map_err(|error| format!("{range}: {error}"))?;
            }
            let head = over_http2(scene, &path, &["-I"])?;
            verdict::any_hit(&head)?;
            verdict::same(head.text("content-length"), Some("1000".to_owned()), "the length")?;
            let head = over_http2(scene, &path, &["-I", "-H", "if-none-match: *"])?;
            verdict::any_hit(&head).and_then(|()| not_modified(&head))?;
        }
        Ok(())
    });
}
