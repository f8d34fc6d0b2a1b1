//! All hashes, a page at a time: SCAN, never KEYS; HSCAN, so that no hash comes whole.

use super::{Name, Variant};
use crate::redis::Redis;

/// How many names Redis looks at for one page.
const PAGE: usize = 500;
/// How many fields of a hash come at once.
const FIELDS: usize = 16;

/// A walk over the names in Redis. What is there all the time is met at least once; what comes or goes meanwhile, perhaps.
pub struct Walk {
    cursor: u64,
    /// A glob for Redis to choose by; `None` for all names, others' among them, which are then counted.
    pattern: Option<String>,
    over: bool,
    /// Names that came back so far.
    pub seen: u64,
}

impl Walk {
    /// Over all hashes.
    pub fn all() -> Self {
        Self { cursor: 0, pattern: None, over: false, seen: 0 }
    }

    /// Over the hashes of one key, whatever their version.
    pub fn of_key(redis: &Redis, key: &str) -> Self {
        Self { pattern: Some(format!("{}:*:{}", redis.prefix, literal(key))), ..Self::all() }
    }

    /// Over the hashes of one rule.
    pub fn of_rule(redis: &Redis, rule: &str) -> Self {
        Self { pattern: Some(format!("{}:*:{}:*", redis.prefix, literal(rule))), ..Self::all() }
    }

    /// Whether all were seen.
    pub fn over(&self) -> bool {
        self.over
    }

    /// The next page, which may be empty; `None` at the end.
    ///
    /// # Errors
    /// As [`Redis::ask`].
    pub fn next(&mut self, redis: &mut Redis) -> Result<Option<Vec<Name>>, String> {
        if self.over {
            return Ok(None);
        }
        let mut scan = redis::cmd("SCAN");
        scan.arg(self.cursor).arg("COUNT").arg(PAGE);
        if let Some(pattern) = &self.pattern {
            scan.arg("MATCH").arg(pattern);
        }
        let (cursor, names): (u64, Vec<Vec<u8>>) = redis.ask(&scan)?;
        (self.cursor, self.over) = (cursor, cursor == 0);
        self.seen = self.seen.saturating_add(names.len() as u64);
        let names = names.iter().filter_map(|name| Name::parse(&redis.prefix, std::str::from_utf8(name).ok()?));
        Ok(Some(names.collect()))
    }
}

/// A glob of Redis that matches this text alone.
fn literal(text: &str) -> String {
    let special = |character: char| "*?[]\\".contains(character);
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// All variants in a hash, the unreadable ones with what is wrong with them.
///
/// # Errors
/// As [`Redis::ask`].
pub fn variants(redis: &mut Redis, hash: &str) -> Result<Vec<Result<Variant, String>>, String> {
    let (mut cursor, mut variants) = (0_u64, Vec::new());
    loop {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(hash).arg(cursor).arg("MATCH").arg("e:*").arg("COUNT").arg(FIELDS);
        let (next, fields): (u64, Vec<(Vec<u8>, Vec<u8>)>) = redis.ask(&scan)?;
        variants.extend(fields.iter().filter_map(|(field, value)| Variant::parse(field, value)));
        cursor = next;
        if cursor == 0 {
            return Ok(variants);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_has_no_wildcards() {
        assert_eq!(literal("profiles"), "profiles");
        assert_eq!(literal("a*?[b]\\"), "a\\*\\?\\[b\\]\\\\");
    }
}
