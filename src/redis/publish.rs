//! `publish.lua`: notices appended to the log.

use super::{Call, bans, bulk, log, millis, script};
use crate::config::Redis;
use crate::notice::Notice;
use crate::position::Position;
use crate::reason::L2Failure;
use std::time::Duration;

/// Longer than any entry lives, whatever a pod's configuration says of it: bans serve them all.
pub const LONGEST: Duration = Duration::from_secs(8 * 86_400);

/// Publishes notices. `longest` is how long any entry lives at most. Sent whole: where the answer that Redis does not
/// know the script is lost, the notices would be lost with it.
pub fn publish(redis: &Redis, notices: &[Notice], longest: Duration) -> Call {
    let mut arguments = vec![millis(longest)];
    arguments.extend(notices.iter().flat_map(words));
    Call { script: &script::PUBLISH, whole: true, keys: vec![log(redis), bans(redis)], arguments, body: None }
}

/// A notice as three arguments. An empty value would be lost in a URL: it is one of all, where it means nothing.
fn words(notice: &Notice) -> [String; 3] {
    let value = notice.scope.value();
    let (scope, value) = if value.is_empty() { ("all", "-") } else { (notice.scope.as_str(), value) };
    [notice.op.as_str().to_owned(), scope.to_owned(), value.to_owned()]
}

/// How many notices are published.
pub fn published(call: &Call) -> usize {
    call.arguments.len().saturating_sub(1) / 3
}

/// The URIs that notices are about, by their digests.
pub fn published_uris(call: &Call) -> Vec<u128> {
    let (notices, _) = call.arguments.get(1..).unwrap_or_default().as_chunks::<3>();
    let uris = notices.iter().filter(|[_, scope, _]| scope == "uri");
    uris.filter_map(|[.., value]| u128::from_str_radix(value, 16).ok()).collect()
}

/// Reads the answer to [`publish`]: the place of the last notice in the log, and of all their bans.
///
/// # Errors
/// As [`super::read_lookup`].
pub fn read_publish(reply: &[u8]) -> Result<Position, L2Failure> {
    const MOST: usize = 64;
    let rest = bulk(reply)?.strip_prefix(b"P").filter(|rest| rest.len() <= MOST);
    let text = rest.and_then(|rest| std::str::from_utf8(rest).ok());
    text.and_then(Position::parse).ok_or(L2Failure::Corrupt)
}

#[cfg(test)]
mod tests;
