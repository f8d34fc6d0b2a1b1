//! Reads `match`: which requests a rule is for.

use super::pattern::{Pattern, is_token_byte};
use super::problem::{Flaw, Problems, quote};
use super::rule::Match;
use super::section::Section;

/// Reads `match`. When anything in it is faulty its lists are empty: it then matches nothing and is
/// compared with no other rule.
pub(super) fn read(rule: &Section, problems: &Problems) -> Match {
    let before = problems.len();
    let read = rule.require("match", "write match: { paths: [\"/...\"] }").and_then(|field| field.section());
    let matches = read.map(|section| lists(section));
    matches.filter(|_| problems.len() == before).unwrap_or(Match { methods: vec![], hosts: vec![], paths: vec![] })
}

fn lists(section: Section) -> Match {
    let methods = methods(&section);
    let hosts = patterns(&section, "host", "hosts", Pattern::host);
    let paths = patterns(&section, "path", "paths", Pattern::path);
    if paths.is_none() {
        section.report("names no path", "add paths: [\"/...\"], or paths: [\"/**\"] for all");
    }
    section.finish();
    let any = || Pattern::host("*").into_iter().collect();
    Match { methods, hosts: hosts.unwrap_or_else(any), paths: paths.unwrap_or_default() }
}

/// The patterns of a list, or the one of its short form; `None` when neither is there.
fn patterns(
    section: &Section,
    one: &'static str,
    many: &'static str,
    read: fn(&str) -> Result<Pattern, Flaw>,
) -> Option<Vec<Pattern>> {
    match (section.take(one), section.take(many)) {
        (None, None) => None,
        (Some(one), None) => Some(one.parse(read).into_iter().collect()),
        (Some(field), Some(_)) => {
            field.report(Flaw::new(format!("stands beside `{many}`"), format!("put it into `{many}`")));
            Some(vec![])
        }
        (None, Some(field)) => {
            field.refuse_empty("is empty, so nothing matches", &format!("name one at least, or remove `{many}`"));
            Some(field.parse_list(read).unwrap_or_default())
        }
    }
}

/// The methods; GET and HEAD when none are named.
fn methods(section: &Section) -> Vec<String> {
    let Some(field) = section.take("methods") else { return vec!["GET".to_owned(), "HEAD".to_owned()] };
    let methods = field.parse_list(method).unwrap_or_default();
    field.refuse_empty("is empty, so nothing matches", "write [GET, HEAD], or remove `methods`");
    if methods.iter().any(|method| method == "HEAD") && !methods.iter().any(|method| method == "GET") {
        field.report(Flaw::new("has HEAD without GET, from whose entries HEAD is answered", "add GET"));
    }
    methods
}

/// RFC 9110 §9.1: "The method token is case-sensitive".
fn method(text: &str) -> Result<String, Flaw> {
    if text.is_empty() || !text.bytes().all(is_token_byte) {
        return Err(Flaw::new(format!("{} is not a method", quote(text)), "write GET, HEAD or POST"));
    }
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        let remedy = format!("write {}: methods have case", quote(&text.to_ascii_uppercase()));
        return Err(Flaw::new(format!("{} is not in upper case", quote(text)), remedy));
    }
    // A hit would keep the change from the origin.
    if ["PUT", "DELETE", "PATCH", "CONNECT", "OPTIONS", "TRACE"].contains(&text) {
        return Err(Flaw::new(format!("answers to {text} are never cached"), "remove it"));
    }
    Ok(text.to_owned())
}
