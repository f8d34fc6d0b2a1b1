//! Reads `rules`: each one by itself, then what they are to one another.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::pattern::Pattern;
use super::problem::{Flaw, Problems, quote};
use super::rule::{Auth, BodyKey, Freshness, Rule};
use super::section::{Field, Section};
use super::{read_key, read_match};

/// Response headers that say how much one user has left.
const DEFAULT_STRIP: [&str; 2] = ["x-ratelimit-*", "x-quota-*"];
/// Response headers without which a stored answer would be misread.
const KEPT: [&str; 4] = ["cache-control", "content-encoding", "content-type", "vary"];
const LIFETIME: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30 * 86_400);

/// Reads the list of rules. `largest` is the most that `max_response` may be, and its default.
pub(super) fn read(field: &Field, largest: usize, problems: &Problems) -> Vec<Rule> {
    let Some(fields) = field.list() else { return vec![] };
    let remedy = "write one rule at least: [{ name: ..., match: { paths: [...] } }]";
    field.refuse_empty("is empty, so nothing is cached", remedy);
    let mut rules: Vec<Rule> = Vec::new();
    let mut indexes: Vec<usize> = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let Some(section) = field.section() else { continue };
        let rule = read_one(section, largest, problems);
        compare(field, &rule, indexes.iter().copied().zip(&rules));
        rules.push(rule);
        indexes.push(index);
    }
    rules
}

/// Compares a rule with those before it.
fn compare<'a>(field: &Field, rule: &Rule, earlier: impl Iterator<Item = (usize, &'a Rule)>) {
    for (index, other) in earlier {
        if !rule.name.is_empty() && other.name == rule.name {
            let wrong = format!("has the name of rules[{index}], {:?}", rule.name);
            field.report(Flaw::new(wrong, "give each rule a name of its own"));
        }
        if other.matches.covers(&rule.matches) {
            let wrong = format!("is never reached: rules[{index}] ({:?}) matches all that it does", other.name);
            return field.report(Flaw::new(wrong, format!("move it before rules[{index}], or remove it")));
        }
    }
}

fn read_one(section: Section, largest: usize, problems: &Problems) -> Rule {
    let name = section.require("name", "write a name such as profiles").and_then(|field| field.parse(name));
    let matches = read_match::read(&section, problems);
    let auth = section.take("auth").and_then(|field| field.parse(auth)).unwrap_or(Auth::Origin);
    let key = read_key::read(section.section("key"));
    let freshness = section.section("freshness").map(freshness).unwrap_or_default();
    let max_response = section.take("max_response").and_then(|field| field.size(1..=largest)).unwrap_or(largest);
    let strip = match section.take("strip") {
        Some(field) => field.parse_list(strip).unwrap_or_default(),
        None => DEFAULT_STRIP.iter().filter_map(|text| Pattern::header(text).ok()).collect(),
    };
    let rule = Rule { name: name.unwrap_or_default(), matches, auth, key, freshness, max_response, strip };
    check_body_key(&section, &rule);
    section.finish();
    rule
}

/// Methods with a body and the body in the key belong together.
fn check_body_key(section: &Section, rule: &Rule) {
    let methods = &rule.matches.methods;
    let other = methods.iter().find(|method| !matches!(method.as_str(), "GET" | "HEAD"));
    match (other, rule.key.body == BodyKey::None) {
        (Some(method), true) => section.report(
            format!("answers {method} without regard to the request body, so with someone else's answer"),
            "add key: { body: whole } or key: { json: { include: [...] } }",
        ),
        (None, false) if !methods.is_empty() => section.report(
            "keys on a request body, and its methods have none",
            "write methods: [POST], or remove `body` and `json` from `key`",
        ),
        _ => {}
    }
}

fn name(text: &str) -> Result<String, Flaw> {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    if (1..=40).contains(&text.len()) && text.bytes().all(known) {
        return Ok(text.to_owned());
    }
    Err(Flaw::new(format!("{} is not a name for a rule", quote(text)), "write 1 to 40 of a-z, 0-9, _ and -"))
}

fn auth(text: &str) -> Result<Auth, Flaw> {
    match text {
        "origin" => Ok(Auth::Origin),
        "shared" => Ok(Auth::Shared),
        _ => Err(Flaw::new(
            format!("{} is neither origin nor shared", quote(text)),
            "write shared if the answer does not depend on who asks, else origin",
        )),
    }
}

/// Both lifetimes; either may be absent.
fn freshness(section: Section) -> Freshness {
    let lifetime = |name| section.take(name).and_then(|field| field.duration(LIFETIME));
    let freshness = Freshness { default: lifetime("default"), override_: lifetime("override") };
    section.finish();
    freshness
}

/// A pattern of headers to strip, none of which is needed to read the answer.
fn strip(text: &str) -> Result<Pattern, Flaw> {
    let pattern = Pattern::header(text)?;
    match KEPT.iter().find(|name| pattern.matches_ignoring_case(name.as_bytes())) {
        Some(name) => {
            let wrong = format!("{} strips {name}, without which an answer would be misread", quote(text));
            Err(Flaw::new(wrong, "write a narrower pattern"))
        }
        None => Ok(pattern),
    }
}
