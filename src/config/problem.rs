//! What is wrong with a configuration: where, what, and what to write instead.

use std::cell::RefCell;
use std::fmt;

/// One fault of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as in `rules[1].match.paths[0]`; empty for the configuration as a whole.
    pub path: String,
    /// What is wrong there.
    pub wrong: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.path.is_empty() { "configuration" } else { &self.path };
        write!(f, "{place}: {}; {}", self.wrong, self.remedy)
    }
}

/// All faults of a configuration, at least one, in the order in which they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(Vec<Problem>);

impl Errors {
    /// The faults one by one.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// A fault that does not know its place yet: what the readers of single values return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) wrong: String,
    pub(super) remedy: String,
}

impl Flaw {
    /// `wrong` goes on after the path, `remedy` begins with a verb.
    pub(super) fn new(wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), remedy: remedy.into() }
    }
}

/// Collects faults while a configuration is read. Shared by all that read it, hence the cell.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Notes a fault at `path`.
    pub(super) fn report(&self, path: &str, flaw: Flaw) {
        let Flaw { wrong, remedy } = flaw;
        self.0.borrow_mut().push(Problem { path: path.to_owned(), wrong, remedy });
    }

    /// How many faults there are so far; whoever reads a part compares before and after.
    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// `value` when nothing was reported, else all that was.
    pub(super) fn settle<T>(self, value: T) -> Result<T, Errors> {
        let problems = self.0.into_inner();
        if problems.is_empty() { Ok(value) } else { Err(Errors(problems)) }
    }

    /// What was reported; for a caller that has no value to offer.
    pub(super) fn into_errors(self) -> Errors {
        Errors(self.0.into_inner())
    }
}

/// `text` in quotes, on one line and not longer than a line should be.
pub(super) fn quote(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST).and_then(|(end, _)| text.get(..end)) {
        Some(start) => format!("{:?}", format!("{start}...")),
        None => format!("{text:?}"),
    }
}
