//! Outcomes by kind and test: those that are committed, those that were found, and what differs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stack::paths;

use crate::outcome::{Findings, Kind, Outcome};

/// The outcome of each test. As a file: JSON, sorted, one line a test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outcomes {
    kinds: BTreeMap<Kind, BTreeMap<String, Outcome>>,
}

/// How many tests of a kind were passed (or answered with yes), and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// Passed.
    pub passed: usize,
    /// All.
    pub of: usize,
}

/// A test whose outcome is not the expected one. `None`: there is no such test on that side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The test.
    pub id: String,
    /// What is committed.
    pub expected: Option<Outcome>,
    /// What was found.
    pub found: Option<Outcome>,
}

/// Where the expected outcomes are committed.
pub fn file() -> PathBuf {
    crate::folder().join("expected.json")
}

impl Outcomes {
    /// What was found.
    pub fn found(findings: &Findings) -> Self {
        let mut kinds: BTreeMap<Kind, BTreeMap<String, Outcome>> = BTreeMap::new();
        for test in &findings.tests {
            kinds.entry(test.kind).or_default().insert(test.id.clone(), findings.outcome(test));
        }
        Self { kinds }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A sentence that says how to write it, when it is not there or not of this form.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = paths::read(file).map_err(|error| format!("{error}. `make conformance-accept` writes it."))?;
        serde_json::from_str(&text).map_err(|error| format!("{} cannot be understood: {error}", file.display()))
    }

    /// The text of the file.
    ///
    /// # Errors
    /// Never, as far as is known.
    pub fn text(&self) -> Result<String, String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| format!("cannot write outcomes: {error}"))?;
        Ok(text + "\n")
    }

    /// How many tests of a kind were passed.
    pub fn score(&self, kind: Kind) -> Score {
        let outcomes = self.kinds.get(&kind);
        let passed = outcomes.map_or(0, |tests| tests.values().filter(|outcome| outcome.passes()).count());
        Score { passed, of: outcomes.map_or(0, BTreeMap::len) }
    }

    /// The outcome of a test.
    pub fn get(&self, kind: Kind, id: &str) -> Option<Outcome> {
        self.kinds.get(&kind)?.get(id).copied()
    }

    /// Each test that is not as expected, better or worse, in the order of the file. A test of another kind than
    /// expected is one that is gone and one that is new.
    pub fn differences(&self, expected: &Self) -> Vec<Difference> {
        let keys = |outcomes: &Self| -> BTreeSet<(Kind, String)> {
            let kinds = outcomes.kinds.iter();
            kinds.flat_map(|(kind, tests)| tests.keys().map(|id| (*kind, id.clone()))).collect()
        };
        let all = &keys(expected) | &keys(self);
        let differences = all.into_iter().map(|(kind, id)| {
            let (expected, found) = (expected.get(kind, &id), self.get(kind, &id));
            Difference { id, expected, found }
        });
        differences.filter(|difference| difference.expected != difference.found).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(text: &str) -> Outcomes {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_file_is_sorted_and_reads_back() {
        let text = r#"{"check": {"z": "no"}, "required": {"b": "fail", "a": "pass"}, "optimal": {"o": "pass"}}"#;
        let written = outcomes(text).text().unwrap();
        let lines: Vec<&str> = written.lines().map(str::trim).filter(|line| line.ends_with(['"', ','])).collect();
        assert_eq!(lines, [r#""a": "pass","#, r#""b": "fail""#, "},", r#""o": "pass""#, "},", r#""z": "no""#]);
        assert_eq!(outcomes(&written), outcomes(text));
    }

    #[test]
    fn only_what_passed_counts() {
        let all =
            outcomes(r#"{"required": {"a": "pass", "b": "fail", "c": "dependency_fail"}, "check": {"d": "yes"}}"#);
        assert_eq!(all.score(Kind::Required), Score { passed: 1, of: 3 });
        assert_eq!(all.score(Kind::Check), Score { passed: 1, of: 1 });
        assert_eq!(all.score(Kind::Optimal), Score { passed: 0, of: 0 });
    }

    #[test]
    fn better_worse_new_gone_and_another_kind_are_differences() {
        let expected =
            r#"{"required": {"same": "pass", "better": "fail", "worse": "pass", "gone": "pass", "kind": "pass"}}"#;
        let found = r#"{"required": {"same": "pass", "better": "pass", "worse": "retry", "new": "fail"},
            "optimal": {"kind": "pass"}}"#;
        let differences = outcomes(found).differences(&outcomes(expected));
        let ids: Vec<&str> = differences.iter().map(|difference| difference.id.as_str()).collect();
        assert_eq!(ids, ["better", "gone", "kind", "new", "worse", "kind"]);
        let sides = |at: usize| (differences[at].expected, differences[at].found);
        assert_eq!(sides(4), (Some(Outcome::Pass), Some(Outcome::Retry)));
        assert_eq!((sides(1).1, sides(3).0), (None, None));
        assert_eq!(outcomes(found).differences(&outcomes(found)), []);
    }
}
