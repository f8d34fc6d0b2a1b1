//! `fpcache check`: judges a configuration by the same function as the filter.

use std::path::PathBuf;

use fingerprint_cache::config::{BodyKey, Config, Problem, Rule};

use crate::document;
use crate::find::{Findings, Found, find};
use crate::input;
use crate::report::{Judgement, Report};

/// Checks a configuration and prints it with every default filled in.
///
/// FILE is the configuration itself, in JSON or YAML, or a manifest that holds it: an Envoy bootstrap or
/// LDS file, an Istio WasmPlugin, TrafficExtension or EnvoyFilter, alone or with other documents.
/// Exit status: 0 without problems, 1 with problems, 2 when there was nothing to judge.
#[derive(clap::Args)]
pub struct Arguments {
    /// The file to check; - is standard input
    file: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// A sentence when there is nothing to judge: the file cannot be read or has no configuration.
pub fn run(arguments: &Arguments) -> Result<Report, String> {
    let name = input::name(&arguments.file);
    let text = input::text(&arguments.file)?;
    let judgements = judge(&text, &name)?;
    Ok(if arguments.json { Report::json(&judgements) } else { Report::text(&judgements) })
}

fn judge(text: &str, name: &str) -> Result<Vec<Judgement>, String> {
    let unreadable = |error| format!("{name} is neither JSON nor YAML: {error}. Correct it there and check again.");
    let documents = document::read(text).map_err(unreadable)?;
    if documents.is_empty() {
        // Comments alone say as much as nothing.
        return Ok(vec![verdict(name.to_owned(), "", vec![], None)]);
    }
    let many = documents.iter().any(|(number, _)| *number > 1);
    let mut judgements = Vec::new();
    let mut skipped = Vec::new();
    for (number, document) in &documents {
        let title = if many { format!("{name}, document {number}") } else { name.to_owned() };
        let findings = find(document);
        skipped.extend(findings.skipped.iter().map(|place| format!("{title}: {place}")));
        judgements.extend(judge_document(findings, &title, text));
    }
    if judgements.is_empty() { Err(nothing(name, &skipped)) } else { Ok(judgements) }
}

fn judge_document(findings: Findings, title: &str, file: &str) -> Vec<Judgement> {
    let judge = |found: Found| match found.place.is_empty() {
        // A plain JSON file is read as it stands, so that members that stand there twice are seen.
        true if file.trim_start().starts_with('{') && serde_json::from_str::<serde_json::Value>(file).is_ok() => {
            verdict(title.to_owned(), file, found.faults, None)
        }
        true => verdict(title.to_owned(), &found.text, found.faults, None),
        false => verdict(format!("{title}: {}", found.place), &found.text, found.faults, found.no_bodies),
    };
    findings.found.into_iter().map(judge).collect()
}

fn verdict(place: String, text: &str, mut problems: Vec<Problem>, no_bodies: Option<&str>) -> Judgement {
    match Config::parse(text.as_bytes()) {
        Ok(config) => {
            let notes = no_bodies.map(|reason| notes(&config, reason)).unwrap_or_default();
            Judgement { place, problems, notes, effective: Some(config.effective()) }
        }
        Err(errors) => {
            problems.extend_from_slice(errors.problems());
            Judgement { place, problems, notes: vec![], effective: None }
        }
    }
}

/// What the configuration alone does not show: whether Envoy lets the filter wait for request bodies.
fn notes(config: &Config, reason: &str) -> Vec<String> {
    let keyed = config.rules.iter().enumerate().filter(|(_, rule)| rule.key.body != BodyKey::None);
    let note = |(index, rule): (usize, &Rule)| {
        format!("rules[{index}] ({:?}) keys on the request body and will pass every request: {reason}", rule.name)
    };
    keyed.map(note).collect()
}

fn nothing(name: &str, skipped: &[String]) -> String {
    let others = match skipped {
        [] => String::new(),
        _ => format!("\nSkipped, as it has none of the fields of fingerprint-cache:\n  {}", skipped.join("\n  ")),
    };
    format!(
        "{name} holds no configuration of fingerprint-cache. Name a file with the configuration itself, or with an Envoy \
         PluginConfig, a WasmPlugin, a TrafficExtension or an EnvoyFilter that holds one.{others}"
    )
}
