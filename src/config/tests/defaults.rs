//! What stands where nothing was written, and that the whole can be written out and read again.

use std::time::Duration;

use serde_json::json;

use super::{full, parse, with_root, with_rule};
use crate::config::{
    Auth, BodyKey, ClientDirectives, Config, Fill, Freshness, KeySpec, Memory, Pattern, Query, Redis, Refresh,
    SetCookie, Sync,
};
#[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_name_and_a_path_are_enough() {
    let config = parse(&with_rule(json!({})));
    assert_eq!((config.name.as_str(), config.schema_version.as_str()), ("fingerprint-cache", "1"));
    let memory = Memory { max_entries: 10_000, max_bytes: 10_485_760, ttl: Duration::from_secs(300) };
    assert_eq!(config.memory, memory);
    assert_eq!(config.redis, None);
    let [rule] = config.rules.as_slice() else { panic!("{config:?}") };
    assert_eq!(rule.matches.methods, ["GET", "HEAD"]);
    assert_eq!(rule.matches.hosts.iter().map(Pattern::as_str).collect::<Vec<_>>(), ["*"]);
    assert_eq!((rule.auth, rule.max_response), (Auth::Origin, 524_288));
    let none = Freshness {
        default: None,
        override_: None,
        heuristic: None,
        status: vec![],
        stale_while_revalidate: None,
        stale_if_error: None,
        early_refresh: true,
    };
    assert_eq!(rule.freshness, none);
    assert_eq!(rule.tags, [""; 0]);
    let (secs, millis) = (Duration::from_secs, Duration::from_millis);
    assert_eq!(config.fill, Fill { lease: secs(3), wait: millis(500), uncacheable: secs(5) });
    assert_eq!(config.sync, Sync { interval: millis(250), max_lag: secs(5) });
    assert_eq!(rule.credentials, ["authorization", "proxy-authorization", "cookie", "x-api-key"]);
    assert_eq!((rule.set_cookie, rule.client_directives), (SetCookie::Refuse, ClientDirectives::Honor));
    assert_eq!((&rule.refresh, rule.show_key), (&None, false));
    assert_eq!(rule.strip.iter().map(Pattern::as_str).collect::<Vec<_>>(), ["x-ratelimit-*", "x-quota-*"]);
    let key = KeySpec {
        query: Query::All,
        sort_query: false,
        headers: vec![],
        properties: vec![],
        body: BodyKey::None,
        max_body: 65_536,
    };
    assert_eq!(rule.key, key);
}

#[test]
fn redis_needs_a_cluster_and_no_more() {
    let config = parse(&with_root(json!({ "redis": { "cluster": "webdis" } })));
    let redis = Redis {
        cluster: "webdis".to_owned(),
        authority: "webdis".to_owned(),
        timeout: Duration::from_millis(50),
        ttl: Duration::from_secs(1800),
        key_prefix: "fpc".to_owned(),
    };
    assert_eq!(config.redis, Some(redis));
}

#[test]
fn what_is_written_is_read() {
    let config = parse(&full());
    let [profiles, identify, compare] = config.rules.as_slice() else { panic!("{config:?}") };
    assert_eq!(config.memory, Memory { max_entries: 500, max_bytes: 2_097_152, ttl: Duration::from_secs(90) });
    assert_eq!(profiles.matches.hosts[0].as_str(), "api.example.com");
    assert_eq!(profiles.key.headers, ["accept-language"]);
    assert_eq!(profiles.key.properties, [["filter_state", "lab.ja4"]]);
    assert!(profiles.key.sort_query && matches!(&profiles.key.query, Query::Include(names) if names.len() == 2));
    let secs = Duration::from_secs;
    let freshness = Freshness {
        default: Some(secs(300)),
        override_: Some(secs(3600)),
        heuristic: Some(secs(86_400)),
        status: vec![(404, secs(10)), (503, secs(1))],
        stale_while_revalidate: Some(secs(30)),
        stale_if_error: Some(secs(600)),
        early_refresh: false,
    };
    let fill = Fill { lease: secs(2), wait: Duration::ZERO, uncacheable: secs(60) };
    assert_eq!((config.fill, config.sync), (fill, Sync { interval: secs(1) / 10, max_lag: secs(1) }));
    assert_eq!(profiles.tags, ["a.b:c_d-E", "profile"]);
    assert_eq!(profiles.freshness, freshness);
    assert_eq!((profiles.set_cookie, profiles.client_directives), (SetCookie::Store, ClientDirectives::Ignore));
    assert!(profiles.show_key);
    let headers = json!({ "Authorization": "FPC_AUTH" });
    let refresh = json!({ "cluster": "api", "authority": "api.lab", "timeout": "3s", "headers": headers });
    let named = parse(&with_rule(json!({ "refresh": refresh }))).rules.remove(0);
    let headers = vec![("authorization".to_owned(), "FPC_AUTH".to_owned())];
    let refresh =
        Refresh { cluster: "api".to_owned(), authority: Some("api.lab".to_owned()), timeout: secs(3), headers };
    assert_eq!(named.refresh, Some(refresh));
    assert_eq!(profiles.max_response, 102_400);
    assert!(matches!(&identify.key.query, Query::Ignore(names) if names[0].as_str() == "utm_*"));
    let BodyKey::Json(json) = &identify.key.body else { panic!("{identify:?}") };
    assert_eq!((json.include[0].tokens(), json.ignore[0].tokens()), (&["tls_data".into()][..], &["a/b".into()][..]));
    assert_eq!(json.echo[0].to_string(), "/session_id");
    assert_eq!(identify.credentials, ["authorization", "x-session"]);
    assert_eq!(identify.refresh, None);
    let plain = parse(&with_rule(json!({ "refresh": { "cluster": "api" } }))).rules.remove(0);
    assert_eq!(
        plain.refresh,
        Some(Refresh { cluster: "api".to_owned(), authority: None, timeout: secs(10), headers: vec![] })
    );
    assert_eq!((identify.key.max_body, &compare.key.body), (1024, &BodyKey::Whole));
}

#[test]
fn the_effective_configuration_reads_as_the_same_one() {
    let redis = with_root(json!({ "redis": { "cluster": "webdis" }, "memory": { "max_bytes": "64KiB" } }));
    for config in [full(), redis, with_rule(json!({})), with_rule(json!({ "strip": [] }))] {
        let config = parse(&config);
        let effective = config.effective();
        assert_eq!(Config::parse(effective.to_string().as_bytes()).as_ref(), Ok(&config), "{effective}");
        assert_eq!(parse(&effective).effective(), effective);
    }
}

#[test]
fn the_effective_configuration_shows_every_default_in_its_unit() {
    let effective = parse(&with_root(json!({ "redis": { "cluster": "webdis" } }))).effective();
    let expected = json!({
        "name": "fingerprint-cache", "schema_version": "1",
        "memory": { "max_entries": 10000, "max_bytes": "10MiB", "ttl": "5m" },
        "redis": { "cluster": "webdis", "authority": "webdis", "timeout": "50ms", "ttl": "30m", "key_prefix": "fpc" },
        "fill": { "lease": "3s", "wait": "500ms", "uncacheable": "5s" },
        "sync": { "interval": "250ms", "max_lag": "5s" },
        "rules": [{
            "name": "a", "match": { "methods": ["GET", "HEAD"], "hosts": ["*"], "paths": ["/a"] }, "auth": "origin",
            "credentials": ["authorization", "proxy-authorization", "cookie", "x-api-key"],
            "set_cookie": "refuse", "client_directives": "honor", "show_key": false,
            "key": {
                "query": { "ignore": [], "sort": false }, "headers": [], "properties": [], "max_body": "64KiB",
            },
            "freshness": { "status": {}, "early_refresh": true }, "tags": [], "max_response": "512KiB", "strip": ["x-ratelimit-*", "x-quota-*"],
        }],
    });
    assert_eq!(effective, expected);
}

#[test]
fn a_status_has_its_own_lifetime_or_none() {
    let freshness = parse(&full()).rules[0].freshness.clone();
    let seconds = |status| freshness.of_status(status).map(|lifetime| lifetime.as_secs());
    assert_eq!([404, 503, 200, 40].map(seconds), [Some(10), Some(1), None, None]);
}
