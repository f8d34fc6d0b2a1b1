//! The configurations that stories run under, and what they mean, read without the filter's help.

use crate::callers::Ask;
use serde_json::{Value, json};

/// The names of all settings; the first is the one that stories begin with.
pub const ALL: [&str; 8] = ["base", "no-redis", "tiny", "stricter", "schema-2", "reordered", "windows", "refresh"];

/// The plugin configuration called `name`.
pub fn named(name: &str) -> Value {
    let mut config = base();
    match name {
        "no-redis" => drop(config.as_object_mut().unwrap().remove("redis")),
        "tiny" => config["memory"] = json!({ "max_entries": 3, "max_bytes": "80KiB", "ttl": "30s" }),
        "stricter" => {
            config["rules"][4]["key"]["json"] =
                json!({ "include": ["/tls_data", "/http_headers", "/trace"], "echo": ["/session_id"] });
            config["rules"][2]["key"] = json!({});
            config["rules"][0]["freshness"] = json!({ "default": "10s" });
        }
        "windows" => open_windows(&mut config),
        "refresh" => {
            open_windows(&mut config);
            for at in [0, 1, 2] {
                config["rules"][at]["refresh"] = json!({ "cluster": "origin", "timeout": "2s" });
            }
        }
        "schema-2" => config["schema_version"] = json!("2"),
        "reordered" => config["rules"].as_array_mut().unwrap().reverse(),
        _ => {}
    }
    config
}

fn open_windows(config: &mut Value) {
    for rule in config["rules"].as_array_mut().unwrap() {
        rule["freshness"]["stale_while_revalidate"] = json!("20s");
        rule["freshness"]["stale_if_error"] = json!("40s");
    }
}

fn base() -> Value {
    let rule = |name: &str, methods: Value, path: &str, auth: &str, key: Value| json!({ "name": name, "match": { "methods": methods, "paths": [path] }, "auth": auth, "key": key, "freshness": { "default": "60s" } });
    let get = json!(["GET", "HEAD"]);
    let members = json!({ "include": ["/tls_data", "/http_headers"], "echo": ["/session_id"], "ignore": ["/trace"] });
    let mut identify =
        rule("identify", json!(["POST"]), "/identify", "shared", json!({ "json": members, "max_body": "1KiB" }));
    identify["freshness"] = json!({ "override": "90s" });
    let lab = json!({ "headers": ["x-tenant"], "properties": [["filter_state", "lab.ja4"]] });
    json!({
        "memory": { "max_entries": 40, "max_bytes": "96KiB", "ttl": "40s" },
        "redis": { "cluster": "webdis", "timeout": "50ms", "ttl": "5m" },
        "rules": [
            rule("profiles", get.clone(), "/v1/**", "shared", json!({})),
            rule("open", get.clone(), "/open/**", "origin", json!({})),
            rule("search", get.clone(), "/search", "shared", json!({ "query": { "ignore": ["utm_*"], "sort": true } })),
            rule("keyed", get, "/keyed/**", "shared", lab),
            identify,
            rule("compare", json!(["POST"]), "/compare", "shared", json!({ "body": "whole", "max_body": "1KiB" })),
        ],
    })
}

/// What a rule says that the oracle must know.
#[derive(Clone, Debug)]
pub struct RuleFacts {
    pub shared: bool,
    /// The lifetime of an answer whose origin gives `explicit`, both in seconds.
    default: Option<u64>,
    override_: Option<u64>,
    /// How long it lets stale answers be served while they are asked for, or where that fails, in seconds.
    pub while_asked: Option<u64>,
    pub if_error: Option<u64>,
}

impl RuleFacts {
    pub fn lifetime(&self, explicit: Option<u64>) -> u64 {
        self.override_.or(explicit).or(self.default).unwrap_or(0)
    }
}

/// The rule for a request; `None` when no rule is for it.
pub fn rule_for(config: &Value, ask: &Ask) -> Option<RuleFacts> {
    let path = ask.target.split('?').next().unwrap();
    let rule = config["rules"].as_array().unwrap().iter().find(|rule| {
        let pattern = rule["match"]["paths"][0].as_str().unwrap();
        let fits = pattern.strip_suffix("**").map_or(path == pattern, |start| path.starts_with(start));
        fits && rule["match"]["methods"].as_array().unwrap().iter().any(|method| method == ask.method.as_str())
    })?;
    let seconds = |name: &str| rule["freshness"][name].as_str().map(|text| text.trim_end_matches('s').parse().unwrap());
    Some(RuleFacts {
        shared: rule["auth"] == "shared",
        default: seconds("default"),
        override_: seconds("override"),
        while_asked: seconds("stale_while_revalidate"),
        if_error: seconds("stale_if_error"),
    })
}

/// The budget of L1: entries and bytes.
pub fn budget(config: &Value) -> (usize, usize) {
    let bytes: usize = config["memory"]["max_bytes"].as_str().unwrap().trim_end_matches("KiB").parse().unwrap();
    (config["memory"]["max_entries"].as_u64().unwrap() as usize, bytes << 10)
}
