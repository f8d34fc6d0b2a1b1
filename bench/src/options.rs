//! The command line.

use std::time::Duration;

use crate::case::{CASES, Case};

const USAGE: &str = "Usage: bench [--check] [--alternations N] [--seconds N] [NAME...]\n\
    --check          exit with 1 when a target is missed\n\
    --alternations   how often each case takes its turn (5)\n\
    --seconds        how long each turn counts, after a second to warm up (2)\n\
    NAME             only these cases (soak: the memory)";

/// What is to be measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Whether a missed target is an error.
    pub check: bool,
    /// How often each case takes its turn.
    pub alternations: usize,
    /// How long each turn counts; whole seconds.
    pub length: Duration,
    only: Vec<String>,
}

impl Options {
    /// Reads the words of a command line.
    ///
    /// # Errors
    /// What is wrong with them, and the usage.
    pub fn read(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { check: false, alternations: 5, length: Duration::from_secs(2), only: Vec::new() };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--check" => options.check = true,
                "--alternations" => options.alternations = number(&word, words.next())?,
                "--seconds" => options.length = Duration::from_secs(number(&word, words.next())?),
                name if name == "soak" || CASES.iter().any(|case| case.name == name) => options.only.push(word),
                _ => return Err(format!("{word} is unknown here.\n{USAGE}")),
            }
        }
        Ok(options)
    }

    /// The cases to measure.
    pub fn cases(&self) -> impl Iterator<Item = Case> {
        CASES.into_iter().filter(|case| self.wants(case.name))
    }

    /// Whether to look at the memory.
    pub fn soak(&self) -> bool {
        self.wants("soak")
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

fn number<T: std::str::FromStr + PartialOrd + From<u8>>(option: &str, word: Option<String>) -> Result<T, String> {
    let number = word.and_then(|word| word.parse().ok()).filter(|number| *number >= T::from(1));
    number.ok_or_else(|| format!("{option} wants a number above 0.\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split_ascii_whitespace().map(str::to_owned))
    }

    #[test]
    fn the_command_line_chooses_cases() {
        let all = read("").unwrap();
        assert_eq!((all.cases().count(), all.soak(), all.alternations), (9, true, 5));
        let some = read("--check --seconds 3 pass l1_hit").unwrap();
        let names: Vec<&str> = some.cases().map(|case| case.name).collect();
        assert_eq!((names.as_slice(), some.soak()), (&["l1_hit", "pass"][..], false));
        assert_eq!((some.check, some.length), (true, Duration::from_secs(3)));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for line in ["--alternations", "--seconds 0", "--seconds x", "l1"] {
            assert!(read(line).unwrap_err().contains("Usage"), "{line}");
        }
    }
}
