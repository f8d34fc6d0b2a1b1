//! What a `Cache-Status` header (RFC 9211) says, read apart for assertions and tables.

/// The member that our cache added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// `hit`: the answer came from the cache.
    pub hit: bool,
    /// `fwd`: why the request went on.
    pub fwd: Option<String>,
    /// `fwd-status`: the status that the origin gave.
    pub fwd_status: Option<u16>,
    /// `stored`: the origin's answer was stored.
    pub stored: bool,
    /// `collapsed`: the request waited for the answer to another one.
    pub collapsed: bool,
    /// `ttl`: seconds of freshness left, negative when stale.
    pub ttl: Option<i64>,
    /// `detail`: the tier of a hit, or the reason.
    pub detail: Option<String>,
    /// `key`: the key of the entry, where the rule shows it.
    pub key: Option<String>,
}

impl CacheStatus {
    /// Reads the member of the cache called `name`; of several, the last, which is nearest the client.
    pub fn parse(value: &str, name: &str) -> Option<Self> {
        let member = value.split(',').rev().find(|member| member.split(';').next().map(str::trim) == Some(name))?;
        let mut status = Self::default();
        for parameter in member.split(';').skip(1) {
            status.set(parameter.trim());
        }
        Some(status)
    }

    /// Whether it is a hit of that tier, `l1` or `l2`.
    pub fn hit_from(&self, tier: &str) -> bool {
        self.hit && self.detail.as_deref() == Some(tier)
    }

    fn set(&mut self, parameter: &str) {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim_matches('"');
        match key {
            "hit" => self.hit = true,
            "stored" => self.stored = true,
            "collapsed" => self.collapsed = true,
            "fwd" => self.fwd = Some(value.to_owned()),
            "fwd-status" => self.fwd_status = value.parse().ok(),
            "ttl" => self.ttl = value.parse().ok(),
            "detail" => self.detail = Some(value.to_owned()),
            "key" => self.key = Some(value.to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_member_of_our_cache_counts() {
        let value = "fingerprint-cache; fwd=uri-miss, cdn; hit, fingerprint-cache; hit; ttl=-3; detail=l2";
        let status = CacheStatus::parse(value, "fingerprint-cache").unwrap();
        assert!(status.hit_from("l2") && !status.hit_from("l1"));
        assert_eq!((status.ttl, status.fwd), (Some(-3), None));
        assert_eq!(CacheStatus::parse("cdn; hit", "fingerprint-cache"), None);
    }

    #[test]
    fn a_miss_says_why_and_what_became_of_the_answer() {
        let value = "fingerprint-cache; fwd=uri-miss; fwd-status=200; stored; detail=\"a\"";
        let status = CacheStatus::parse(value, "fingerprint-cache").unwrap();
        assert_eq!((status.hit, status.stored, status.fwd_status), (false, true, Some(200)));
        assert_eq!((status.fwd.as_deref(), status.detail.as_deref()), (Some("uri-miss"), Some("a")));
    }

    #[test]
    fn a_waiter_says_so_and_a_rule_may_show_its_key() {
        let value = "fingerprint-cache; fwd=uri-miss; fwd-status=200; collapsed; key=\"a:b\"";
        let status = CacheStatus::parse(value, "fingerprint-cache").unwrap();
        assert_eq!((status.collapsed, status.key.as_deref()), (true, Some("a:b")));
    }
}
