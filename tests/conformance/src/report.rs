//! What is printed.

use crate::expected::{Difference, Outcomes};
use crate::outcome::{Findings, Kind, Outcome};

/// The required and optimal tests that were not passed, and why, then the score.
pub fn whole(findings: &Findings, outcomes: &Outcomes) -> String {
    let mut lines = Vec::new();
    for kind in [Kind::Required, Kind::Optimal] {
        lines.extend(not_passed(findings, kind));
    }
    let score = |kind| outcomes.score(kind);
    let (required, optimal, check) = (score(Kind::Required), score(Kind::Optimal), score(Kind::Check));
    lines.push(format!(
        "required {}/{}, optimal {}/{}, checks answered yes {}/{}",
        required.passed, required.of, optimal.passed, optimal.of, check.passed, check.of
    ));
    lines.join("\n")
}

fn not_passed(findings: &Findings, kind: Kind) -> Vec<String> {
    let tests = findings.tests.iter().filter(|test| test.kind == kind);
    let mut lines: Vec<String> = tests
        .map(|test| (test, findings.outcome(test)))
        .filter(|(_, outcome)| !outcome.passes())
        .map(|(test, outcome)| format!("  {outcome:15} {:50} {}", test.id, findings.message(test, outcome)))
        .collect();
    lines.sort();
    if !lines.is_empty() {
        lines.insert(0, format!("Not passed, {kind}:"));
    }
    lines
}

/// What differs from what was expected.
pub fn differences(findings: &Findings, differences: &[Difference]) -> String {
    let word = |outcome: Option<Outcome>| outcome.map_or("no such test".to_owned(), |outcome| outcome.to_string());
    let lines = differences.iter().map(|difference| {
        let message = findings.find(&difference.id).zip(difference.found);
        let message = message.map(|(test, found)| findings.message(test, found)).unwrap_or_default();
        let Difference { id, expected, found } = difference;
        format!("  {id}: expected {}, found {} {message}", word(*expected), word(*found)).trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn findings(results: serde_json::Value) -> Findings {
        let tests =
            json!([{ "id": "b" }, { "id": "a" }, { "id": "o", "kind": "optimal" }, { "id": "c", "kind": "check" }]);
        serde_json::from_value(json!({ "tests": tests, "results": results })).unwrap()
    }

    #[test]
    fn the_report_lists_what_was_not_passed_and_the_score() {
        let wrong = json!(["Assertion", "the message"]);
        let findings = findings(json!({ "a": wrong, "b": true, "o": wrong, "c": wrong }));
        let report = whole(&findings, &Outcomes::found(&findings));
        let words: Vec<Vec<&str>> = report.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
        assert_eq!(words[..4], [["Not", "passed,"], ["fail", "a"], ["Not", "passed,"], ["optional_fail", "o"]]);
        assert!(report.contains(" the message\n"));
        assert!(report.ends_with("\nrequired 1/2, optimal 0/1, checks answered yes 0/1"), "{report}");
    }

    #[test]
    fn a_difference_says_what_was_expected_and_why_it_is_not_so() {
        let all = findings(json!({ "a": true, "b": true, "o": true, "c": true }));
        let some = findings(json!({ "a": ["Assertion", "the message"], "b": true, "o": true, "c": true }));
        let found = Outcomes::found(&some).differences(&Outcomes::found(&all));
        assert_eq!(differences(&some, &found), "  a: expected pass, found fail the message");
        let gone = Outcomes::default().differences(&Outcomes::found(&all));
        assert!(differences(&some, &gone).contains("o: expected pass, found no such test"));
    }
}
