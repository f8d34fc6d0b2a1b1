//! Files that the operator names, `-` for standard input, and the configuration in one.

use std::io::Read;
use std::path::Path;

use fingerprint_cache::config::Config;

use crate::document;
use crate::find::{Found, find};

/// How messages call a file.
pub fn name(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

/// All bytes of a file.
///
/// # Errors
/// A sentence with its name.
pub fn bytes(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => std::io::stdin().read_to_end(&mut bytes).map(|_| bytes),
        false => std::fs::read(file),
    };
    read.map_err(|error| format!("Cannot read {}: {error}. Name a file that exists and may be read.", name(file)))
}

/// All of a file of JSON or YAML.
///
/// # Errors
/// A sentence with its name.
pub fn text(file: &Path) -> Result<String, String> {
    let wrong = |_| format!("{} is not UTF-8 text. Name a file in JSON or YAML.", name(file));
    String::from_utf8(bytes(file)?).map_err(wrong)
}

/// The configuration in a file, whatever it is wrapped in; where there are several, the one whose place has `at` in it.
///
/// # Errors
/// A sentence when there is none, more than one, or one with problems.
pub fn config(file: &Path, at: Option<&str>) -> Result<Config, String> {
    let name = name(file);
    let documents = document::read(&text(file)?)
        .map_err(|error| format!("{name} is neither JSON nor YAML: {error}. Correct it there."))?;
    let found = documents.iter().flat_map(|(_, document)| find(document).found);
    let found: Vec<Found> = found.filter(|found| at.is_none_or(|at| found.place.contains(at))).collect();
    match found.as_slice() {
        [one] => Config::parse(one.text.as_bytes())
            .ok()
            .filter(|_| one.faults.is_empty())
            .ok_or_else(|| format!("The configuration in {name} has problems. Run `fpcache check` on it.")),
        [] => Err(format!("{name} holds no such configuration of fingerprint-cache. Run `fpcache check` on it.")),
        many => {
            let places: String = many.iter().map(|found| format!("\n  {}", found.place)).collect();
            Err(format!("{name} holds several configurations. Say a part of the place of one with --at:{places}"))
        }
    }
}

/// Which configuration a command goes by.
#[derive(Clone, Default, clap::Args)]
#[group(skip)]
pub struct Arguments {
    /// The filter's configuration, in any wrapping that `check` reads
    #[arg(long, value_name = "FILE")]
    pub config: Option<std::path::PathBuf>,
    /// Where FILE has several configurations: a part of the place of one, as `check` shows it
    #[arg(long, value_name = "TEXT", requires = "config")]
    pub at: Option<String>,
}

impl Arguments {
    /// The configuration, where one is named.
    ///
    /// # Errors
    /// As [`config`].
    pub fn read(&self) -> Result<Option<Config>, String> {
        self.config.as_deref().map(|file| config(file, self.at.as_deref())).transpose()
    }
}
