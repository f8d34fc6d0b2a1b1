//! `lookup.lua`: what is in L2, and else who fetches it.

use super::{Call, Place, duration, field, lease_key, millis, names, opening, script, variant};
use crate::position::Position;
use crate::reason::L2Failure;
use crate::token::Token;
use std::time::Duration;

/// What a lookup asks for besides the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Who takes the lease where there is no entry; nobody: only look.
    pub token: Option<Token>,
    /// How long that lease lasts.
    pub lease: Duration,
    /// The fill that is not wanted again: the entry that is to be replaced.
    pub refused: Option<Token>,
}

/// What a lookup found. Each names the newest position of the log; whether an entry is banned the reader finds out.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// An entry.
    Hit {
        /// The newest position.
        at: Position,
        /// How long ago Redis took it in, by its own clock.
        since: Duration,
        /// Which fill it is of; none where the field is not of our form.
        fill: Option<Token>,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// Nothing, and the lease is ours.
    Led {
        /// The newest position.
        at: Position,
        /// Whether there are variants for other values of the headers named in `Vary`.
        other: bool,
    },
    /// Nothing, and somebody else fetches it.
    Filling {
        /// The newest position.
        at: Position,
        /// What is left of the lease unless it is renewed.
        left: Duration,
        /// As with [`Lookup::Led`].
        other: bool,
    },
    /// Nothing, and its answers were not for a cache lately.
    Uncacheable {
        /// The newest position.
        at: Position,
    },
    /// The variants are told apart by other headers than assumed.
    OtherVary(Position, Vec<String>),
    /// Nothing, for one who only looks.
    Miss {
        /// The newest position.
        at: Position,
        /// As with [`Lookup::Led`].
        other: bool,
    },
}

/// Asks for one variant.
pub fn lookup(place: &Place, selecting: &[(String, Option<String>)], want: &Want) -> Call {
    let id = |token: Option<Token>| token.map_or_else(|| "-".to_owned(), |token| token.to_string());
    let (token, refused) = (id(want.token), id(want.refused));
    Call {
        script: &script::LOOKUP,
        whole: false,
        keys: vec![place.hash.clone(), lease_key(place, selecting), place.log.clone()],
        arguments: vec![names(selecting), variant(selecting), token, millis(want.lease), refused],
        body: None,
    }
}

/// Reads the answer to a lookup.
///
/// # Errors
/// Redis' own error, or [`L2Failure::Corrupt`] for anything the script does not say.
pub fn read_lookup(reply: &[u8]) -> Result<Lookup<'_>, L2Failure> {
    let (letter, at, rest) = opening(reply)?;
    let found = match letter {
        b'H' => hit(at, rest),
        b'V' => other_vary(at, rest),
        b'L' => other(rest).map(|other| Lookup::Led { at, other }),
        b'W' => filling(at, rest),
        b'U' => rest.is_empty().then_some(Lookup::Uncacheable { at }),
        b'M' => other(rest).map(|other| Lookup::Miss { at, other }),
        _ => None,
    };
    found.ok_or(L2Failure::Corrupt)
}

fn hit(at: Position, rest: &[u8]) -> Option<Lookup<'_>> {
    let (since, rest) = duration(rest)?;
    let (fill, bytes) = field(rest)?;
    let fill = if fill == "-" { None } else { Some(Token::parse(fill)?) };
    Some(Lookup::Hit { at, since, fill, bytes })
}

fn filling(at: Position, rest: &[u8]) -> Option<Lookup<'_>> {
    let (left, rest) = duration(rest)?;
    Some(Lookup::Filling { at, left, other: other(rest)? })
}

fn other(rest: &[u8]) -> Option<bool> {
    match rest {
        b"" => Some(false),
        b"o" => Some(true),
        _ => None,
    }
}

fn other_vary(at: Position, rest: &[u8]) -> Option<Lookup<'_>> {
    const MOST: usize = 4096;
    let text = std::str::from_utf8(rest).ok().filter(|text| text.len() <= MOST)?;
    let names = text.strip_prefix("v:")?.split(',').filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    // Sorted and in lower case, or it is none of ours and asking again would find nothing either.
    let ours = names.is_sorted() && names.iter().all(|name| !name.bytes().any(|byte| byte.is_ascii_uppercase()));
    ours.then_some(Lookup::OtherVary(at, names))
}

#[cfg(test)]
mod tests;
