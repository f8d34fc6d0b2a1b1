//! What became of a test: the suite's own judgement (`determineTestResult` in its `lib/display.mjs`), in its words.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a test matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The standard requires it.
    #[default]
    Required,
    /// The standard allows it, and a good cache does it.
    Optimal,
    /// A question without a right answer.
    Check,
}

/// What became of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A required or optimal test was passed.
    Pass,
    /// A required test was not.
    Fail,
    /// An optimal test was not.
    OptionalFail,
    /// The answer to a check.
    Yes,
    /// The answer to a check.
    No,
    /// What had to be true before the test was not.
    SetupFail,
    /// The cache sent a request twice.
    Retry,
    /// The suite itself failed.
    HarnessFail,
    /// A test that this one builds on was not passed.
    DependencyFail,
    /// There is no result.
    Untested,
}

impl Outcome {
    /// Whether it counts as passed, and tests that build on it can be judged.
    pub fn passes(self) -> bool {
        matches!(self, Self::Pass | Self::Yes)
    }
}

/// One word, as in the file of expected outcomes.
fn word(value: &impl Serialize, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let value = serde_json::to_value(value).unwrap_or_default();
    formatter.pad(value.as_str().unwrap_or_default())
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        word(self, formatter)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        word(self, formatter)
    }
}

/// A test of the suite.
#[derive(Clone, Debug, Deserialize)]
pub struct Test {
    /// Its name, unique in the suite.
    pub id: String,
    /// How much it matters.
    #[serde(default)]
    pub kind: Kind,
    /// The tests that it builds on.
    #[serde(default, rename = "depends_on")]
    dependencies: Vec<String>,
}

/// What the suite says of one test.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Finding {
    /// `true`: all it looked at was right.
    Right(bool),
    /// The name of the error and its message.
    Wrong(String, Option<String>),
}

/// What the client of the suite wrote.
#[derive(Debug, Deserialize)]
pub struct Findings {
    /// The tests for a proxy, in the order of the suite.
    pub tests: Vec<Test>,
    results: BTreeMap<String, Finding>,
}

impl Findings {
    /// What became of a test, given what became of those it builds on.
    pub fn outcome(&self, test: &Test) -> Outcome {
        if !self.results.contains_key(&test.id) {
            return Outcome::Untested;
        }
        let founded = test.dependencies.iter().all(|id| self.find(id).is_some_and(|on| self.outcome(on).passes()));
        if founded { self.alone(test) } else { Outcome::DependencyFail }
    }

    /// What became of a test, whatever became of those it builds on.
    pub fn alone(&self, test: &Test) -> Outcome {
        match self.results.get(&test.id) {
            None => Outcome::Untested,
            Some(Finding::Wrong(name, message)) if name == "Setup" => match message.as_deref() {
                Some("retry") => Outcome::Retry,
                _ => Outcome::SetupFail,
            },
            Some(Finding::Right(false)) => Outcome::HarnessFail,
            // Only the newer edition gives up waiting by itself.
            Some(Finding::Wrong(name, _)) if name == "AbortError" => Outcome::HarnessFail,
            Some(finding) => by_kind(test.kind, matches!(finding, Finding::Right(true))),
        }
    }

    /// The test of that name.
    pub fn find(&self, id: &str) -> Option<&Test> {
        self.tests.iter().find(|test| test.id == id)
    }

    /// Why the outcome is what it is: what the suite says, or which tests stand in the way.
    pub fn message(&self, test: &Test, outcome: Outcome) -> String {
        if outcome == Outcome::DependencyFail {
            let failed = |id: &&String| !self.find(id).is_some_and(|on| self.outcome(on).passes());
            let failed: Vec<&str> = test.dependencies.iter().filter(failed).map(String::as_str).collect();
            return format!("builds on {}", failed.join(", "));
        }
        match self.results.get(&test.id) {
            Some(Finding::Wrong(name, Some(message))) if name == "Assertion" => message.clone(),
            Some(Finding::Wrong(name, message)) => format!("{name}: {}", message.as_deref().unwrap_or_default()),
            Some(Finding::Right(_)) => String::new(),
            None => "no result".to_owned(),
        }
    }
}

fn by_kind(kind: Kind, right: bool) -> Outcome {
    match (kind, right) {
        (Kind::Required | Kind::Optimal, true) => Outcome::Pass,
        (Kind::Required, false) => Outcome::Fail,
        (Kind::Optimal, false) => Outcome::OptionalFail,
        (Kind::Check, true) => Outcome::Yes,
        (Kind::Check, false) => Outcome::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn findings() -> Findings {
        let tests = json!([
            { "id": "good" }, { "id": "bad", "kind": "required" }, { "id": "slow", "kind": "optimal" },
            { "id": "yes", "kind": "check" }, { "id": "no", "kind": "check" },
            { "id": "setup" }, { "id": "twice", "kind": "optimal" }, { "id": "harness" }, { "id": "abort" },
            { "id": "on-good", "depends_on": ["good", "yes"] }, { "id": "on-bad", "depends_on": ["good", "bad"] },
            { "id": "on-no", "depends_on": ["no"] }, { "id": "on-on-bad", "depends_on": ["on-bad"] },
            { "id": "on-nothing", "depends_on": ["nobody"] }, { "id": "never", "depends_on": ["bad"] }
        ]);
        let results = json!({
            "good": true, "bad": ["Assertion", "Response 2 comes from cache"], "slow": ["Assertion", "b"],
            "yes": true, "no": ["Assertion", "c"],
            "setup": ["Setup", "Response 1 status is 503, not 200"], "twice": ["Setup", "retry"],
            "harness": false, "abort": ["AbortError", "d"],
            "on-good": ["TypeError", null], "on-bad": true, "on-no": true, "on-on-bad": true, "on-nothing": true
        });
        serde_json::from_value(json!({ "tests": tests, "results": results })).unwrap()
    }

    #[test]
    fn every_test_is_judged_as_the_suite_does() {
        let findings = findings();
        let found = |test: &Test| format!("{} {}", test.id, findings.outcome(test));
        let found: Vec<String> = findings.tests.iter().map(found).collect();
        let expected = [
            "good pass",
            "bad fail",
            "slow optional_fail",
            "yes yes",
            "no no",
            "setup setup_fail",
            "twice retry",
            "harness harness_fail",
            "abort harness_fail",
            "on-good fail",
            "on-bad dependency_fail",
            "on-no dependency_fail",
            "on-on-bad dependency_fail",
            "on-nothing dependency_fail",
            "never untested",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn one_test_alone_is_judged_without_the_others() {
        let findings = findings();
        let test = findings.find("on-good").unwrap();
        assert_eq!(findings.message(test, findings.alone(test)), "TypeError: ");
        let alone = |id| findings.alone(findings.find(id).unwrap());
        assert_eq!((alone("on-bad"), alone("on-good")), (Outcome::Pass, Outcome::Fail));
        assert_eq!((alone("never"), alone("twice")), (Outcome::Untested, Outcome::Retry));
    }

    #[test]
    fn the_message_says_what_is_wrong() {
        let findings = findings();
        let message = |id| {
            let test = findings.find(id).unwrap();
            findings.message(test, findings.outcome(test))
        };
        assert_eq!(message("bad"), "Response 2 comes from cache");
        assert_eq!(message("setup"), "Setup: Response 1 status is 503, not 200");
        assert_eq!((message("on-bad"), message("on-good")), ("builds on bad".to_owned(), "TypeError: ".to_owned()));
        assert_eq!((message("good"), message("never")), (String::new(), "no result".to_owned()));
    }
}
