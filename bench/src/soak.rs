//! The memory of a Wasm VM after a million answers, under Node: the cache's core, its allocator, no Envoy.

use std::process::Command;

use serde_json::Value;
use stack::paths;

use crate::modules;

/// How many answers.
const ANSWERS: u32 = 1_000_000;
/// The most that the VM's linear memory may be after them, in MiB, with an L1 of 10 MiB.
pub const MOST: f64 = 14.0;

/// What the soak said.
#[derive(Clone, Debug)]
pub struct Soaked {
    /// The VM's linear memory, in MiB. It never shrinks.
    pub mib: f64,
    /// All that the soak printed.
    pub detail: Value,
}

/// Runs it; some 15 seconds.
///
/// # Errors
/// A sentence, when Node is missing, the soak fails or L1 was ever over its budget.
pub fn run() -> Result<Soaked, String> {
    let module = modules::build("soak")?;
    let mut command = Command::new(paths::program("node")?);
    command.arg("--no-warnings").arg(paths::repository().join("bench/node.mjs"));
    command.arg(module).arg(ANSWERS.to_string());
    let output = command.output().map_err(|error| format!("cannot run node: {error}"))?;
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    read(&said).ok_or_else(|| format!("the soak failed: {said}{complaint}"))
}

fn read(said: &str) -> Option<Soaked> {
    let detail: Value = serde_json::from_str(said.trim()).ok()?;
    let number = |name: &str| detail.get(name).and_then(Value::as_f64);
    let within = number("most_bytes")? <= number("budget")? && number("written_to_l2")? == number("answers")?;
    let mib = number("memory_after")? / f64::from(1 << 20);
    within.then_some(Soaked { mib, detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soak_over_budget_is_a_failure() {
        let said = |most| {
            format!(r#"{{"answers":2,"written_to_l2":2,"budget":10,"most_bytes":{most},"memory_after":3145728}}"#)
        };
        assert_eq!(read(&said(10)).unwrap().mib, 3.0);
        assert!(read(&said(11)).is_none());
        assert!(read("").is_none());
    }
}
