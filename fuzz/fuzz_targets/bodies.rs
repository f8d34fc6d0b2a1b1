//! Bodies: a request's projection, and an answer whose echoed values are cut out and put back.
//!
//! The parts of an input: the request's body, the answer's headers, the answer's body.
#![no_main]

use fingerprint_cache::config::{BodyKey, Config, Projection};
use fingerprint_cache::echo::{Echo, Template, cut, splice};
use fingerprint_cache::projection::project;
use fuzz::message::{parts, stored};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::sync::LazyLock;

static RULE: LazyLock<Projection> = LazyLock::new(|| {
    let config = br#"{"rules": [{"name": "r", "match": {"methods": ["POST"], "path": "/r"}, "key": {"json":
        {"include": ["/q", "/a/b"], "echo": ["/id", "/s/id"], "ignore": ["/x"]}}}]}"#;
    match Config::parse(config).expect("a configuration").rules.remove(0).key.body {
        BodyKey::Json(projection) => projection,
        other => panic!("{other:?}"),
    }
});

/// No piece of what is stored holds a caller's text.
fn keeps_no_value(template: &Template, echoes: &[Echo]) {
    let mut ends: Vec<usize> = template.cuts.iter().map(|cut| cut.at).collect();
    ends.push(template.body.len());
    let mut from = 0;
    for end in ends {
        let piece = String::from_utf8_lossy(&template.body[from..end]).to_ascii_lowercase();
        for echo in echoes {
            let Echo::Text(text) = echo else { continue };
            assert!(!piece.contains(&text.to_ascii_lowercase()), "{piece:?} holds {text:?}");
        }
        from = end;
    }
}

/// What another caller gets is the answer with its own values, and otherwise the same.
fn goes_to_others(template: &Template, echoes: &[Echo], body: &[u8]) {
    let others: Vec<Echo> = echoes
        .iter()
        .enumerate()
        .map(|(index, echo)| match echo {
            Echo::Text(_) => Echo::Text(format!("another\"{index}")),
            Echo::Number(_) => Echo::Number(format!("{index}")),
            other => other.clone(),
        })
        .collect();
    let Ok(said) = serde_json::from_slice::<Value>(body) else { return };
    let back = splice(&template.body, &template.cuts, echoes).expect("every value is there");
    assert_eq!(serde_json::from_slice::<Value>(&back).ok(), Some(said.clone()));
    let theirs = splice(&template.body, &template.cuts, &others).expect("every value is there");
    let mut theirs: Value = serde_json::from_slice(&theirs).expect("JSON as before");
    for cut in &template.cuts {
        let pointer = RULE.echo[cut.echo].to_string();
        *theirs.pointer_mut(&pointer).expect("in its place") = said.pointer(&pointer).expect("it was there").clone();
    }
    assert_eq!(theirs, said);
}

fuzz_target!(|input: &[u8]| {
    let [request, headers, body] = parts(input);
    let Ok(projected) = project(request, &RULE) else { return };
    assert_eq!(project(request, &RULE).as_ref(), Ok(&projected));
    let Ok(template) = cut(body.to_vec(), &stored(headers), &RULE.echo, &projected.echoes) else { return };
    assert!(template.cuts.is_sorted_by_key(|cut| cut.at));
    keeps_no_value(&template, &projected.echoes);
    goes_to_others(&template, &projected.echoes, body);
});
