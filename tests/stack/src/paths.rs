//! Where things are: the repository, the tools that `make setup` installed, what the build made.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The root of the repository this crate was compiled in.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A file under `envoy/`, where the shipped configurations are.
pub fn shipped(file: &str) -> PathBuf {
    repository().join("envoy").join(file)
}

/// The module that Envoy loads: `$FPC_PLUGIN`, else `target/plugin.wasm`.
///
/// # Errors
/// A sentence that says how to build it.
pub fn plugin() -> Result<PathBuf, String> {
    let file = env::var_os("FPC_PLUGIN").map_or_else(|| repository().join("target/plugin.wasm"), PathBuf::from);
    existing(file, "run `make build`")
}

/// The certificate of the listener with TLS, for clients that are to trust it.
///
/// # Errors
/// A sentence that says what makes it.
pub fn certificate() -> Result<PathBuf, String> {
    existing(repository().join(".tools/tls/edge.crt"), "run `make setup`")
}

/// A program: `.tools/bin` of the repository first, then `PATH` and the folders for system programs.
///
/// # Errors
/// A sentence that says it is not installed and what to run.
pub fn program(name: &str) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].map(PathBuf::from);
    [repository().join(".tools/bin")]
        .into_iter()
        .chain(env::split_paths(&path))
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("{name} is not installed: run `make setup`"))
}

/// A program of this workspace, built with the same profile as the program that asks.
///
/// # Errors
/// A sentence that says how to build it.
pub fn sibling(name: &str) -> Result<PathBuf, String> {
    let me = env::current_exe().map_err(|error| format!("cannot tell where this program is: {error}"))?;
    let folders = me.ancestors().skip(1).take(2);
    folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("{name} is not built: run `cargo build --workspace`"))
}

/// A new, empty directory `target/stack/<what>-<process>-<number>`; [`crate::Scratch`] also removes it.
///
/// # Errors
/// A sentence with the path.
pub fn scratch(what: &str) -> Result<PathBuf, String> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = repository().join(format!("target/stack/{what}-{}-{number}", std::process::id()));
    // An earlier process may have had the same id.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    Ok(folder)
}

/// Writes a file whole, with the path in the error.
///
/// # Errors
/// A sentence with the path.
pub fn write(file: &Path, text: &[u8]) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Reads a text file whole, with the path in the error.
///
/// # Errors
/// A sentence with the path.
pub fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

fn existing(file: PathBuf, remedy: &str) -> Result<PathBuf, String> {
    if file.is_file() { Ok(file) } else { Err(format!("{} is missing: {remedy}", file.display())) }
}
