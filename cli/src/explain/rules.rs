//! Which rule has a request, and on what each of the others is no match.

use fingerprint_cache::config::{Config, Pattern, Rule};
use fingerprint_cache::key::split_target;
use serde_json::{Value, json};

use crate::message::Message;

/// Why a rule has not the request.
pub struct Mismatch<'a> {
    /// The rule.
    pub rule: &'a str,
    /// Which of its lists has no match: what was compared, and what with.
    pub on: Vec<(&'static str, String, Vec<String>)>,
}

/// Every rule up to the one that has the request, or all; none of them matches.
pub fn mismatches<'a>(config: &'a Config, request: &Message) -> Vec<Mismatch<'a>> {
    let others = config.rules.iter().map(|rule| mismatch(rule, request));
    others.take_while(|mismatch| !mismatch.on.is_empty()).collect()
}

fn mismatch<'a>(rule: &'a Rule, request: &Message) -> Mismatch<'a> {
    let text = |name| request.get(name).unwrap_or_default();
    let (method, host) = (text(":method"), text(":authority"));
    let (path, _) = split_target(text(":path").as_bytes());
    let names = |patterns: &[Pattern]| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
    let mut on = Vec::new();
    if !rule.matches.methods.iter().any(|known| known == method) {
        on.push(("method", method.to_owned(), rule.matches.methods.clone()));
    }
    if !rule.matches.has_host(host.as_bytes()) {
        on.push(("host", host.to_owned(), names(&rule.matches.hosts)));
    }
    if !rule.matches.has_path(path) {
        on.push(("path", String::from_utf8_lossy(path).into_owned(), names(&rule.matches.paths)));
    }
    Mismatch { rule: &rule.name, on }
}

impl Mismatch<'_> {
    /// For people.
    pub fn sentence(&self) -> String {
        let on = self.on.iter().map(|(what, value, list)| format!("{what} {value:?} is none of {}", list.join(", ")));
        format!("{}: {}", self.rule, on.collect::<Vec<_>>().join("; "))
    }

    /// For machines.
    pub fn tree(&self) -> Value {
        let on = self.on.iter().map(|(what, value, list)| json!({ "what": what, "value": value, "none_of": list }));
        json!({ "rule": self.rule, "on": on.collect::<Vec<_>>() })
    }
}
