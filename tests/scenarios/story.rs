//! The record of what happened, readable, one line an event.

/// A record.
#[derive(Debug, Default)]
pub struct Story {
    lines: Vec<String>,
}

impl Story {
    /// Adds a line; `now` in microseconds.
    pub fn tell(&mut self, now: u64, line: impl AsRef<str>) {
        self.lines.push(format!("{:>12.6} s  {}", now as f64 / 1e6, line.as_ref()));
    }

    /// All lines.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}
