//! The Wasm modules beside the cache's own: the floors, with the very exports of the cache, and the soak.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use stack::paths;
use wasmparser::{Parser, Payload};

const TARGET: &str = "wasm32-wasip1";

/// Builds a package of this workspace for Wasm, with the release profile.
///
/// # Errors
/// What the compiler said.
pub fn build(package: &str) -> Result<PathBuf, String> {
    cargo(&["build", "--quiet", "--release", "--locked", "--target", TARGET, "--package", package])?;
    let me = env::current_exe().map_err(|error| format!("cannot tell where this program is: {error}"))?;
    let target = me.ancestors().nth(2).ok_or("this program is in no target folder")?;
    Ok(target.join(TARGET).join("release").join(format!("{package}.wasm")))
}

/// Builds the floors and takes from them the exports that `plugin` does not have either.
///
/// # Errors
/// What the compiler or the trimming tool said.
pub fn floors(plugin: &Path) -> Result<PathBuf, String> {
    let built = build("floors")?;
    let trimmed = paths::repository().join("target/floors.wasm");
    let wanted = exports(plugin)?;
    let dropped: Vec<String> = exports(&built)?.into_iter().filter(|name| !wanted.contains(name)).collect();
    if dropped.is_empty() {
        return std::fs::copy(&built, &trimmed).map(|_| trimmed).map_err(|error| format!("cannot copy: {error}"));
    }
    let (from, to) = (built.to_string_lossy(), trimmed.to_string_lossy());
    let mut words = vec!["run", "--quiet", "--locked", "--package", "trim", "--", &from, &to];
    words.extend(dropped.iter().map(String::as_str));
    cargo(&words)?;
    Ok(trimmed)
}

fn cargo(words: &[&str]) -> Result<(), String> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(paths::repository());
    let output = command.output().map_err(|error| format!("cannot run cargo: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("cargo {} failed:\n{}", words.join(" "), String::from_utf8_lossy(&output.stderr)))
}

/// The names of what a module exports.
fn exports(module: &Path) -> Result<Vec<String>, String> {
    let bytes = std::fs::read(module).map_err(|error| format!("cannot read {}: {error}", module.display()))?;
    names(&bytes).map_err(|error| format!("{}: {error}", module.display()))
}

fn names(module: &[u8]) -> Result<Vec<String>, wasmparser::BinaryReaderError> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(section) = payload? {
            for export in section {
                names.push(export?.name.to_owned());
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_read_and_garbage_is_refused() {
        // A module with one memory, exported as "m".
        let module = b"\0asm\x01\0\0\0\x05\x03\x01\0\x01\x07\x05\x01\x01m\x02\0";
        assert_eq!(names(module).unwrap(), ["m"]);
        assert!(names(b"garbage!").is_err());
    }
}
