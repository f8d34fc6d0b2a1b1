//! What `fpcache explain` prints, for people and for machines.

use std::fmt::Write as _;
use std::time::Duration;

use fingerprint_cache::config::{Config, Freshness, Rule};
use fingerprint_cache::entry::Entry;
use serde_json::{Value, json};

use super::replay::{Key, Replay, Response, Treatment};
use super::{rules, words};
use crate::message::Message;
use crate::output::{NO, OK};
use crate::units;

/// A replay, and what it was of.
pub struct Shown<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The request.
    pub request: &'a Message,
    /// What became of it.
    pub replay: &'a Replay,
}

impl Shown<'_> {
    /// The exit status: whether the cache is of use.
    pub fn status(&self) -> u8 {
        match (&self.replay.request, &self.replay.again) {
            (Treatment::Looked { .. }, None) | (_, Some(Treatment::Answered { .. })) => OK,
            _ => NO,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = self.title() + "\n";
        let mismatches = rules::mismatches(self.config, self.request);
        text.extend(mismatches.iter().map(|mismatch| format!("  not {}\n", mismatch.sentence())));
        text.extend(self.treatment(&self.replay.request).map(|line| format!("  {line}\n")));
        if let Some(response) = &self.replay.response {
            text.push_str("the response\n");
            text.extend(self.response(response).into_iter().map(|line| format!("  {line}\n")));
        }
        if let Some(again) = &self.replay.again {
            text.push_str("the same request again\n");
            text.extend(outcome(again).into_iter().map(|line| format!("  {line}\n")));
        }
        text
    }

    fn title(&self) -> String {
        let line = |name| self.request.get(name).unwrap_or_default();
        format!("{} {}://{}{}", line(":method"), line(":scheme"), line(":authority"), line(":path"))
    }

    fn treatment(&self, treatment: &Treatment) -> impl Iterator<Item = String> {
        let mut lines = Vec::new();
        if let Treatment::Passed { rule, .. } | Treatment::Looked { rule, .. } = treatment {
            lines.push(format!("rule {rule}"));
        }
        if let Treatment::Looked { key, .. } = treatment {
            lines.push(format!("key {}", key.name));
            lines.extend(key.text.lines().map(|line| format!("  {line}")));
            lines.extend(self.hash(key).map(|hash| format!("in Redis {hash}")));
        }
        lines.extend(outcome(treatment));
        lines.into_iter()
    }

    /// The name of the key's hash in Redis, where there is one.
    fn hash(&self, key: &Key) -> Option<String> {
        let redis = self.config.redis.as_ref()?;
        let version = fingerprint_cache::codec::VERSION;
        Some(format!("{}:{version}.{}:{}", redis.key_prefix, self.config.schema_version, key.name))
    }

    fn rule(&self) -> Option<&Rule> {
        match &self.replay.request {
            Treatment::Looked { rule, .. } => self.config.rules.iter().find(|known| known.name == *rule),
            _ => None,
        }
    }

    fn response(&self, response: &Response) -> Vec<String> {
        let mut lines = match &response.refused {
            Some(reason) => vec![format!("not stored: {}, {}", reason.as_str(), words::not_stored(*reason))],
            None if response.stored => vec!["stored".to_owned()],
            None => vec!["not looked at".to_owned()],
        };
        if !response.cache_status.is_empty() {
            lines.push(format!("Cache-Status: {}", response.cache_status));
        }
        if let (Some(entry), Some(rule)) = (&response.entry, self.rule()) {
            lines.extend(kept(entry, rule));
        }
        if response.made_up {
            lines.push("(the file has no body: one of the announced length was assumed)".to_owned());
        }
        lines
    }

    /// For machines.
    pub fn tree(&self) -> Value {
        let mismatches = rules::mismatches(self.config, self.request);
        let response = self.replay.response.as_ref().map(|response| self.response_tree(response));
        json!({
            "request": self.title(),
            "mismatches": mismatches.iter().map(rules::Mismatch::tree).collect::<Vec<_>>(),
            "treatment": self.treatment_tree(&self.replay.request),
            "response": response,
            "again": self.replay.again.as_ref().map(|again| self.treatment_tree(again)),
        })
    }

    fn treatment_tree(&self, treatment: &Treatment) -> Value {
        match treatment {
            Treatment::NoRule => json!({ "is": "no_rule" }),
            Treatment::Changes => json!({ "is": "changes" }),
            Treatment::Waits => json!({ "is": "waits" }),
            Treatment::Passed { rule, reason } => {
                json!({ "is": "passed", "rule": rule, "reason": reason.as_str(), "why": words::forward(*reason) })
            }
            Treatment::Looked { rule, key, reason } => json!({
                "is": "looked", "rule": rule, "reason": reason.as_str(), "why": words::forward(*reason),
                "key": { "name": key.name, "text": key.text, "uri": format!("{:032x}", key.uri), "hash": self.hash(key) },
            }),
            Treatment::Answered { status, cache_status } => {
                json!({ "is": "answered", "status": status, "cache_status": cache_status })
            }
        }
    }

    fn response_tree(&self, response: &Response) -> Value {
        let refused =
            response.refused.map(|reason| json!({ "reason": reason.as_str(), "why": words::not_stored(reason) }));
        let kept = response.entry.as_ref().zip(self.rule()).map(|(entry, rule)| kept_tree(entry, rule));
        json!({
            "stored": response.stored,
            "not_stored": refused,
            "cache_status": response.cache_status,
            "entry": kept,
            "body_assumed": response.made_up,
        })
    }
}

fn outcome(treatment: &Treatment) -> Vec<String> {
    match treatment {
        Treatment::NoRule => vec!["no rule has it: it goes on as if there were no cache".to_owned()],
        Treatment::Changes => {
            vec![
                "no rule has it; as its method is unsafe, its success makes what is stored of its URI invalid"
                    .to_owned(),
            ]
        }
        Treatment::Waits => vec!["the filter waits for what this replay does not have".to_owned()],
        Treatment::Passed { reason, .. } => vec![format!("passes: {}, {}", reason.as_str(), words::forward(*reason))],
        Treatment::Looked { reason, .. } => {
            vec![format!("goes to the origin: {}, {}", reason.as_str(), words::forward(*reason))]
        }
        Treatment::Answered { status, cache_status } => {
            vec![format!("answered by the cache: {status}"), format!("Cache-Status: {cache_status}")]
        }
    }
}

fn kept(entry: &Entry, rule: &Rule) -> Vec<String> {
    let freshness = &rule.freshness;
    let mut lifetime = format!("lifetime {}", units::seconds(entry.lifetime(freshness)));
    if let Some(who) = says(entry, freshness) {
        let _ = write!(lifetime, ", says {who}");
    }
    let mut lines = vec![
        format!("{lifetime}; {} old on arrival", units::seconds(entry.initial_age)),
        format!("served stale while revalidated: {}", window(entry.while_revalidating(freshness))),
        format!("served stale instead of errors: {}", window(entry.if_error(freshness))),
    ];
    let mut list = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            lines.push(format!("{name} {}", values.join(", ")));
        }
    };
    list("varies by", entry.selecting.iter().map(selected).collect());
    list("tags", entry.tags.clone());
    list("tags of the rule", rule.tags.clone());
    lines.push(format!("{} of body", units::bytes(entry.body.len() as u64)));
    lines
}

fn kept_tree(entry: &Entry, rule: &Rule) -> Value {
    let freshness = &rule.freshness;
    json!({
        "status": entry.status,
        "lifetime_ms": units::millis(entry.lifetime(freshness)),
        "lifetime_says": says(entry, freshness),
        "initial_age_ms": units::millis(entry.initial_age),
        "stale_while_revalidate_ms": units::millis(entry.while_revalidating(freshness)),
        "stale_if_error_ms": units::millis(entry.if_error(freshness)),
        "selecting": entry.selecting,
        "tags": entry.tags,
        "rule_tags": rule.tags,
        "headers": entry.headers,
        "body_bytes": entry.body.len(),
    })
}

fn selected((name, value): &(String, Option<String>)) -> String {
    value.as_ref().map_or_else(|| format!("{name} (absent)"), |value| format!("{name}: {value}"))
}

fn window(time: Duration) -> String {
    if time.is_zero() { "no".to_owned() } else { format!("for {}", units::seconds(time)) }
}

/// Who says how long an entry is fresh: the filter is asked with one voice at a time, in its order (see
/// [`Entry::said`]).
fn says(entry: &Entry, rule: &Freshness) -> Option<&'static str> {
    let silent = Freshness::default;
    let mute = Entry { explicit: None, ..entry.clone() };
    let origin = if entry.directives.targeted { "the origin's CDN-Cache-Control" } else { "the origin" };
    let voices = [
        (&mute, Freshness { status: rule.status.clone(), ..silent() }, "the rule's freshness.status"),
        (&mute, Freshness { override_: rule.override_, ..silent() }, "the rule's freshness.override"),
        (entry, silent(), origin),
        (&mute, Freshness { default: rule.default, ..silent() }, "the rule's freshness.default"),
        (&mute, Freshness { heuristic: rule.heuristic, ..silent() }, "the rule's freshness.heuristic"),
    ];
    voices.into_iter().find(|(entry, voice, _)| entry.said(voice).is_some()).map(|(_, _, who)| who)
}
