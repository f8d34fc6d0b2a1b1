//! Writes a configuration out again, with every default in place.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::pattern::Pattern;
use super::pointer::Pointer;
use super::rule::{Auth, BodyKey, ClientDirectives, Freshness, KeySpec, Match, Query, Refresh, Rule, SetCookie};
use super::units::{write_duration, write_size};
use super::{Config, Redis};

/// See [`Config::effective`].
pub(super) fn write(config: &Config) -> Value {
    let memory = &config.memory;
    let mut root = json!({
        "name": config.name,
        "schema_version": config.schema_version,
        "memory": {
            "max_entries": memory.max_entries,
            "max_bytes": write_size(memory.max_bytes),
            "ttl": write_duration(memory.ttl),
        },
        "fill": {
            "lease": write_duration(config.fill.lease),
            "wait": write_duration(config.fill.wait),
            "uncacheable": write_duration(config.fill.uncacheable),
        },
        "sync": {
            "interval": write_duration(config.sync.interval),
            "max_lag": write_duration(config.sync.max_lag),
        },
        "rules": config.rules.iter().map(rule).collect::<Vec<_>>(),
    });
    add(&mut root, "redis", config.redis.as_ref().map(redis));
    root
}

fn add(to: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(members), Some(value)) = (to.as_object_mut(), value) {
        members.insert(name.to_owned(), value);
    }
}

fn redis(redis: &Redis) -> Value {
    json!({
        "cluster": redis.cluster,
        "authority": redis.authority,
        "timeout": write_duration(redis.timeout),
        "ttl": write_duration(redis.ttl),
        "key_prefix": redis.key_prefix,
    })
}

fn rule(rule: &Rule) -> Value {
    let Match { methods, hosts, paths } = &rule.matches;
    let mut written = json!({
        "name": rule.name,
        "match": { "methods": methods, "hosts": patterns(hosts), "paths": patterns(paths) },
        "auth": match rule.auth { Auth::Origin => "origin", Auth::Shared => "shared" },
        "credentials": rule.credentials,
        "set_cookie": match rule.set_cookie { SetCookie::Refuse => "refuse", SetCookie::Store => "store" },
        "client_directives": match rule.client_directives {
            ClientDirectives::Honor => "honor",
            ClientDirectives::Ignore => "ignore",
        },
        "key": key(&rule.key),
        "freshness": freshness(&rule.freshness),
        "tags": rule.tags,
        "show_key": rule.show_key,
        "max_response": write_size(rule.max_response),
        "strip": patterns(&rule.strip),
    });
    add(&mut written, "refresh", rule.refresh.as_ref().map(refresh));
    written
}

fn freshness(freshness: &Freshness) -> Value {
    let status = |(status, lifetime): &(u16, Duration)| (status.to_string(), write_duration(*lifetime).into());
    let mut written = json!({
        "status": freshness.status.iter().map(status).collect::<Map<_, _>>(),
        "early_refresh": freshness.early_refresh,
    });
    for (name, lifetime) in [
        ("default", freshness.default),
        ("override", freshness.override_),
        ("heuristic", freshness.heuristic),
        ("stale_while_revalidate", freshness.stale_while_revalidate),
        ("stale_if_error", freshness.stale_if_error),
    ] {
        add(&mut written, name, lifetime.map(|lifetime| write_duration(lifetime).into()));
    }
    written
}

fn refresh(refresh: &Refresh) -> Value {
    let headers = refresh.headers.iter().map(|(name, variable)| (name.clone(), variable.clone().into()));
    let mut written = json!({
        "cluster": refresh.cluster,
        "timeout": write_duration(refresh.timeout),
        "headers": headers.collect::<Map<String, Value>>(),
    });
    add(&mut written, "authority", refresh.authority.as_deref().map(Value::from));
    written
}

fn key(key: &KeySpec) -> Value {
    let (list, names) = match &key.query {
        Query::All => ("ignore", vec![]),
        Query::Include(names) => ("include", patterns(names)),
        Query::Ignore(names) => ("ignore", patterns(names)),
    };
    let mut written = json!({
        "query": { list: names, "sort": key.sort_query },
        "headers": key.headers,
        "properties": key.properties,
        "max_body": write_size(key.max_body),
    });
    match &key.body {
        BodyKey::None => {}
        BodyKey::Whole => add(&mut written, "body", Some("whole".into())),
        BodyKey::Json(json) => {
            let lists = json!({
                "include": pointers(&json.include),
                "echo": pointers(&json.echo),
                "ignore": pointers(&json.ignore),
            });
            add(&mut written, "json", Some(lists));
        }
    }
    written
}

fn patterns(patterns: &[Pattern]) -> Vec<&str> {
    patterns.iter().map(Pattern::as_str).collect()
}

fn pointers(pointers: &[Pointer]) -> Vec<String> {
    pointers.iter().map(ToString::to_string).collect()
}
