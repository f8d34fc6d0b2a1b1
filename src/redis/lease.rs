//! `lease.lua`: what happens to a lease between [`super::lookup()`] and [`super::fill()`].

use super::{Call, Place, either, millis, script, variant_digest};
use crate::key::push_hex;
use crate::reason::L2Failure;
use crate::token::Token;
use std::time::Duration;

/// The right to fetch one variant for the whole fleet, until it is given back or runs out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its key in Redis.
    pub key: String,
    /// Who holds it.
    pub token: Token,
}

/// The key of the lease of one variant.
pub fn lease_key(place: &Place, selecting: &[(String, Option<String>)]) -> String {
    let mut key = format!("{}:l:", place.hash);
    push_hex(&mut key, variant_digest(selecting), 32);
    key
}

/// Keeps a lease for `time` from now on, if it is still ours.
pub fn renew(lease: &Lease, time: Duration) -> Call {
    call(lease, "renew", Some(time))
}

/// Gives a lease back, if it is still ours.
pub fn release(lease: &Lease) -> Call {
    call(lease, "release", None)
}

/// Says for `time` that what comes is not for a cache, unless the lease is with another. Whoever fills does so then.
pub fn mark(lease: &Lease, time: Duration) -> Call {
    call(lease, "mark", Some(time))
}

fn call(lease: &Lease, what: &str, time: Option<Duration>) -> Call {
    let mut arguments = vec![what.to_owned(), lease.token.to_string()];
    arguments.extend(time.map(millis));
    Call { script: &script::LEASE, whole: false, keys: vec![lease.key.clone()], arguments, body: None }
}

/// Reads the answer to [`renew`], [`release`] or [`mark`]: whether it was done; if not, the lease is not ours.
///
/// # Errors
/// As [`super::read_lookup`].
pub fn read_lease(reply: &[u8]) -> Result<bool, L2Failure> {
    either(reply, b'K')
}
