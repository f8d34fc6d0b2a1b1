//! One stored response: the field `e:<32 hexadecimal digits>` and its value
//! `<filled ms>|<epoch>:<n>|<fill id>|<entry bytes>`.

use std::time::Duration;

use fingerprint_cache::bans::About;
use fingerprint_cache::codec;
use fingerprint_cache::entry::Entry;
use fingerprint_cache::key;
use fingerprint_cache::position::Position;
use fingerprint_cache::token::Token;

use super::Name;

/// A stored response.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The digest of the headers that select it, in hexadecimal: how its field and its lease are called.
    pub id: String,
    /// When Redis took it in, in milliseconds since the Unix epoch, by its own clock.
    pub filled: u64,
    /// Where the log stood before its origin was asked.
    pub position: Position,
    /// The token that filled it.
    pub fill: Option<Token>,
    /// How many bytes its value has in Redis.
    pub size: usize,
    /// What is stored.
    pub entry: Entry,
}

impl Variant {
    /// Reads a field and its value.
    ///
    /// # Errors
    /// What is wrong with it; `None` for a field that is no variant.
    pub fn parse(field: &[u8], value: &[u8]) -> Option<Result<Self, String>> {
        let id = std::str::from_utf8(field.strip_prefix(b"e:")?).ok()?.to_owned();
        Some(read(id, value))
    }

    /// Its age at a moment of Redis' clock, as the filter counts it.
    pub fn age(&self, now: u64) -> Duration {
        self.entry.initial_age.saturating_add(Duration::from_millis(now.saturating_sub(self.filled)))
    }

    /// Does something with what bans can name of it. `more_tags` are those that its rule gives.
    pub fn about<T>(&self, name: &Name, more_tags: &[String], then: impl FnOnce(&About<'_>) -> T) -> T {
        let (host, target) = key::place_of(&self.entry.key);
        let uri = key::uri_of(&self.entry.key);
        then(&About { key: &name.key, uri, host, target, rule: &name.rule, tags: &self.entry.tags, more_tags })
    }
}

fn read(id: String, value: &[u8]) -> Result<Variant, String> {
    let mut parts = value.splitn(4, |byte| *byte == b'|');
    let mut text = || parts.next().and_then(|part| std::str::from_utf8(part).ok());
    let head = (|| Some((text()?.parse().ok()?, Position::parse(text()?)?, Token::parse(text()?))))();
    let ((filled, position, fill), bytes) =
        head.zip(parts.next()).ok_or("its value does not begin with time, position and fill id")?;
    let entry = codec::decode(bytes).map_err(|malformed| format!("its bytes are no entry ({malformed:?})"))?;
    Ok(Variant { id, filled, position, fill, size: value.len(), entry })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: &str = "0123456789abcdef0123456789abcdef01234567";

    fn value(head: &str) -> Vec<u8> {
        let key = "r 0\nGET\nH.example:443\n/a\nscheme =https".to_owned();
        let entry = Entry { key, status: 200, initial_age: Duration::from_secs(2), ..Entry::default() };
        [head.as_bytes(), &codec::encode(&entry).unwrap()].concat()
    }

    #[test]
    fn a_value_is_a_head_and_an_entry() {
        let variant = Variant::parse(b"e:ab", &value(&format!("1000|{EPOCH}:7|00000000000000ff|"))).unwrap().unwrap();
        assert_eq!((variant.id.as_str(), variant.filled, variant.position.n), ("ab", 1000, 7));
        assert_eq!(variant.fill, Some(Token(255)));
        assert_eq!(variant.age(4000), Duration::from_secs(5));
        assert_eq!(variant.age(0), Duration::from_secs(2));
    }

    #[test]
    fn damage_is_told() {
        assert!(Variant::parse(b"vary", b"v:").is_none());
        for head in ["", "x|", "1000|short:1|00000000000000ff|"] {
            assert!(Variant::parse(b"e:ab", &value(head)).unwrap().is_err(), "{head}");
        }
        let mut damaged = value(&format!("1000|{EPOCH}:7|00000000000000ff|"));
        damaged.pop();
        assert!(Variant::parse(b"e:ab", &damaged).unwrap().unwrap_err().contains("no entry"));
    }
}
