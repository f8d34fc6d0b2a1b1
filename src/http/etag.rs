//! Entity tags (RFC 9110 §8.8.3), how two of them compare, and lists of them as conditions name them.

use super::Headers;

/// An entity tag: what the origin calls one form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    /// Whether it only promises an equivalent answer (`W/`), not the same bytes.
    pub weak: bool,
    /// What stands between the quotes.
    pub opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads `"x"` or `W/"x"`. Nothing when it is anything else: no quotes, `w/`, a control byte or a quote inside.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = super::trim(value);
        let (weak, quoted) = match value.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, value),
        };
        let opaque = quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        // etagc = %x21 / %x23-7E / obs-text
        let readable = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..);
        opaque.iter().all(readable).then_some(Self { weak, opaque })
    }

    /// RFC 9110 §8.8.3.2: "two entity tags are equivalent if both are not weak and their opaque-tags match
    /// character-by-character."
    pub fn strongly_equals(self, other: Self) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// RFC 9110 §8.8.3.2: "two entity tags are equivalent if their opaque-tags match character-by-character,
    /// regardless of either or both being tagged as 'weak'."
    pub fn weakly_equals(self, other: Self) -> bool {
        self.opaque == other.opaque
    }
}

/// What `If-Match` or `If-None-Match` names (RFC 9110 §13.1.1, §13.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityTags<'a> {
    /// `*`: whatever there is.
    Any,
    /// These, in order. What is no entity tag is left out, so that it equals none.
    List(Vec<EntityTag<'a>>),
}

impl<'a> EntityTags<'a> {
    /// Reads all lines of the field; nothing when it is absent.
    ///
    /// RFC 9110 §13.1.2: "a list value containing '*' and other values (including other instances of '*') is
    /// syntactically invalid". Such a `*` names nothing.
    pub fn read(headers: &'a Headers, name: &'a str) -> Option<Self> {
        if !headers.contains(name) {
            return None;
        }
        let all = || headers.all(name).flat_map(members);
        let mut first = all();
        match (first.next(), first.next()) {
            (Some(b"*"), None) => Some(Self::Any),
            _ => Some(Self::List(all().filter_map(EntityTag::parse).collect())),
        }
    }
}

/// The members of one line, trimmed; empty ones are skipped. Unlike in a quoted string, a backslash between the quotes of
/// a tag is a byte like any other, so `"a\"` is a whole one.
fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (member, after) = rest.split_at_checked(member_end(rest))?;
        rest = after.get(1..).unwrap_or_default();
        Some(super::trim(member))
    })
    .filter(|member| !member.is_empty())
}

/// Where the first comma outside quotes stands, or the length. Behind a quote that is never closed no tag can follow.
fn member_end(line: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        match byte {
            b',' => return at,
            b'"' => match quoted_length(line.get(at..).unwrap_or_default()) {
                Some(length) => at += length,
                None => return line.len(),
            },
            _ => at += 1,
        }
    }
    at
}

/// The length of what stands in quotes at the start of `text`, both counted; nothing when they are not closed.
fn quoted_length(text: &[u8]) -> Option<usize> {
    text.iter().skip(1).position(|byte| *byte == b'"').map(|inside| inside + 2)
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
