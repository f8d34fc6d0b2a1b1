//! The command line.

use std::path::PathBuf;

use stack::paths;

const USAGE: &str = "Usage: conformance [--accept] [--id ID] [--suite DIR] [--plugin FILE]\n\
    --accept         write what was found into tests/conformance/expected.json\n\
    --id ID          only this test, with all that client and server sent and got\n\
    --suite DIR      another edition of the suite; nothing is compared\n\
    --plugin FILE    another plugin configuration; nothing is compared";

/// What is to be run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Whether what was found is the expectation from now on.
    pub accept: bool,
    /// The only test to run.
    pub id: Option<String>,
    suite: Option<PathBuf>,
    plugin: Option<PathBuf>,
}

impl Options {
    /// Reads the words of a command line.
    ///
    /// # Errors
    /// What is wrong with them, and the usage.
    pub fn read(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--accept" => options.accept = true,
                "--id" => options.id = Some(value(&word, words.next())?),
                "--suite" => options.suite = Some(value(&word, words.next())?.into()),
                "--plugin" => options.plugin = Some(value(&word, words.next())?.into()),
                _ => return Err(format!("{word} is unknown here.\n{USAGE}")),
            }
        }
        if options.accept && (options.id.is_some() || !options.compares()) {
            return Err(format!("--accept wants a whole run of what is pinned and committed.\n{USAGE}"));
        }
        Ok(options)
    }

    /// Whether the expected outcomes are of what is run.
    pub fn compares(&self) -> bool {
        self.suite.is_none() && self.plugin.is_none()
    }

    /// The folder of the suite: the pinned edition, unless another was named.
    pub fn suite(&self) -> PathBuf {
        let pinned = || paths::repository().join(".tools/conformance/node_modules/http-cache-tests");
        self.suite.clone().unwrap_or_else(pinned)
    }

    /// The plugin configuration: the standard mode, unless another was named.
    pub fn plugin(&self) -> PathBuf {
        self.plugin.clone().unwrap_or_else(|| crate::folder().join("standard.json"))
    }
}

fn value(option: &str, word: Option<String>) -> Result<String, String> {
    let word = word.filter(|word| !word.is_empty() && !word.starts_with("--"));
    word.ok_or_else(|| format!("{option} wants a value.\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        Options::read(line.split_ascii_whitespace().map(str::to_owned))
    }

    #[test]
    fn by_default_all_that_is_pinned_is_run_and_compared() {
        let options = read("").unwrap();
        assert!(options.compares() && !options.accept && options.id.is_none());
        assert!(options.suite().ends_with("node_modules/http-cache-tests"));
        assert!(options.plugin().ends_with("tests/conformance/standard.json"));
        assert!(read("--accept").unwrap().accept);
    }

    #[test]
    fn one_test_is_compared_and_another_edition_is_not() {
        let one = read("--id freshness-none").unwrap();
        assert_eq!((one.id.as_deref(), one.compares()), (Some("freshness-none"), true));
        let other = read("--suite /there --plugin p.json").unwrap();
        assert_eq!((other.suite(), other.plugin()), ("/there".into(), "p.json".into()));
        assert!(!read("--suite /there").unwrap().compares() && !read("--plugin p.json").unwrap().compares());
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        for line in ["--id", "--id --accept", "--accept --id x", "--accept --suite x", "--accept --plugin x", "x"] {
            assert!(read(line).unwrap_err().contains("Usage"), "{line}");
        }
    }
}
