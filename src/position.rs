//! Where in the invalidation log somebody stands: no number that a failover or a flush could use again.

use serde::{Deserialize, Serialize};

/// A place in the log: the master's `master_replid` and how many events its stream had taken in.
///
/// Every lookup in Redis names the newest one, and an entry remembers the one of the lookup that preceded its fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// 40 hexadecimal digits, or empty where Redis was not asked.
    pub epoch: String,
    /// How far the log was counted: from the time in milliseconds at which it was made.
    pub n: u64,
}

impl std::fmt::Display for Position {
    /// As [`Position::parse`] reads it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.epoch, self.n)
    }
}

impl Position {
    /// Whether somebody who stood at `before` stands here after so many notices.
    pub fn follows(&self, before: &Self, notices: usize) -> bool {
        let grown = self.n.checked_sub(before.n).and_then(|grown| usize::try_from(grown).ok());
        self.epoch == before.epoch && grown == Some(notices)
    }

    /// Reads `epoch:n` as the lookup script writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, n) = text.split_once(':')?;
        let hex = epoch.len() == 40 && epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then_some(())?;
        Some(Self { epoch: epoch.to_owned(), n: n.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_position_is_an_epoch_and_a_count() {
        let epoch = "0123456789abcdef0123456789abcdef01234567";
        let read = |text: &str| Position::parse(text).map(|position| position.n);
        assert_eq!(read(&format!("{epoch}:42")), Some(42));
        assert_eq!(read(&format!("{epoch}:")), None);
        assert_eq!(read(&format!("{epoch}:-1")), None);
        assert_eq!(read("short:1"), None);
        assert_eq!(read(""), None);
        let text = format!("{epoch}:42");
        assert_eq!(Position::parse(&text).map(|position| position.to_string()), Some(text));
    }
}
