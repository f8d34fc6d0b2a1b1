//! `trim IN OUT EXPORT...`: the module IN without those exports, written to OUT.
//!
//! A host calls each callback that a module exports, and the SDK exports them all: every one that the filter does not
//! use costs each request a fraction of a microsecond. They can only be dropped after linking. With them go the
//! functions that nothing reaches any more, imports that are not called, and the sections for tools and debuggers; the
//! rest is encoded anew, which also shortens the numbers that the linker pads.
//!
//! - [`reach`]: which functions are still needed.
//! - [`rewrite`]: the module without the others.

mod reach;
mod rewrite;

use std::process::ExitCode;

use wasmparser::{Parser, Payload};

const USAGE: &str = "Usage: trim IN.wasm OUT.wasm EXPORT...\n\
    An EXPORT that ends in * stands for all that begin so. One that stands for nothing is an error.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.as_slice() {
        [input, output, dropped @ ..] if !dropped.is_empty() => trim(input, output, dropped),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(sentence) => {
            println!("{sentence}");
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn trim(input: &str, output: &str, dropped: &[String]) -> Result<String, String> {
    let module = std::fs::read(input).map_err(|error| format!("cannot read {input}: {error}"))?;
    let trimmed = without(&module, dropped).map_err(|error| format!("{input}: {error}"))?;
    std::fs::write(output, &trimmed).map_err(|error| format!("cannot write {output}: {error}"))?;
    let packed = |size: usize| format!("{}.{} KiB", size / 1024, size % 1024 * 10 / 1024);
    let (before, after) = (exports(&module)?.len(), exports(&trimmed)?.len());
    let (was, is) = (packed(module.len()), packed(trimmed.len()));
    Ok(format!("{output}: {is} ({} bytes), was {was}; {after} exports, were {before}", trimmed.len()))
}

/// The module without the exports that `dropped` names, and what only they used; valid, or an error.
fn without(module: &[u8], dropped: &[String]) -> Result<Vec<u8>, String> {
    let exports = exports(module)?;
    if let Some(idle) = dropped.iter().find(|pattern| !exports.iter().any(|name| stands_for(pattern, name))) {
        return Err(format!("no export is called {idle}; there are {}", exports.join(", ")));
    }
    let keeps = |name: &str| !dropped.iter().any(|pattern| stands_for(pattern, name));
    let needed = reach::needed(module, &keeps)?;
    let trimmed = rewrite::rewrite(module, &keeps, &needed)?;
    wasmparser::validate(&trimmed).map_err(|error| format!("the trimmed module is not valid: {error}"))?;
    Ok(trimmed)
}

fn stands_for(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

/// The names of all exports.
fn exports(module: &[u8]) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(section) = payload.map_err(|error| error.to_string())? {
            for export in section {
                names.push(export.map_err(|error| error.to_string())?.name.to_owned());
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
