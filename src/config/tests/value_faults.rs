//! Faults of single values: type, unit, range and characters.

use serde_json::json;

use super::{expect, expect_at_root, expect_in_rule, parse, with_root, with_rule};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn values_of_another_type() {
    expect_at_root(&[
        (json!({ "schema_version": 1 }), "schema_version", "1 stands where text belongs", "write \"1\""),
        (json!({ "name": null }), "name", "nothing stands where text belongs", "write text in quotes"),
        (
            json!({ "redis": null }),
            "redis",
            "nothing stands where an object belongs",
            "write { ... } with named fields",
        ),
        (
            json!({ "memory": { "max_entries": "100" } }),
            "memory.max_entries",
            "\"100\" stands where a whole number belongs",
            "write digits without quotes",
        ),
        (
            json!({ "memory": { "ttl": 300 } }),
            "memory.ttl",
            "300 has no unit",
            "write it with its unit and in quotes, as in \"300s\"",
        ),
        (
            json!({ "memory": { "max_bytes": 1048576 } }),
            "memory.max_bytes",
            "1048576 has no unit",
            "write it with its unit and in quotes, as in \"1048576B\"",
        ),
    ]);
    expect_in_rule(&[
        (json!({ "match": { "paths": "/a" } }), ".match.paths", "\"/a\" stands where a list belongs", "write [\"/a\"]"),
        (
            json!({ "key": { "query": { "sort": "yes" } } }),
            ".key.query.sort",
            "\"yes\" stands where true or false belongs",
            "write true or false without quotes",
        ),
        (
            json!({ "key": { "properties": ["xds", ["node"]] } }),
            ".key.properties[0]",
            "\"xds\" stands where a list belongs",
            "write [\"xds\"]",
        ),
        (json!({ "key": { "headers": {} } }), ".key.headers", "an object stands where a list belongs", "write [...]"),
    ]);
}

#[test]
fn values_out_of_their_range() {
    expect_at_root(&[
        (json!({ "memory": { "max_entries": 0 } }), "memory.max_entries", "0 is out of range", "write 1 to 1000000"),
        (
            json!({ "memory": { "max_entries": 1_000_001 } }),
            "memory.max_entries",
            "1000001 is out of range",
            "write 1 to 1000000",
        ),
        (
            json!({ "memory": { "max_bytes": "63KiB" } }),
            "memory.max_bytes",
            "63KiB is out of range",
            "write 64KiB to 512MiB",
        ),
        (
            json!({ "memory": { "max_bytes": "1GiB" } }),
            "memory.max_bytes",
            "1GiB is out of range",
            "write 64KiB to 512MiB",
        ),
        (json!({ "memory": { "ttl": "999ms" } }), "memory.ttl", "999ms is out of range", "write 1s to 1d"),
        (json!({ "memory": { "ttl": "25h" } }), "memory.ttl", "25h is out of range", "write 1s to 1d"),
        (
            json!({ "redis": { "cluster": "a", "timeout": "0ms" } }),
            "redis.timeout",
            "0ms is out of range",
            "write 1ms to 5s",
        ),
        (
            json!({ "redis": { "cluster": "a", "timeout": "6s" } }),
            "redis.timeout",
            "6s is out of range",
            "write 1ms to 5s",
        ),
        (json!({ "redis": { "cluster": "a", "ttl": "8d" } }), "redis.ttl", "8d is out of range", "write 1s to 7d"),
        (
            json!({ "redis": { "cluster": "a", "ttl": "5 min" } }),
            "redis.ttl",
            "\"5 min\" is not a duration",
            "write \"5m\"",
        ),
    ]);
    expect_in_rule(&[
        (json!({ "max_response": "513KiB" }), ".max_response", "513KiB is out of range", "write 1B to 512KiB"),
        (json!({ "max_response": "0B" }), ".max_response", "0B is out of range", "write 1B to 512KiB"),
        (json!({ "key": { "max_body": "2MiB" } }), ".key.max_body", "2MiB is out of range", "write 1B to 1MiB"),
        (json!({ "key": { "max_body": "0B" } }), ".key.max_body", "0B is out of range", "write 1B to 1MiB"),
    ]);
}

#[test]
fn max_response_follows_max_bytes() {
    let mut config = with_rule(json!({ "max_response": "4KiB" }));
    config["memory"] = json!({ "max_bytes": "64KiB" });
    expect(&config, "rules[0].max_response", "4KiB is out of range", "write 1B to 3276B");
    config["memory"] = json!({ "max_bytes": "80KiB" });
    assert_eq!(parse(&config).rules[0].max_response, 4096);
}

#[test]
fn names_that_do_not_fit_where_they_go() {
    let token = "is not a token, as which Cache-Status names a cache";
    let token_remedy = "write a letter and up to 63 letters, digits, hyphens or dots, such as fingerprint-cache";
    let key = "does not fit into a key of Redis";
    let key_remedy = "write 1 to 32 of A-Z, a-z, 0-9, _ and -";
    let cluster = "write the name of the Envoy cluster that leads to webdis";
    for name in ["", "my cache", "1st", "a;b", "a\"", "é", &"a".repeat(65)] {
        expect(&with_root(json!({ "name": name })), "name", &format!("{name:?} {token}"), token_remedy);
    }
    for word in ["", "a:b", "v1.0", &"a".repeat(33)] {
        let wrong = format!("{word:?} {key}");
        expect(&with_root(json!({ "schema_version": word })), "schema_version", &wrong, key_remedy);
        let redis = json!({ "redis": { "cluster": "a", "key_prefix": word } });
        expect(&with_root(redis), "redis.key_prefix", &wrong, key_remedy);
    }
    expect_at_root(&[
        (json!({ "redis": {} }), "redis.cluster", "is missing", cluster),
        (json!({ "redis": { "cluster": "" } }), "redis.cluster", "\"\" is not the name of a cluster", cluster),
        (json!({ "redis": { "cluster": "a b" } }), "redis.cluster", "\"a b\" is not the name of a cluster", cluster),
        (
            json!({ "redis": { "cluster": "a", "authority": "a\r\nb" } }),
            "redis.authority",
            "\"a\\r\\nb\" is not a Host header",
            "write a host name, or remove it to send the name of the cluster",
        ),
    ]);
}
