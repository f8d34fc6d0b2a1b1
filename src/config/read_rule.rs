//! Reads `rules`: each one by itself, then what they are to one another.

use super::pattern::Pattern;
use super::problem::{Flaw, Problems, quote};
use super::rule::{Auth, BodyKey, ClientDirectives, Rule, SetCookie};
use super::section::{Field, Section};
use super::{read_callout, read_freshness, read_headers, read_key, read_match};

/// Request headers that show who asks.
const DEFAULT_CREDENTIALS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];
/// Response headers that say how much one user has left.
const DEFAULT_STRIP: [&str; 2] = ["x-ratelimit-*", "x-quota-*"];
/// Response headers without which a stored answer would be misread.
const KEPT: [&str; 4] = ["cache-control", "content-encoding", "content-type", "vary"];

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
    let (auth, credentials) = who_asks(&section, problems);
    let rule = Rule {
        name: name.unwrap_or_default(),
        matches,
        auth,
        credentials,
        set_cookie: section.take("set_cookie").and_then(|field| field.parse(set_cookie)).unwrap_or_default(),
        client_directives: section
            .take("client_directives")
            .and_then(|field| field.parse(directives))
            .unwrap_or_default(),
        key: read_key::read(section.section("key")),
        freshness: section.section("freshness").map(read_freshness::read).unwrap_or_default(),
        tags: tags(&section),
        refresh: section.section("refresh").map(read_callout::refresh),
        show_key: section.take("show_key").and_then(|field| field.flag()).unwrap_or(false),
        max_response: section.take("max_response").and_then(|field| field.size(1..=largest)).unwrap_or(largest),
        strip: strip(&section),
    };
    check_body_key(&section, &rule);
    section.finish();
    rule
}

/// Whether it counts who asks, and which headers show it. `auth: shared` alone takes the word of RFC 9111 §3.5
/// away; a list without `authorization` would do so unsaid.
fn who_asks(section: &Section, problems: &Problems) -> (Auth, Vec<String>) {
    let before = problems.len();
    let auth = section.take("auth").and_then(|field| field.parse(auth)).unwrap_or(Auth::Origin);
    let Some(field) = section.take("credentials") else { return (auth, DEFAULT_CREDENTIALS.map(str::to_owned).into()) };
    let names = read_headers::read(&field, read_headers::credential);
    if auth == Auth::Origin && problems.len() == before && !names.iter().any(|name| name == "authorization") {
        let wrong = "lacks authorization, which counts wherever the answer may depend on who asks";
        field.report(Flaw::new(wrong, "add authorization, or write `auth: shared` if the answer does not"));
    }
    (auth, names)
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
    if rule.refresh.is_some() && rule.key.body != BodyKey::None {
        section.report(
            "refreshes in the background what is keyed on a request body, which is not kept",
            "remove `refresh`: one request will lead to the service while others get the stale answer",
        );
    }
    if rule.refresh.is_some() && !rule.key.properties.is_empty() {
        section.report(
            "refreshes in the background what is keyed on properties, which a call has none of",
            "remove `refresh`: one request will lead to the service while others get the stale answer",
        );
    }
}

/// The tags of the rule, each once.
fn tags(section: &Section) -> Vec<String> {
    const MOST: usize = 16;
    let Some(field) = section.take("tags") else { return vec![] };
    let mut tags = field.parse_list(tag).unwrap_or_default();
    tags.sort_unstable();
    tags.dedup();
    if tags.len() > MOST {
        field.report(Flaw::new(format!("has {} tags", tags.len()), format!("write {MOST} at most")));
    }
    tags
}

fn tag(text: &str) -> Result<String, Flaw> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if (1..=64).contains(&text.len()) && text.bytes().all(known) {
        return Ok(text.to_owned());
    }
    Err(Flaw::new(format!("{} is not a tag", quote(text)), "write 1 to 64 of A-Z, a-z, 0-9, ., _, : and -"))
}

fn name(text: &str) -> Result<String, Flaw> {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    if (1..=40).contains(&text.len()) && text.bytes().all(known) {
        return Ok(text.to_owned());
    }
    Err(Flaw::new(format!("{} is not a name for a rule", quote(text)), "write 1 to 40 of a-z, 0-9, _ and -"))
}

fn auth(text: &str) -> Result<Auth, Flaw> {
    let remedy = "write shared if the answer does not depend on who asks, else origin";
    one_of(text, [("origin", Auth::Origin), ("shared", Auth::Shared)], remedy)
}

fn set_cookie(text: &str) -> Result<SetCookie, Flaw> {
    let remedy = "write store if everyone may have the cookie, else refuse";
    one_of(text, [("refuse", SetCookie::Refuse), ("store", SetCookie::Store)], remedy)
}

fn directives(text: &str) -> Result<ClientDirectives, Flaw> {
    let remedy = "write ignore if no client may bypass the cache, else honor";
    one_of(text, [("honor", ClientDirectives::Honor), ("ignore", ClientDirectives::Ignore)], remedy)
}

/// What the word stands for that `text` is.
fn one_of<T>(text: &str, words: [(&str, T); 2], remedy: &str) -> Result<T, Flaw> {
    let wrong = words.each_ref().map(|(word, _)| *word).join(" nor ");
    let known = words.into_iter().find(|(word, _)| *word == text);
    known.map(|(_, value)| value).ok_or_else(|| Flaw::new(format!("{} is neither {wrong}", quote(text)), remedy))
}

/// The headers to strip; what the service says of one user's allowance when none are named.
fn strip(section: &Section) -> Vec<Pattern> {
    match section.take("strip") {
        Some(field) => field.parse_list(stripped).unwrap_or_default(),
        None => DEFAULT_STRIP.iter().filter_map(|text| Pattern::header(text).ok()).collect(),
    }
}

/// A pattern of headers to strip, none of which is needed to read the answer.
fn stripped(text: &str) -> Result<Pattern, Flaw> {
    let pattern = Pattern::header(text)?;
    match KEPT.iter().find(|name| pattern.matches_ignoring_case(name.as_bytes())) {
        Some(name) => {
            let wrong = format!("{} strips {name}, without which an answer would be misread", quote(text));
            Err(Flaw::new(wrong, "write a narrower pattern"))
        }
        None => Ok(pattern),
    }
}
