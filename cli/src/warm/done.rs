//! What an earlier run has done: a file of names, one a line, to which each success is added at once.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The state file; without one nothing is remembered.
#[derive(Debug, Default)]
pub struct Done {
    known: HashSet<String>,
    file: Option<(PathBuf, File)>,
}

impl Done {
    /// Opens the file, which need not be there yet.
    ///
    /// # Errors
    /// A sentence that says what to name instead.
    pub fn open(path: Option<&Path>) -> Result<Self, String> {
        let Some(path) = path else { return Ok(Self::default()) };
        let sentence =
            |what: &str, error| format!("Cannot {what} {}: {error}. Name another file with --state.", path.display());
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.map_err(|error| sentence("read", error))?,
        };
        let opened = OpenOptions::new().create(true).append(true).open(path);
        let mut file = opened.map_err(|error| sentence("write", error))?;
        // A run that was killed may have left half a line: it is no name, and none is added to it.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.write_all(b"\n").map_err(|error| sentence("write", error))?;
        }
        let known = text.get(..whole).unwrap_or_default().lines().map(str::to_owned).collect();
        Ok(Self { known, file: Some((path.to_path_buf(), file)) })
    }

    /// Whether an earlier run has done it.
    pub fn has(&self, name: &str) -> bool {
        self.known.contains(name)
    }

    /// Notes that it is done.
    ///
    /// # Errors
    /// A sentence, when the file cannot be written.
    pub fn add(&mut self, name: &str) -> Result<(), String> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let written = file.write_all(format!("{name}\n").as_bytes());
        written.map_err(|error| {
            format!("Cannot write {}: {error}. A later run will not skip what this one did.", path.display())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_knows_what_this_one_did() {
        let folder = std::env::temp_dir().join(format!("fpcache-done-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("state");
        let mut first = Done::open(Some(&path)).unwrap();
        first.add("http://a/x").unwrap();
        assert!(!first.has("http://a/y"));
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"http://a/ha").unwrap();
        let mut second = Done::open(Some(&path)).unwrap();
        assert!(second.has("http://a/x") && !second.has("http://a/ha"));
        second.add("http://a/y").unwrap();
        assert!(Done::open(Some(&path)).unwrap().has("http://a/y"));
        assert!(Done::open(Some(&folder)).is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn without_a_file_nothing_is_remembered() {
        let mut done = Done::open(None).unwrap();
        done.add("a").unwrap();
        assert!(!done.has("a"));
    }
}
