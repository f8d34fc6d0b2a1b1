//! The name of a primary key's hash: `<prefix>:<version>:<rule>:<32 hexadecimal digits>`.

/// A hash of the filter's, by its parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The whole name.
    pub hash: String,
    /// The version of the format and the operator's `schema_version`, as in `3.1`.
    pub version: String,
    /// The rule that stored it.
    pub rule: String,
    /// The rule and the digest: the short name, as `Cache-Status` shows it.
    pub key: String,
}

impl Name {
    /// Takes a name apart; `None` for whatever else lives in that Redis, leases among it.
    pub fn parse(prefix: &str, hash: &str) -> Option<Self> {
        let rest = hash.strip_prefix(prefix)?.strip_prefix(':')?;
        let (version, key) = rest.split_once(':')?;
        let (rule, digest) = key.split_once(':')?;
        let whole = is_digest(digest) && !rule.is_empty() && version.contains('.');
        whole.then(|| Self {
            hash: hash.to_owned(),
            version: version.to_owned(),
            rule: rule.to_owned(),
            key: key.to_owned(),
        })
    }
}

/// Whether this is the short name of a key.
pub fn is_key(text: &str) -> bool {
    text.split_once(':').is_some_and(|(rule, digest)| is_digest(digest) && !rule.is_empty())
}

fn is_digest(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_name_has_four_parts() {
        let name = Name::parse("fpc", &format!("fpc:3.1:profiles:{DIGEST}")).unwrap();
        assert_eq!((name.version.as_str(), name.rule.as_str()), ("3.1", "profiles"));
        assert_eq!(name.key, format!("profiles:{DIGEST}"));
        assert!(is_key(&name.key));
    }

    #[test]
    fn everything_else_is_someone_elses() {
        let lease = format!("fpc:3.1:profiles:{DIGEST}:l:{DIGEST}");
        let other = format!("other:3.1:profiles:{DIGEST}");
        for name in ["fpc:log", "fpc:bans", "fpc:3.1:profiles:short", "fpcx:3.1:r:x", "", &lease, &other] {
            assert_eq!(Name::parse("fpc", name), None, "{name}");
        }
        assert!(!is_key("profiles"));
    }
}
