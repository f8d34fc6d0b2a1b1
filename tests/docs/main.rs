//! Documents are code: their tables are held to what they speak of.
#![allow(clippy::panic, clippy::unwrap_used)] // Clippy knows test functions, not their helpers.

use fingerprint_cache::config::Config;
use fingerprint_cache::metrics::TABLE;
use fingerprint_cache::reason::{Forward, NotStored};
use serde_json::Value;
use std::collections::BTreeSet;

const README: &str = include_str!("../../README.md");
const METRICS: &str = include_str!("../../docs/metrics.md");
const OPERATIONS: &str = include_str!("../../docs/operations.md");
const CONFORMANCE: &str = include_str!("../../docs/conformance.md");
const EXPECTED: &str = include_str!("../conformance/expected.json");

/// The first cell of each row of the table under `heading`, without its code marks.
fn column(document: &str, heading: &str) -> Vec<String> {
    let section = document.split_once(heading).unwrap_or_else(|| panic!("no heading {heading:?}")).1;
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').nth(1).unwrap().trim().trim_matches('`').to_owned())
        .collect()
}

#[test]
fn the_metrics_table_is_the_one_in_the_code() {
    for help in TABLE {
        let labels: Vec<String> = help.labels.iter().map(|label| format!("`{label}`")).collect();
        let row = format!("| `{}` | {} | {} |", help.name, labels.join(", "), help.help);
        assert!(METRICS.contains(&row), "docs/metrics.md lacks this row:\n{row}");
    }
    assert_eq!(column(METRICS, "# Metrics").len(), TABLE.len());
}

#[test]
fn every_reason_is_explained_and_no_other() {
    let forward: Vec<&str> = Forward::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(column(METRICS, "## Why a request went to the origin"), forward);
    let not_stored: Vec<&str> = NotStored::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(column(METRICS, "## Why an answer was not stored"), not_stored);
}

/// The paths of all fields that a configuration can have, as the README writes them.
fn fields() -> BTreeSet<String> {
    let everything = br#"{"redis": {"cluster": "webdis"}, "rules": [
        {"name": "a", "match": {"path": "/a"}, "key": {"query": {"include": ["q"]}}, "freshness": {"default": "1m", "override": "1m",
         "heuristic": "1m", "status": {"404": "1m"}, "stale_while_revalidate": "1m", "stale_if_error": "1m"},
         "refresh": {"cluster": "api", "authority": "api"}},
        {"name": "b", "match": {"methods": ["POST"], "path": "/b"}, "key": {"body": "whole"}},
        {"name": "c", "match": {"methods": ["POST"], "path": "/c"}, "key": {"json": {"include": ["/x"]}}}]}"#;
    let mut paths = BTreeSet::new();
    flatten(&Config::parse(everything).unwrap().effective(), "", &mut paths);
    paths
}

/// An object whose members are named by numbers is one field: the operator chooses them.
fn flatten(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) if members.is_empty() || members.keys().any(|name| name.parse::<u16>().is_ok()) => {
            paths.insert(path.to_owned());
        }
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            let dot = if path.is_empty() { "" } else { "." };
            flatten(value, &format!("{path}{dot}{name}"), paths);
        }),
        Value::Array(elements) if elements.iter().any(Value::is_object) => {
            elements.iter().for_each(|element| flatten(element, &format!("{path}[]"), paths));
        }
        _ => {
            paths.insert(path.to_owned());
        }
    }
}

#[test]
fn the_readme_lists_every_field_of_the_configuration_and_no_other() {
    let listed: BTreeSet<String> = column(README, "## Configuration").into_iter().collect();
    assert_eq!(listed, fields());
}

#[test]
fn the_configuration_in_the_readme_is_a_configuration() {
    let (_, rest) = README.split_once("## Configuration").unwrap();
    let (_, rest) = rest.split_once("```yaml\n").unwrap();
    let (yaml, _) = rest.split_once("```").unwrap();
    let value: Value = serde_yaml_ng::from_str(yaml).unwrap();
    let config = Config::parse(value.to_string().as_bytes()).unwrap();
    assert_eq!(config.rules.len(), 3);
}

/// The tests of a kind that are not passed, in the order of the file, and how many are passed.
fn judged(kind: &str) -> (Vec<String>, usize, usize) {
    let all: Value = serde_json::from_str(EXPECTED).unwrap();
    let tests = all.get(kind).and_then(Value::as_object).unwrap();
    let missed = tests.iter().filter(|(_, outcome)| **outcome != "pass" && **outcome != "yes");
    let missed: Vec<String> = missed.map(|(id, _)| id.clone()).collect();
    let passed = tests.len() - missed.len();
    (missed, passed, tests.len())
}

#[test]
fn every_conformance_test_that_is_not_passed_has_its_reason_and_no_other() {
    for (kind, heading) in [("required", "## Required, and not passed"), ("optimal", "## Optimal, and not passed")] {
        assert_eq!(column(CONFORMANCE, heading), judged(kind).0, "docs/conformance.md, {heading}");
    }
    let (_, tables) = CONFORMANCE.split_once("## Required, and not passed").unwrap();
    let silent = tables.lines().find(|line| line.starts_with("| `") && line.ends_with("| |"));
    assert_eq!(silent, None, "a reason is missing");
}

#[test]
fn the_score_in_the_documents_is_that_of_the_expected_outcomes() {
    for (kind, label) in [("required", "required"), ("optimal", "optimal"), ("check", "check, answered yes")] {
        let (_, passed, of) = judged(kind);
        let row = format!("| {label} | {passed} | {of} |");
        assert!(CONFORMANCE.contains(&row), "docs/conformance.md lacks this row:\n{row}");
    }
    let ((_, required, of_required), (_, optimal, of_optimal)) = (judged("required"), judged("optimal"));
    let head = format!("| cache | npm edition 0.4.5: required of {of_required}, optimal of {of_optimal} |");
    let row = format!("| **fingerprint-cache** | {required}, {optimal} |");
    for line in [head, row] {
        assert!(README.contains(&line), "README.md lacks the row that begins so:\n{line}");
    }
}

/// The alerts of `monitoring/rules.yaml`, each with where it sends whoever is on call.
fn alerts() -> BTreeSet<(String, String)> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/monitoring/rules.yaml");
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let rules: Value = serde_yaml_ng::from_str(&text).unwrap();
    // A PrometheusRule has them under `spec`.
    let groups = rules.pointer("/spec/groups").or_else(|| rules.get("groups")).and_then(Value::as_array).unwrap();
    let rules = groups.iter().filter_map(|group| group.get("rules")?.as_array()).flatten();
    let text = |rule: &Value, pointer: &str| rule.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let alerts =
        rules.filter_map(|rule| Some((text(rule, "/alert")?, text(rule, "/annotations/runbook").unwrap_or_default())));
    alerts.collect()
}

/// The runbooks of docs/operations.md: the heading, and what stands under it.
fn runbooks() -> Vec<(&'static str, &'static str)> {
    let (_, rest) = OPERATIONS.split_once("\n## Alerts\n").unwrap();
    let (part, _) = rest.split_once("\n## ").unwrap();
    part.split("\n### ").skip(1).map(|section| section.split_once('\n').unwrap()).collect()
}

#[test]
fn every_alert_has_its_runbook_and_no_other() {
    let runbook = |alert: &str| (alert.to_owned(), format!("docs/operations.md#{}", alert.to_lowercase()));
    let written: BTreeSet<_> = runbooks().into_iter().map(|(alert, _)| runbook(alert)).collect();
    assert_eq!(written, alerts());
}

#[test]
fn every_runbook_says_what_users_notice_what_to_run_what_to_do_and_whom_to_wake() {
    for (alert, text) in runbooks() {
        let places: Vec<_> = ["**Users:**", "```sh\n", "**Do:**", "**Wake:**"].map(|part| text.find(part)).into();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "docs/operations.md, {alert}: {places:?}");
    }
}

#[test]
fn every_metric_is_in_what_the_metrics_tell() {
    let (_, rest) = OPERATIONS.split_once("## What the metrics tell").unwrap();
    let (table, _) = rest.split_once("\n## ").unwrap();
    let told: BTreeSet<_> = table.split('`').skip(1).step_by(2).collect();
    let missing = TABLE.iter().map(|help| help.name.trim_start_matches("fingerprint_cache_"));
    let missing: Vec<_> = missing.filter(|name| !told.contains(name)).collect();
    assert!(missing.is_empty(), "docs/operations.md says nothing of {missing:?}");
}

/// A heading as a link to it: lower case, spaces as hyphens, nothing else but letters and digits.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|one| one.is_alphanumeric() || " -_".contains(*one));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_within_the_guide_leads_to_a_heading() {
    let headings = OPERATIONS.lines().filter(|line| line.starts_with("##"));
    let headings: BTreeSet<_> = headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect();
    let links = OPERATIONS.split("](#").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let lost: Vec<_> = links.filter(|link| !headings.contains(*link)).collect();
    assert!(lost.is_empty(), "docs/operations.md links to {lost:?}");
}
