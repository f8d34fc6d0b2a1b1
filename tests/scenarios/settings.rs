//! The configurations that stories run under, and what they mean, read without the filter's help.

use crate::callers::{Ask, SECOND};
use crate::origin::Exchange;
use serde_json::{Value, json};

/// The names of all settings; the first is the one that stories begin with.
pub const ALL: [&str; 11] = [
    "base",
    "no-redis",
    "tiny",
    "stricter",
    "schema-2",
    "reordered",
    "windows",
    "refresh",
    "windowless",
    "brief",
    "negative",
];

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
        "schema-2" => config["schema_version"] = json!("2"),
        "reordered" => config["rules"].as_array_mut().unwrap().reverse(),
        "windowless" => {
            config["rules"][6]["freshness"] = json!({ "default": "4s" });
            drop(config["rules"][7].as_object_mut().unwrap().remove("refresh"));
        }
        "windows" => open_windows(&mut config),
        "refresh" => {
            open_windows(&mut config);
            for at in [0, 1, 2] {
                config["rules"][at]["refresh"] = json!({ "cluster": "service", "timeout": "2s" });
            }
        }
        "negative" => {
            for at in [6, 7] {
                config["rules"][at]["freshness"]["status"] = json!({ "503": "3s", "504": "3s" });
            }
        }
        "brief" => config["redis"]["ttl"] = json!("8s"),
        _ => {}
    }
    config
}

/// Windows for the rules that have none.
fn open_windows(config: &mut Value) {
    for rule in config["rules"].as_array_mut().unwrap().iter_mut().take(6) {
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
    let mut search =
        rule("search", get.clone(), "/search", "shared", json!({ "query": { "ignore": ["utm_*"], "sort": true } }));
    search["tags"] = json!(["find"]);
    let mut open = rule("open", get.clone(), "/open/**", "origin", json!({}));
    open["tags"] = json!(["open", "one"]);
    let lab = json!({ "headers": ["x-tenant"], "properties": [["filter_state", "lab.ja4"]] });
    json!({
        "memory": { "max_entries": 40, "max_bytes": "96KiB", "ttl": "40s" },
        "redis": { "cluster": "webdis", "timeout": "50ms", "ttl": "5m" },
        "rules": [
            rule("profiles", get.clone(), "/v1/**", "shared", json!({})),
            open,
            search,
            rule("keyed", get, "/keyed/**", "shared", lab),
            identify,
            rule("compare", json!(["POST"]), "/compare", "shared", json!({ "body": "whole", "max_body": "1KiB" })),
            windows(), behind(), ignoring(), guessing(), tokens(),
        ],
    })
}

/// Short lives, and windows after them.
fn windows() -> Value {
    let freshness = json!({ "default": "4s", "stale_while_revalidate": "6s", "stale_if_error": "20s" });
    json!({ "name": "windows", "match": { "paths": ["/w/**"] }, "auth": "shared", "freshness": freshness, "tags": ["w"] })
}

/// The same, refreshed with nobody waiting.
fn behind() -> Value {
    let refresh = json!({ "cluster": "service", "timeout": "300ms" });
    let freshness = json!({ "default": "4s", "stale_while_revalidate": "6s", "stale_if_error": "20s" });
    json!({ "name": "behind", "match": { "paths": ["/b/**"] }, "auth": "shared", "freshness": freshness,
        "refresh": refresh, "show_key": true })
}

/// No client makes the origin work, and cookies are for everybody.
fn ignoring() -> Value {
    json!({ "name": "ignoring", "match": { "paths": ["/i/**"] }, "auth": "shared", "client_directives": "ignore",
        "set_cookie": "store", "freshness": { "default": "10s", "stale_while_revalidate": "5s" } })
}

/// Lifetimes by status, and guessed ones.
fn guessing() -> Value {
    let freshness = json!({ "heuristic": "8s", "status": { "404": "7s", "503": "3s" }, "stale_if_error": "10s" });
    json!({ "name": "guessing", "match": { "paths": ["/h/**"] }, "auth": "shared", "freshness": freshness })
}

/// Who asks is shown by other headers than usual.
fn tokens() -> Value {
    json!({ "name": "tokens", "match": { "paths": ["/t/**"] }, "auth": "origin",
        "credentials": ["authorization", "x-token"], "freshness": { "default": "20s" } })
}

/// What a rule says that the oracle must know.
#[derive(Clone, Debug)]
pub struct RuleFacts {
    rule: Value,
}

impl RuleFacts {
    pub fn name(&self) -> &str {
        self.rule["name"].as_str().unwrap()
    }

    pub fn shared(&self) -> bool {
        self.rule["auth"] == "shared"
    }

    pub fn shows_key(&self) -> bool {
        self.rule["show_key"] == true
    }

    pub fn keeps_cookies(&self) -> bool {
        self.rule["set_cookie"] == "store"
    }

    pub fn keyed_on_body(&self) -> bool {
        self.rule["key"]["json"].is_object() || self.rule["key"]["body"].is_string()
    }

    /// What all of its answers are tagged with.
    pub fn tags(&self) -> Vec<String> {
        let tags = self.rule["tags"].as_array().into_iter().flatten();
        tags.map(|tag| tag.as_str().unwrap().to_owned()).collect()
    }

    /// Whether a request shows who asks.
    pub fn credentialed(&self, ask: &Ask) -> bool {
        let usual = || json!(["authorization", "cookie", "x-api-key"]);
        let names = self.rule.get("credentials").cloned().unwrap_or_else(usual);
        names.as_array().unwrap().iter().any(|name| ask.get_header(name.as_str().unwrap()).is_some())
    }

    /// What the client says, as far as it counts.
    pub fn control(&self, ask: &Ask) -> String {
        if self.rule["client_directives"] == "ignore" {
            return String::new();
        }
        ask.joined("cache-control").unwrap_or_else(|| ask.joined("pragma").unwrap_or_default())
    }

    /// How long an answer is fresh, in microseconds: as its latest head has it.
    pub fn lifetime(&self, head: &Exchange, status: u16) -> u64 {
        let freshness = &self.rule["freshness"];
        let says = |name: &str| seconds(&freshness[name]);
        let cacheable = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414].contains(&status);
        let ordinary = |lifetime: Option<u64>| lifetime.filter(|_| cacheable);
        seconds(&freshness["status"][status.to_string()])
            .or(ordinary(says("override")))
            .or(head.terms.explicit.map(|seconds| seconds * SECOND))
            .or(ordinary(says("default")))
            .or_else(|| {
                let since = head.date? - head.modified?;
                ordinary(says("heuristic")).map(|most| most.min(since * SECOND / 10))
            })
            .unwrap_or(0)
    }

    /// For how long after it an answer may be served while somebody asks, in microseconds.
    pub fn while_revalidating(&self, head: &Exchange) -> u64 {
        self.window(head, head.terms.while_revalidating, "stale_while_revalidate")
    }

    /// And instead of an error.
    pub fn if_error(&self, head: &Exchange) -> u64 {
        self.window(head, head.terms.if_error, "stale_if_error")
    }

    fn window(&self, head: &Exchange, origin: Option<u64>, name: &str) -> u64 {
        let never = head.terms.strict || head.terms.always_ask;
        let window = origin.map(|seconds| seconds * SECOND).or(seconds(&self.rule["freshness"][name]));
        window.filter(|_| !never).unwrap_or(0)
    }
}

/// A duration in microseconds.
fn seconds(text: &Value) -> Option<u64> {
    Some(text.as_str()?.trim_end_matches('s').parse::<u64>().unwrap() * SECOND)
}

/// The rule for a request; `None` when no rule is for it.
pub fn rule_for(config: &Value, ask: &Ask) -> Option<RuleFacts> {
    let get = json!(["GET", "HEAD"]);
    let rule = config["rules"].as_array().unwrap().iter().find(|rule| {
        let methods = rule["match"].get("methods").unwrap_or(&get).as_array().unwrap();
        is_about(rule, ask.path()) && methods.iter().any(|method| method == ask.method.as_str())
    })?;
    Some(RuleFacts { rule: rule.clone() })
}

fn is_about(rule: &Value, path: &str) -> bool {
    let pattern = rule["match"]["paths"][0].as_str().unwrap();
    pattern.strip_suffix("**").map_or(path == pattern, |start| path.starts_with(start))
}

/// Path and query of a request as the key of this rule has them.
pub fn target_as_keyed(rule: &RuleFacts, ask: &Ask) -> String {
    if !rule.rule["key"]["query"].is_object() {
        return ask.target.clone();
    }
    let kept = crate::questions::search(ask);
    let query = kept.split_once('?').map_or("", |(_, query)| query);
    if query.is_empty() { ask.path().to_owned() } else { format!("{}?{query}", ask.path()) }
}

/// A URI as the rule tells URIs apart that is for its path, whatever the method. Hosts are those of plain HTTP.
pub fn uri(config: &Value, host: &str, target: &str) -> String {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":80").unwrap_or(&host).to_owned();
    let ask = Ask { host, ..Ask::get(target) };
    let chooses = |rule: &&Value| is_about(rule, ask.path()) && rule["key"]["query"].is_object();
    match config["rules"].as_array().unwrap().iter().find(chooses) {
        Some(_) => format!("{} {}", ask.path(), crate::questions::search(&ask)),
        None => format!("{}{target}", ask.host),
    }
}

/// The budget of L1: entries and bytes.
pub fn budget(config: &Value) -> (usize, usize) {
    let bytes: usize = config["memory"]["max_bytes"].as_str().unwrap().trim_end_matches("KiB").parse().unwrap();
    (config["memory"]["max_entries"].as_u64().unwrap() as usize, bytes << 10)
}
