//! Faults of what a rule says of who asks, of reuse and of lifetimes.

use serde_json::{Value, json};

use super::{expect, expect_in_rule, parse, problems, with_rule};
use crate::config::{ClientDirectives, SetCookie};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn credentials(part: Value) -> Vec<String> {
    parse(&with_rule(part)).rules.remove(0).credentials
}

#[test]
fn headers_that_show_nobody() {
    let (one, request) = ("belongs to one connection, not to who asks", "is in every request, so it shows nobody");
    let name = "write a name such as x-api-key";
    for (header, wrong, remedy) in [
        ("Host", request, "remove it"),
        (":authority", request, "remove it"),
        ("Connection", one, "remove it"),
        ("te", one, "remove it"),
        ("x-*", "is a pattern", "write each header by its full name"),
        ("a b", "is not a header name", name),
        ("x-é", "is not a header name", name),
        ("", "is not a header name", name),
    ] {
        let wrong = format!("{header:?} {wrong}");
        expect_in_rule(&[
            (json!({ "credentials": ["authorization", header] }), ".credentials[1]", &wrong, remedy),
            // What cannot be read may have been meant for `authorization`.
            (json!({ "credentials": [header] }), ".credentials[0]", &wrong, remedy),
        ]);
    }
    let twice = json!({ "credentials": ["authorization", "Authorization"] });
    expect_in_rule(&[(twice, ".credentials[1]", "authorization stands here twice", "remove one")]);
    assert_eq!(credentials(json!({ "credentials": ["X-Token", "Authorization"] })), ["x-token", "authorization"]);
}

#[test]
fn authorization_counts_unless_the_answer_is_for_all() {
    let wrong = "lacks authorization, which counts wherever the answer may depend on who asks";
    let remedy = "add authorization, or write `auth: shared` if the answer does not";
    for list in [json!([]), json!(["cookie"])] {
        expect_in_rule(&[
            (json!({ "credentials": list }), ".credentials", wrong, remedy),
            (json!({ "credentials": list, "auth": "origin" }), ".credentials", wrong, remedy),
        ]);
        assert_eq!(json!(credentials(json!({ "credentials": list, "auth": "shared" }))), list);
    }
    assert_eq!(credentials(json!({ "credentials": ["authorization"] })), ["authorization"]);
    let paths =
        |config: Value| problems(&config.to_string()).into_iter().map(|problem| problem.path).collect::<Vec<_>>();
    // An `auth` that cannot be read is not held against the list.
    assert_eq!(paths(with_rule(json!({ "credentials": [], "auth": "Shared" }))), ["rules[0].auth"]);
    assert_eq!(paths(with_rule(json!({ "credentials": "cookie" }))), ["rules[0].credentials"]);
}

#[test]
fn a_body_is_not_kept_for_a_refresh() {
    let keyed = json!({
        "match": { "methods": ["POST"], "path": "/q" }, "key": { "body": "whole" }, "refresh": { "cluster": "api" }
    });
    expect_in_rule(&[(
        keyed,
        "",
        "refreshes in the background what is keyed on a request body, which is not kept",
        "remove `refresh`: one request will lead to the service while others get the stale answer",
    )]);
    expect_in_rule(&[(
        json!({ "key": { "properties": [["filter_state", "lab.ja4"]] }, "refresh": { "cluster": "api" } }),
        "",
        "refreshes in the background what is keyed on properties, which a call has none of",
        "remove `refresh`: one request will lead to the service while others get the stale answer",
    )]);
}

#[test]
fn cookies_and_clients_have_two_words_each() {
    let (cookie, client) = (
        "write store if everyone may have the cookie, else refuse",
        "write ignore if no client may bypass the cache, else honor",
    );
    expect_in_rule(&[
        (json!({ "set_cookie": "strip" }), ".set_cookie", "\"strip\" is neither refuse nor store", cookie),
        (json!({ "client_directives": "" }), ".client_directives", "\"\" is neither honor nor ignore", client),
        (
            json!({ "client_directives": false }),
            ".client_directives",
            "false stands where text belongs",
            "write \"false\"",
        ),
        (
            json!({ "show_key": "yes" }),
            ".show_key",
            "\"yes\" stands where true or false belongs",
            "write true or false without quotes",
        ),
    ]);
    for (word, expected) in [("refuse", SetCookie::Refuse), ("store", SetCookie::Store)] {
        assert_eq!(parse(&with_rule(json!({ "set_cookie": word }))).rules[0].set_cookie, expected);
    }
    for (word, expected) in [("honor", ClientDirectives::Honor), ("ignore", ClientDirectives::Ignore)] {
        assert_eq!(parse(&with_rule(json!({ "client_directives": word }))).rules[0].client_directives, expected);
    }
}

#[test]
fn refreshes_that_lead_nowhere() {
    let cluster = "write the name of the Envoy cluster that leads to the service";
    let authority = "write a host name, or remove it to send the host of the request";
    let of = |name: &str, value: Value| {
        let mut refresh = json!({ "refresh": { "cluster": "api" } });
        refresh["refresh"][name] = value;
        refresh
    };
    expect_in_rule(&[
        (json!({ "refresh": {} }), ".refresh.cluster", "is missing", cluster),
        (of("cluster", json!("")), ".refresh.cluster", "\"\" is not the name of a cluster", cluster),
        (of("cluster", json!("a\n")), ".refresh.cluster", "\"a\\n\" is not the name of a cluster", cluster),
        (of("authority", json!("a b")), ".refresh.authority", "\"a b\" is not a Host header", authority),
        (of("timeout", json!("0ms")), ".refresh.timeout", "0ms is out of range", "write 1ms to 1m"),
        (of("timeout", json!("61s")), ".refresh.timeout", "61s is out of range", "write 1ms to 1m"),
        (of("clusters", json!([])), ".refresh.clusters", "is an unknown field", "did you mean `cluster`?"),
        (
            json!({ "refresh": "api" }),
            ".refresh",
            "\"api\" stands where an object belongs",
            "write { ... } with named fields",
        ),
    ]);
    for timeout in ["1ms", "1m"] {
        assert_eq!(problems(&with_rule(of("timeout", json!(timeout))).to_string()), []);
    }
}

#[test]
fn lifetimes_have_one_range() {
    for name in ["default", "override", "heuristic", "stale_while_revalidate", "stale_if_error"] {
        let of = |text: &str| json!({ "freshness": { name: text } });
        let at = format!(".freshness.{name}");
        expect_in_rule(&[
            (of("0s"), &at, "0ms is out of range", "write 1s to 30d"),
            (of("999ms"), &at, "999ms is out of range", "write 1s to 30d"),
            (of("31d"), &at, "31d is out of range", "write 1s to 30d"),
            (of("5 min"), &at, "\"5 min\" is not a duration", "write \"5m\""),
        ]);
        for text in ["1s", "30d"] {
            assert_eq!(problems(&with_rule(of(text)).to_string()), [], "{name} {text}");
        }
    }
    let unknown = json!({ "freshness": { "stale_if_errors": "1m" } });
    expect_in_rule(&[(unknown, ".freshness.stale_if_errors", "is an unknown field", "did you mean `stale_if_error`?")]);
}

#[test]
fn statuses_that_no_answer_is_stored_with() {
    let (last, digits) = ("is not the status of a final answer", "write each status in three digits, 200 to 599");
    for (name, wrong, remedy) in [
        ("206", "is for a part of an answer, which lasts as long as the whole", "remove it"),
        ("304", "makes a stored answer fresh again and is none itself", "remove it"),
        ("100", last, digits),
        ("199", last, digits),
        ("600", last, digits),
        ("0", last, digits),
        ("0404", last, digits),
        ("+404", last, digits),
        ("+40", last, digits),
        (" 40", last, digits),
        ("4xx", last, digits),
        ("404.0", last, digits),
        ("٤٠٤", last, digits),
        ("99999", last, digits),
        ("", last, digits),
    ] {
        let config = with_rule(json!({ "freshness": { "status": { "200": "1s", name: "10s" } } }));
        expect(&config, &format!("rules[0].freshness.status.{name}"), &format!("{name:?} {wrong}"), remedy);
    }
    for name in ["200", "204", "205", "207", "303", "305", "404", "503", "599"] {
        assert_eq!(
            problems(&with_rule(json!({ "freshness": { "status": { name: "1s" } } })).to_string()),
            [],
            "{name}"
        );
    }
}

#[test]
fn a_status_and_its_lifetime_are_judged_each() {
    let of = |status: Value| json!({ "freshness": { "status": status } });
    expect_in_rule(&[
        (of(json!({ "404": "0s" })), ".freshness.status.404", "0ms is out of range", "write 1s to 30d"),
        (of(json!({ "404": "721h" })), ".freshness.status.404", "721h is out of range", "write 1s to 30d"),
        (
            of(json!({ "404": 10 })),
            ".freshness.status.404",
            "10 has no unit",
            "write it with its unit and in quotes, as in \"10s\"",
        ),
        (
            of(json!({ "404": null })),
            ".freshness.status.404",
            "nothing stands where text belongs",
            "write text in quotes",
        ),
        (
            of(json!(["404"])),
            ".freshness.status",
            "a list stands where an object belongs",
            "write { ... } with named fields",
        ),
    ]);
    let both = problems(&with_rule(of(json!({ "4xx": "0s", "206": "1s" }))).to_string());
    let wrong: Vec<_> = both.iter().map(|problem| problem.wrong.as_str()).collect();
    assert_eq!(
        both.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(),
        ["rules[0].freshness.status.206", "rules[0].freshness.status.4xx", "rules[0].freshness.status.4xx",]
    );
    assert_eq!(wrong[2], "0ms is out of range");
}

#[test]
fn a_status_that_stands_there_twice() {
    let text =
        r#"{"rules":[{"name":"a","match":{"path":"/a"},"freshness":{"status":{"404":"1s","410":"1s","404":"2s"}}}]}"#;
    let [problem] = problems(text).try_into().unwrap();
    assert_eq!(problem.to_string(), "rules[0].freshness.status.404: stands there twice; keep one");
}
