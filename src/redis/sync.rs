//! `sync.lua`: the log read on, or all bans where it does not reach back.

use super::{Call, bans, duration, field, log, number, opening, script};
use crate::config::Redis;
use crate::follower::News;
use crate::notice::{Notice, Op};
use crate::position::Position;
use crate::reason::L2Failure;
use crate::token::Token;
use std::time::Duration;

/// How many events are asked for at most: for more, all bans are the shorter answer.
const MOST_EVENTS: usize = 1000;

/// How many bans are looked at, somewhat more than `publish.lua` leaves: others may write the hash, too.
const MOST_BANS: usize = 16_384;

/// The epoch of nobody: what Redis calls its predecessor when it has none.
const NO_EPOCH: &str = "0000000000000000000000000000000000000000";

/// Asks what came after `known`; `token` tells this call from all others.
pub fn sync(redis: &Redis, known: Option<&Position>, token: Token) -> Call {
    let known = known.map_or_else(|| "-".to_owned(), ToString::to_string);
    Call {
        script: &script::SYNC,
        whole: false,
        keys: vec![log(redis), bans(redis)],
        arguments: vec![known, MOST_EVENTS.to_string(), token.to_string()],
        body: None,
    }
}

/// Reads the answer to the [`sync`] with this token. A notice that makes no sense is one of all; so is a ban, at the
/// newest position.
///
/// # Errors
/// As [`super::read_lookup`]. An answer to another call is as good as none: it may be older than this one. webdis before
/// 0.1.20 hands the reply to a call that timed out to the next caller on that socket.
pub fn read_sync(reply: &[u8], token: Token) -> Result<News, L2Failure> {
    let (letter, at, rest) = opening(reply)?;
    let (answered, rest) = field(rest).ok_or(L2Failure::Corrupt)?;
    if Token::parse(answered) != Some(token) {
        return Err(L2Failure::Corrupt);
    }
    let news = match letter {
        b'E' => next(at, rest),
        b'W' => whole(at, rest),
        _ => None,
    };
    news.ok_or(L2Failure::Corrupt)
}

fn next(to: Position, mut rest: &[u8]) -> Option<News> {
    let mut notices = Vec::new();
    while !rest.is_empty() {
        let [op, scope, value];
        (op, rest) = netstring(rest)?;
        (scope, rest) = netstring(rest)?;
        (value, rest) = netstring(rest)?;
        (notices.len() < MOST_EVENTS).then(|| notices.push(Notice::read(op, scope, value)))?;
    }
    Some(News::Next { to, notices })
}

fn whole(at: Position, rest: &[u8]) -> Option<News> {
    let (before, rest) = field(rest)?;
    let (now, mut rest) = duration(rest)?;
    let (hex, some) = (before.bytes().all(|byte| byte.is_ascii_hexdigit()), before != NO_EPOCH);
    let continues = (hex && before.len() == NO_EPOCH.len()).then(|| some.then(|| before.to_owned()))?;
    let (mut bans, mut born) = (Vec::new(), 0);
    while !rest.is_empty() {
        let [name, value];
        (name, rest) = netstring(rest)?;
        (value, rest) = netstring(rest)?;
        if name == b"born" {
            // What cannot be read was just now.
            born = std::str::from_utf8(value).ok().and_then(number).unwrap_or(at.n);
        } else if bans.len() < MOST_BANS {
            bans.push(ban(name, value, now).unwrap_or_else(|| all(&at)));
        }
    }
    if bans.len() == MOST_BANS {
        bans.push(all(&at));
    }
    Some(News::Whole { at, born, continues, bans })
}

/// What stands for a ban that cannot be read: all that was fetched so far.
fn all(at: &Position) -> (Notice, Position, Duration) {
    (Notice::EVERYTHING, at.clone(), Duration::ZERO)
}

/// A ban as `publish.lua` writes it: its field, and its place and time.
fn ban(name: &[u8], value: &[u8], now: Duration) -> Option<(Notice, Position, Duration)> {
    let (letter, name) = name.split_first_chunk::<2>()?;
    let op = match letter {
        b"i:" => Op::Invalidate,
        b"r:" => Op::Refresh,
        _ => return None,
    };
    let (scope, what) = name.split_at_checked(name.iter().position(|byte| *byte == b':')?)?;
    let (at, since) = std::str::from_utf8(value).ok()?.rsplit_once(':')?;
    let since = number(since).map_or(now, Duration::from_millis);
    let notice = Notice::read(op.as_str().as_bytes(), scope, what.get(1..)?);
    Some((notice, Position::parse(at)?, now.saturating_sub(since)))
}

/// A netstring, and what follows it. As long as it likes within the reply: what is too long for a notice, that decides.
fn netstring(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    const MOST_DIGITS: usize = 10;
    let end = bytes.iter().take(MOST_DIGITS + 1).position(|byte| *byte == b':')?;
    let (length, rest) = bytes.split_at_checked(end)?;
    let length = usize::try_from(number(std::str::from_utf8(length).ok()?)?).ok()?;
    let (text, rest) = rest.get(1..)?.split_at_checked(length)?;
    Some((text, rest.strip_prefix(b",")?))
}

#[cfg(test)]
mod tests;
