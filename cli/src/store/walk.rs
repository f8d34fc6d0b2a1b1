//! All hashes, a page at a time: SCAN, never KEYS; HSCAN, so that no hash comes whole.

use redis::Cmd;

use super::{Name, Variant};
use crate::redis::Redis;

/// How many names Redis looks at for one page.
const PAGE: usize = 500;
/// How many fields of a hash come at once.
const FIELDS: usize = 16;
/// How many hashes are asked for at once: entries may be large.
const TOGETHER: usize = 16;

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

/// The variants of one hash, the unreadable ones with what is wrong with them.
pub type Variants = Vec<Result<Variant, String>>;

/// Fields with their values, and where to read on; 0 at the end.
type Page = (u64, Vec<(Vec<u8>, Vec<u8>)>);

/// The variants of each of these hashes, a few hashes at a time.
///
/// # Errors
/// As [`Redis::ask`].
pub fn variants_of(redis: &mut Redis, names: &[Name]) -> Result<Vec<Variants>, String> {
    let mut all = Vec::with_capacity(names.len());
    for names in names.chunks(TOGETHER) {
        let scans: Vec<_> = names.iter().map(|name| scan(&name.hash, 0)).collect();
        let pages: Vec<Page> = redis.ask_all(&scans)?;
        for (name, page) in names.iter().zip(pages) {
            all.push(read_on(redis, &name.hash, page)?);
        }
    }
    Ok(all)
}

/// All variants in a hash.
///
/// # Errors
/// As [`Redis::ask`].
pub fn variants(redis: &mut Redis, hash: &str) -> Result<Variants, String> {
    let first = redis.ask(&scan(hash, 0))?;
    read_on(redis, hash, first)
}

/// What a page of a hash has, and all pages after it.
fn read_on(redis: &mut Redis, hash: &str, (mut cursor, fields): Page) -> Result<Variants, String> {
    let read = |fields: Vec<(Vec<u8>, Vec<u8>)>| {
        fields.into_iter().filter_map(|(field, value)| Variant::parse(&field, &value)).collect::<Vec<_>>()
    };
    let mut variants = read(fields);
    while cursor != 0 {
        let (next, fields): Page = redis.ask(&scan(hash, cursor))?;
        variants.extend(read(fields));
        cursor = next;
    }
    Ok(variants)
}

fn scan(hash: &str, cursor: u64) -> Cmd {
    let mut scan = redis::cmd("HSCAN");
    scan.arg(hash).arg(cursor).arg("MATCH").arg("e:*").arg("COUNT").arg(FIELDS);
    scan
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
