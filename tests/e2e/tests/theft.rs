//! One caller's request must never get another caller's answer: what the head of a request tells apart.

use e2e::theft::Theft;
use e2e::{Outcome, before, service, settings, verdict};
use serde_json::{Value, json};
use stack::{Builder, Request};

fn profile(name: &str) -> Request {
    Request::get(format!("{}/{name}", settings::PROFILES))
}

/// A path of the rule that shares only what the origin lets it.
fn private(name: &str) -> Request {
    Request::get(format!("/private/{name}"))
}

fn rules(builder: Builder) -> Builder {
    let keyed = json!({
        "name": "keyed",
        "match": { "methods": ["GET"], "path": "/keyed/**" },
        "key": {
            "headers": ["x-tenant"],
            "query": { "ignore": ["utm_*"] },
            "properties": [["filter_state", "lab.ja4"]],
        },
        "auth": "shared",
        "freshness": { "default": "5m" },
    });
    let builder =
        settings::with_rule(settings::with_rule(builder, settings::unshared("private", "/private/**")), keyed);
    builder.change(|bootstrap| {
        let filters = bootstrap.connection_manager()?.pointer_mut("/http_filters").and_then(Value::as_array_mut);
        filters.map(|filters| filters.insert(0, fingerprint())).ok_or("no filters".to_owned())
    })
}

/// What a TLS inspector would have found, left in filter state before our filter; here a header says it.
fn fingerprint() -> Value {
    json!({
        "name": "fingerprint",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [{
                "object_key": "lab.ja4",
                "factory_key": "envoy.string",
                "format_string": { "text_format_source": { "inline_string": "%REQ(x-ja4)%" } },
            }],
        },
    })
}

fn attempt(thefts: Vec<Theft>) {
    before(service::numbered).set(rules).play(|scene| {
        let mut pair = scene.pair()?;
        thefts.iter().try_for_each(|theft| theft.attempt(scene, &mut pair))
    });
}

#[test]
fn callers_with_credentials_get_their_own_answers() {
    let own = |what, victim: Request, thief: Request, name: &str| {
        Theft::new(what, victim, thief).control(private(name), private(name))
    };
    attempt(vec![
        own("two tokens", private("token").bearer("alpha"), private("token").bearer("bravo"), "token-free"),
        own("a token and none", private("one").bearer("alpha"), private("one"), "one-free"),
        own("two cookies", private("cookie").header("cookie", "id=1"), private("cookie").header("cookie", "id=2"), "c"),
        own("two keys", private("key").header("x-api-key", "1"), private("key").header("x-api-key", "2"), "k"),
        Theft::new("two tokens of a varying answer", private("v").bearer("alpha"), private("v").bearer("bravo"))
            .says(&[("cache-control", "public, max-age=60"), ("vary", "authorization")]),
    ]);
}

#[test]
fn hosts_queries_and_headers_of_the_key_are_told_apart() {
    let host = |name: &str, host: &str| profile(name).header("host", host);
    let keyed = |target: &str| Request::get(format!("/keyed/{target}"));
    attempt(vec![
        Theft::new("host", host("h", "a.example"), host("h", "b.example")),
        Theft::new("port", host("h2", "a.example:1"), host("h2", "a.example:2")),
        Theft::new("query", profile("q?user=1"), profile("q?user=2")),
        Theft::new("query and none", profile("q2?"), profile("q2")),
        Theft::new("order of a query", profile("q3?a=1&b=2"), profile("q3?b=2&a=1")),
        Theft::new("case of a path", profile("Case"), profile("case")),
        Theft::new("encoded query", profile("q4?a=1%262"), profile("q4?a=1&2")),
        Theft::new("trailing slash", profile("slash"), profile("slash/")),
        Theft::new("header of the key", keyed("h").header("x-tenant", "1"), keyed("h").header("x-tenant", "2")),
        Theft::new("header and none", keyed("h2").header("x-tenant", ""), keyed("h2")),
        Theft::new(
            "header lines",
            keyed("h3").header("x-tenant", "1").header("x-tenant", "2"),
            keyed("h3").header("x-tenant", "2").header("x-tenant", "1"),
        ),
        Theft::new("property", keyed("p").header("x-ja4", "t13d"), keyed("p").header("x-ja4", "t13e")),
        Theft::new("ignored query", keyed("i?utm_x=1"), keyed("i?user=1"))
            .control(keyed("i2?utm_x=1"), keyed("i2?utm_y=2")),
        Theft::new("parameter behind an ignored one", keyed("i3?utm_x=1;user=1"), keyed("i3?utm_x=1;user=2")),
        Theft::new("encoded name", keyed("i4?user=1"), keyed("i4?%75ser=2")),
    ]);
}

#[test]
fn what_vary_names_is_told_apart() {
    let with = |name: &'static str, header: &'static str, value: &str| profile(name).header(header, value);
    attempt(vec![
        Theft::new("language", with("l", "accept-language", "de"), with("l", "accept-language", "en"))
            .says(&[("vary", "Accept-Language")]),
        Theft::new("language and none", with("l2", "accept-language", "de"), profile("l2"))
            .says(&[("vary", "accept-language")]),
        Theft::new("origin", with("o", "origin", "https://a.example"), with("o", "origin", "https://b.example"))
            .says(&[("vary", "origin"), ("access-control-allow-origin", "https://a.example")]),
        Theft::new(
            "two names",
            with("t", "accept", "a").header("x-b", "1"),
            with("t", "accept", "a").header("x-b", "2"),
        )
        .says(&[("vary", "accept"), ("vary", "x-b")]),
        Theft::new("bytes", profile("b").header("x-b", b"\xff"), profile("b").header("x-b", b"\xfe"))
            .says(&[("vary", "x-b")]),
        Theft::new("bytes written out", profile("b2").header("x-b", b"\xff"), profile("b2").header("x-b", "%FF"))
            .says(&[("vary", "x-b")]),
    ]);
}

/// What the origin answers must not be stored, so nobody can get it: refused for the same reason each time.
#[test]
fn answers_for_one_caller_are_not_stored() {
    before(service::numbered).set(rules).play(|scene| {
        for (name, says, why) in [
            ("cors", ("access-control-allow-origin", "https://a.example"), "cors"),
            ("star", ("vary", "*"), "vary_star"),
            ("cookie", ("set-cookie", "id=1"), "set_cookie"),
            ("private", ("cache-control", "private, max-age=60"), "private"),
            ("no-store", ("cache-control", "no-store"), "no_store"),
        ] {
            scene.origin.becomes(move |asked| stack::answer(200, &[says], format!("{}", asked.number)));
            let mut client = scene.stack.client()?;
            let bodies = [client.send(&profile(name))?, client.send(&profile(name))?]
                .map(|answer| verdict::not_stored(&answer, why).map(|()| answer.body));
            verdict::holds(bodies[0].clone()? != bodies[1].clone()?, &format!("{name}: both asked the origin"))?;
        }
        Ok(())
    });
}

/// RFC 9111 §5.2.2.4, §5.2.2.7: the fields that the origin names stay with the first caller, the rest is everybody's.
#[test]
fn fields_that_the_origin_withholds_reach_the_first_caller_only() {
    before(service::numbered).set(rules).play(|scene| {
        let mut pair = scene.pair()?;
        for (name, directive) in [("private-field", "private=\"x-user\""), ("no-cache-field", "no-cache=\"x-user\"")] {
            let control = format!("{directive}, max-age=60");
            scene.origin.becomes(move |_| {
                stack::answer(200, &[("cache-control", &control), ("x-user", "alpha"), ("x-all", "1")], "x")
            });
            let first = scene.warm(&mut pair.one, &profile(name))?;
            verdict::same(first.text("x-user"), Some("alpha".to_owned()), "the field, for the first")?;
            for again in pair.tour(&profile(name))? {
                verdict::holds(again.header("x-user").is_none(), &format!("{name}: the field is not told to others"))?;
                verdict::same(again.text("x-all"), Some("1".to_owned()), "the other field")?;
            }
        }
        Ok(())
    });
}

#[test]
fn dot_segments_and_doubled_slashes_are_the_path_that_the_origin_sees() {
    before(service::numbered).set(rules).play(|scene| {
        let mut client = scene.stack.client()?;
        let first = scene.warm(&mut client, &profile("chrome"))?;
        for target in ["x/../chrome", "./chrome", "/chrome", "%2e/chrome", "x/%2e%2E/chrome", "x/y/../../chrome"] {
            let answer = client.send(&profile(target))?;
            verdict::hit(&answer, "l1").map_err(|error| format!("{target}: {error}"))?;
            verdict::same(&answer.body, &first.body, target)?;
        }
        for target in ["../secret", "%2e%2e/secret", "..//secret", "x/../../secret", "x/%2e%2e/../secret"] {
            let answer = client.send(&profile(target))?;
            verdict::untouched(&answer).map_err(|error| format!("{target}: {error}"))?;
            verdict::same(answer.json()?["path"].clone(), json!("/v1/fingerprints/secret"), target)?;
        }
        encoded_slashes_are_refused(scene)
    });
}

fn encoded_slashes_are_refused(scene: &e2e::Scene) -> Outcome {
    let before = scene.origin.count();
    for target in ["..%2fsecret", "a%2Fb", "a%5cb", "..%5C..%5Csecret", "%2e%2e%2f%2e%2e%2fsecret"] {
        verdict::answered(&scene.send(&profile(target))?, 400).map_err(|error| format!("{target}: {error}"))?;
    }
    verdict::same(scene.origin.count(), before, "how often the origin was asked")
}

/// A listener that leaves paths as they come, as a gateway's or a waypoint's does.
fn plain_listener(builder: Builder) -> Builder {
    builder.change(|bootstrap| {
        let manager = bootstrap.connection_manager()?;
        for (switch, off) in [
            ("/normalize_path", json!(false)),
            ("/merge_slashes", json!(false)),
            ("/path_with_escaped_slashes_action", json!("KEEP_UNCHANGED")),
        ] {
            settings::set(manager, switch, off);
        }
        Ok(())
    })
}

#[test]
fn what_a_wildcard_cannot_be_sure_of_passes_behind_any_listener() {
    before(service::numbered).set(plain_listener).play(|scene| {
        for target in ["..%2fsecret", "a%5Cb", "x/../../secret", "%2e%2e/secret", "..;/secret"] {
            for _ in 0..2 {
                let answer = scene.send(&profile(target))?;
                verdict::passed(&answer, "ambiguous_path").map_err(|error| format!("{target}: {error}"))?;
            }
        }
        verdict::stored(&scene.send(&profile("chrome?next=..%2fsecret"))?)
    });
}
