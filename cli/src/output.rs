//! What a command leaves behind: what to print, and the exit status.

use serde_json::Value;

/// All is well.
pub const OK: u8 = 0;
/// The answer is no: problems, nothing there, not stored.
pub const NO: u8 = 1;
/// Published, but not on all replicas.
pub const NOT_EVERYWHERE: u8 = 3;

/// What to print, and the exit status.
#[derive(Debug)]
pub struct Output {
    /// To standard output, as it is.
    pub bytes: Vec<u8>,
    /// The exit status.
    pub status: u8,
}

impl Output {
    /// For people.
    pub fn text(text: String, status: u8) -> Self {
        Self { bytes: text.into_bytes(), status }
    }

    /// For machines, if they ask; else for people.
    pub fn either(json: bool, tree: &Value, text: impl FnOnce() -> String, status: u8) -> Self {
        Self::text(if json { format!("{tree:#}\n") } else { plain(&text()) }, status)
    }
}

/// Text without what a terminal would obey: names and headers in Redis are others' words.
pub fn plain(text: &str) -> String {
    let harmless = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
    text.chars().map(|character| if harmless(character) { character } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_given_no_orders() {
        assert_eq!(plain("a\tb\n\u{1b}[2J\r\u{9b}é"), "a\tb\n\u{fffd}[2J\u{fffd}\u{fffd}é");
    }
}
