//! A directory for the files of one stack: removed with it, or kept and shown when something went wrong.

use std::path::{Path, PathBuf};

use crate::paths;
use crate::process::last_lines;

/// `target/stack/<what>-<process>-<number>`, new and empty.
///
/// Dropped, it is removed with all that is in it. Where a thread panics, as a failing test does, it stays, and the
/// ends of the logs in it are printed.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    kept: bool,
}

impl Scratch {
    /// Makes one.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn new(what: &str) -> Result<Self, String> {
        let folder = paths::scratch(what)?;
        Ok(Self { folder, kept: false })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Makes a directory in it, for one of several processes of a kind.
    ///
    /// # Errors
    /// A sentence with the path.
    pub fn room(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        Ok(folder)
    }

    /// Whether it stays when dropped, whatever happened.
    pub fn keep(&mut self, kept: bool) {
        self.kept = kept;
    }

    fn show(&self) {
        eprintln!("The files of this stack stay in {}", self.folder.display());
        let rooms = files(&self.folder).filter(|file| file.is_dir()).flat_map(|room| files(&room));
        for file in files(&self.folder).chain(rooms).filter(|file| file.extension().is_some_and(|is| is == "log")) {
            eprintln!("The end of {}:\n{}", file.display(), last_lines(&file, 15));
        }
    }
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path())
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show();
        } else if !self.kept {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_unless_it_is_kept() {
        let mut scratch = Scratch::new("unit").unwrap();
        let folder = scratch.path().to_path_buf();
        std::fs::write(folder.join("file"), "x").unwrap();
        scratch.keep(true);
        drop(scratch);
        assert!(folder.join("file").exists());
        drop(Scratch { folder: folder.clone(), kept: false });
        assert!(!folder.exists());
    }

    #[test]
    fn it_stays_where_a_test_fails() {
        let failing = std::thread::spawn(|| {
            let scratch = Scratch::new("unit").unwrap();
            let folder = scratch.path().to_path_buf();
            std::panic::panic_any(folder);
        });
        let folder = failing.join().unwrap_err().downcast::<PathBuf>().unwrap();
        assert!(folder.exists());
        std::fs::remove_dir_all(*folder).unwrap();
    }
}
