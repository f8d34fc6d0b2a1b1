//! Properties: whatever is thrown at the reader, it answers; and what it answers is consistent.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{full, parse};
use crate::config::{Config, Pattern};

/// JSON from nowhere, with many of the names and values that the reader knows.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("rules"),
        Just("name"),
        Just("match"),
        Just("path"),
        Just("paths"),
        Just("key"),
        Just("json"),
        Just("include"),
        Just("echo"),
        Just("memory"),
        Just("redis"),
        Just("cluster"),
        Just("/a"),
        Just("/**"),
        Just("5m"),
        Just("10MiB"),
        Just("whole"),
        Just("POST"),
        Just("tags"),
        Just("freshness"),
        Just("status"),
        Just("404"),
        Just("credentials"),
        Just("refresh"),
        Just("\u{0}é*"),
        Just(""),
    ];
    let word = move || word.clone().prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every place in `value` where another value could stand.
fn pointers(value: &Value, at: String) -> Vec<String> {
    let below = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => vec![],
    };
    let below = below.into_iter().flat_map(|(name, value)| pointers(value, format!("{at}/{name}")));
    std::iter::once(at.clone()).chain(below).collect()
}

fn any_path_pattern() -> impl Strategy<Value = Pattern> {
    let segment = prop_oneof![Just("a"), Just("b"), Just("*"), Just("**"), Just("a*"), Just("*b"), Just("")];
    prop::collection::vec(segment, 1..5)
        .prop_filter_map("no pattern", |segments| Pattern::path(&format!("/{}", segments.join("/"))).ok())
}

/// All texts of one to `most` segments out of `segments`.
fn all_texts(segments: &[&str], most: usize) -> Vec<String> {
    let longer = |text: &String| segments.iter().map(|segment| format!("{text}/{segment}")).collect::<Vec<_>>();
    let mut last = vec![String::new()];
    let mut texts = Vec::new();
    for _ in 0..most {
        last = last.iter().flat_map(longer).collect();
        texts.extend_from_slice(&last);
    }
    texts
}

/// Not a sample: every pattern of up to three such segments against every other one.
#[test]
fn a_short_pattern_covers_exactly_what_it_matches() {
    let texts = all_texts(&["a", "b", "ab", ""], 4);
    let patterns: Vec<_> =
        all_texts(&["a", "*", "**", "a*", ""], 3).iter().flat_map(|text| Pattern::path(text)).collect();
    let matched = |pattern: &Pattern| texts.iter().map(|text| pattern.matches(text.as_bytes())).collect::<Vec<_>>();
    let known: Vec<_> = patterns.iter().map(|pattern| (pattern, matched(pattern))).collect();
    for (wide, takes) in &known {
        for (narrow, given) in &known {
            let all = given.iter().zip(takes).all(|(given, takes)| takes >= given);
            assert_eq!(wide.covers(narrow), all, "{} {}", wide.as_str(), narrow.as_str());
        }
    }
}

proptest! {
    #[test]
    fn reads_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Config::parse(&bytes);
    }

    #[test]
    fn reads_any_json(json in any_json()) {
        if let Err(errors) = Config::parse(json.to_string().as_bytes()) {
            prop_assert!(!errors.problems().is_empty());
            prop_assert_eq!(errors.to_string().lines().count(), errors.problems().len());
        }
    }

    #[test]
    fn reads_a_good_configuration_with_any_part_replaced(index in any::<prop::sample::Index>(), part in any_json()) {
        let mut config = full();
        let places = pointers(&config, String::new());
        let place: &String = index.get(&places);
        *config.pointer_mut(place).unwrap() = part;
        if let Ok(config) = Config::parse(config.to_string().as_bytes()) {
            prop_assert_eq!(parse(&config.effective()), config);
        }
    }

    #[test]
    fn a_covered_pattern_matches_nothing_more(
        wide in any_path_pattern(), narrow in any_path_pattern(), text in "/[ab/]{0,8}",
    ) {
        let [takes, given] = [&wide, &narrow].map(|pattern| pattern.matches(text.as_bytes()));
        prop_assert!(!wide.covers(&narrow) || !given || takes, "{wide:?} {narrow:?} {text}");
    }

    #[test]
    fn a_rule_after_itself_is_never_reached(pattern in any_path_pattern(), before in any_path_pattern()) {
        let path = pattern.as_str();
        let rule = |name: &str, paths: Value| json!({ "name": name, "match": { "paths": paths } });
        let rules = [rule("one", json!([before.as_str(), path])), rule("two", json!([path]))];
        let errors = Config::parse(json!({ "rules": rules }).to_string().as_bytes()).unwrap_err();
        prop_assert!(errors.to_string().contains("is never reached"), "{errors}");
    }
}
