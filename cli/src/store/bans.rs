//! The bans in Redis, read and judged by the filter's own code.

use fingerprint_cache::bans::{About, Admission, Bans};
use fingerprint_cache::follower::News;
use fingerprint_cache::position::Position;
use fingerprint_cache::redis::{read_sync, script};
use fingerprint_cache::time::Instant;
use fingerprint_cache::token::Token;

use crate::redis::Redis;

/// What a filter that has just read the log would know.
pub struct Known {
    bans: Bans,
    /// Where the log stands.
    pub position: Position,
    /// How many bans there are.
    pub count: usize,
}

impl Known {
    /// Whether an entry fetched at a position may be used.
    pub fn admits(&self, about: &About<'_>, position: &Position) -> Admission {
        self.bans.admits(about, position, &self.position.epoch)
    }
}

/// Whose call it is matters where replies can be mixed up: not on a connection of our own.
const CALL: Token = Token(0);

/// Reads all bans, as a filter does when it starts.
///
/// # Errors
/// As [`Redis::ask`]; and a sentence when the answer makes no sense.
pub fn known(redis: &mut Redis) -> Result<Known, String> {
    let mut sync = redis::cmd("EVAL");
    sync.arg(script::SYNC.text).arg(2).arg(redis.log()).arg(redis.bans()).arg("-").arg(1).arg(CALL.to_string());
    let payload: Vec<u8> = redis.ask(&sync)?;
    let reply = [format!("${}\r\n", payload.len()).as_bytes(), &payload, b"\r\n"].concat();
    match read_sync(&reply, CALL) {
        Ok(News::Whole { at, bans, .. }) => Ok(gather(at, bans)),
        _ => Err(format!(
            "The bans in Redis at {} cannot be read. See what has written {}.",
            redis.address,
            redis.bans()
        )),
    }
}

fn gather(position: Position, read: Vec<(fingerprint_cache::notice::Notice, Position, std::time::Duration)>) -> Known {
    let (mut bans, count) = (Bans::default(), read.len());
    bans.enter(&position.epoch);
    read.iter().for_each(|(notice, at, _)| bans.add(notice, at, Instant(0)));
    Known { bans, position, count }
}
