//! Who asks, and what is left of their allowance. Any token is a user; its
//! digest decides the tier. Nobody is ever refused for having used up theirs:
//! the figures are here to differ by user, which is what a cache must not mix up.

use crate::seed::digest;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// The length of the window `X-RateLimit-Remaining` counts in, in seconds.
const WINDOW: u64 = 3600;

/// More users than this and all are forgotten, so that a client that invents
/// tokens cannot fill the memory.
const MAX_USERS: usize = 10_000;

/// Name, requests an hour, requests a month.
const TIERS: [(&str, u64, u64); 3] =
    [("free", 1_000, 100_000), ("pro", 10_000, 2_000_000), ("enterprise", 100_000, 50_000_000)];

/// What one answer says about its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests an hour.
    pub limit: u64,
    /// Requests left in this hour, down to 0.
    pub remaining: u64,
    /// When the hour ends, in seconds since 1970.
    pub reset: u64,
    /// `free`, `pro` or `enterprise`.
    pub tier: &'static str,
    /// Requests left in this month, down to 0.
    pub monthly_remaining: u64,
}

#[derive(Default)]
struct User {
    window: u64,
    used: u64,
    used_ever: u64,
}

/// The users seen so far, by the digest of their token.
#[derive(Default)]
pub struct Users(Mutex<HashMap<u64, User>>);

impl Users {
    /// Counts one request of the user with `token` at `now` and says what is left.
    pub fn charge(&self, token: &[u8], now: SystemTime) -> Allowance {
        let digest = digest(&[b"user", token]);
        let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= MAX_USERS && !users.contains_key(&digest) {
            users.clear();
        }
        let user = users.entry(digest).or_default();
        user.count(seconds / WINDOW);
        user.allowance(digest)
    }
}

impl User {
    fn count(&mut self, window: u64) {
        if self.window != window {
            self.window = window;
            self.used = 0;
        }
        self.used = self.used.saturating_add(1);
        self.used_ever = self.used_ever.saturating_add(1);
    }

    fn allowance(&self, digest: u64) -> Allowance {
        let tier = usize::try_from(digest % 3).unwrap_or(0);
        let (tier, limit, month) = TIERS.get(tier).copied().unwrap_or(("free", 0, 0));
        // A share of the month is gone before the first request, so that two users
        // of one tier differ as well.
        let gone = (digest / 3) % (month / 2).max(1);
        Allowance {
            limit,
            remaining: limit.saturating_sub(self.used),
            reset: (self.window + 1) * WINDOW,
            tier,
            monthly_remaining: month.saturating_sub(gone).saturating_sub(self.used_ever),
        }
    }
}

/// The token of a request: `Authorization: Bearer TOKEN`, else `X-API-Key: TOKEN`;
/// none where neither has one that is not empty.
pub fn token(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    let key = || headers.get("x-api-key").map(|value| value.as_bytes().trim_ascii());
    bearer.or_else(key).filter(|token| !token.is_empty())
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.trim_ascii().split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_left_counts_down_for_each_user_alone() {
        let users = Users::default();
        let first = users.charge(b"alice", at(7_200));
        let other = users.charge(b"bob", at(7_200));
        let second = users.charge(b"alice", at(7_201));
        assert_eq!(second.remaining, first.remaining - 1);
        assert_eq!(second.monthly_remaining, first.monthly_remaining - 1);
        assert_eq!(other.remaining, other.limit - 1);
        assert_ne!(other.monthly_remaining, first.monthly_remaining);
        assert_eq!((first.reset, second.reset), (10_800, 10_800));
    }

    #[test]
    fn a_new_hour_begins_anew_and_the_month_does_not() {
        let users = Users::default();
        let before = users.charge(b"alice", at(10));
        let after = users.charge(b"alice", at(3_700));
        assert_eq!(after.remaining, before.remaining);
        assert_eq!(after.monthly_remaining, before.monthly_remaining - 1);
    }

    #[test]
    fn many_tokens_do_not_fill_the_memory() {
        let users = Users::default();
        for number in 0..MAX_USERS + 5 {
            users.charge(number.to_string().as_bytes(), at(0));
        }
        assert!(users.0.lock().unwrap().len() <= MAX_USERS);
    }

    #[test]
    fn a_token_is_a_bearer_or_a_key_and_not_empty() {
        let table: [(&str, &str, Option<&[u8]>); 8] = [
            ("authorization", "Bearer t-1", Some(b"t-1")),
            ("authorization", "bEARER   t-1", Some(b"t-1")),
            ("authorization", "Bearer ", None),
            ("authorization", "Bearer", None),
            ("authorization", "Basic dDox", None),
            ("authorization", "", None),
            ("x-api-key", "k-1", Some(b"k-1")),
            ("x-api-key", "", None),
        ];
        for (name, value, expected) in table {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            assert_eq!(token(&headers), expected, "{name}: {value}");
        }
        assert_eq!(token(&HeaderMap::new()), None);
    }

    #[test]
    fn a_token_need_not_be_text() {
        let value = HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        assert_eq!(token(&headers), Some(&b"\xff\xfe"[..]));
    }
}
