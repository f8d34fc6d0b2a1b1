//! `fill.lua`: one variant stored.

use super::{Call, Lease, Place, either, millis, names, script, variant};
use crate::position::Position;
use crate::reason::L2Failure;
use std::time::Duration;

/// Stores one variant for `life` and gives the lease back; `position` is that of the lookup before its fetch.
pub fn fill(
    place: &Place,
    selecting: &[(String, Option<String>)],
    life: Duration,
    position: &Position,
    lease: &Lease,
    entry: Vec<u8>,
) -> Call {
    let (life, position, token) = (millis(life), position.to_string(), lease.token.to_string());
    Call {
        script: &script::FILL,
        whole: false,
        keys: vec![place.hash.clone(), lease.key.clone(), place.log.clone()],
        arguments: vec![names(selecting), variant(selecting), life, position, token],
        body: Some(entry),
    }
}

/// Reads the answer to a fill: whether it was stored, or fenced off: the lease lost, the log begun anew, another master.
///
/// # Errors
/// As [`super::read_lookup`].
pub fn read_fill(reply: &[u8]) -> Result<bool, L2Failure> {
    either(reply, b'S')
}
