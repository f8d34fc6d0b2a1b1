//! Tags: the names under which an origin groups its answers, so that many can be invalidated at once.

use super::{Headers, trim};
use sfv::visitor::{EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, Parser};
use std::fmt;

/// The names of headers that the origin addresses to this cache: they never leave it.
///
/// RFC 9213 §3.1 lets a CDN cache remove `CDN-Cache-Control`. `Cache-Groups` is not among them: it is for every cache.
pub const FOR_US: [&str; 3] = ["cdn-cache-control", "surrogate-key", "cache-tag"];

/// The most tags that one answer has.
const MOST: usize = 128;

/// The longest tag, in bytes.
const LONGEST: usize = 256;

/// The tags of an answer in their order, each once: of `Surrogate-Key` (separated by spaces), of `Cache-Tag` (separated by
/// commas) and of `Cache-Groups` (RFC 9875), the latter bound to `host`. They are told apart by case.
///
/// Empty ones and those that are not UTF-8 are left out. `None` where there are more than 128, or one of more than 256
/// bytes: an answer that some of its tags do not invalidate must not be stored.
pub fn of(headers: &Headers, host: &str) -> Option<Vec<String>> {
    let keys = headers.all("surrogate-key").flat_map(|line| line.split(|byte| b" \t".contains(byte)));
    let tags = headers.all("cache-tag").flat_map(|line| line.split(|byte| *byte == b','));
    let text = |tag| std::str::from_utf8(trim(tag)).ok().map(str::to_owned);
    let groups = groups(headers, "cache-groups").into_iter().map(|name| group(host, &name));
    let mut kept = Vec::new();
    for tag in keys.chain(tags).filter_map(text).filter(|tag| !tag.is_empty()).chain(groups) {
        (tag.len() <= LONGEST).then_some(())?;
        if !kept.contains(&tag) {
            (kept.len() < MOST).then_some(())?;
            kept.push(tag);
        }
    }
    Some(kept)
}

/// The groups that a successful unsafe request invalidates, as tags (RFC 9875 §3: `Cache-Group-Invalidation`).
pub fn invalidated(headers: &Headers, host: &str) -> Vec<String> {
    groups(headers, "cache-group-invalidation").iter().map(|name| group(host, name)).collect()
}

/// A group as a tag. RFC 9875 §2.1: groups are those of one origin; the host stands for it here, with either scheme, as
/// with URIs. No tag of another header looks like it: those have no space after a host.
fn group(host: &str, name: &str) -> String {
    format!("group:{host} {name}")
}

/// RFC 9875 §2: "The Cache-Groups HTTP response header field is a List of Strings". One that is not is ignored whole, as
/// RFC 9651 §4.2 has it for what does not parse.
fn groups(headers: &Headers, field: &str) -> Vec<String> {
    let line = headers.combined(field).unwrap_or_default();
    Parser::new(&line).parse_list_with_visitor(Strings::default()).unwrap_or_default()
}

/// A list of strings while it is read.
#[derive(Default)]
struct Strings(Vec<String>);

/// A member that is no string.
#[derive(Debug)]
struct NoString;

impl fmt::Display for NoString {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("no string")
    }
}

impl std::error::Error for NoString {}

impl<'de> ListVisitor<'de> for Strings {
    type Out = Vec<String>;
    type Error = NoString;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, NoString> {
        Ok(Member(self))
    }

    fn finish(self) -> Result<Vec<String>, NoString> {
        Ok(self.0)
    }
}

/// One of its members.
struct Member<'a>(&'a mut Strings);

impl<'de> EntryVisitor<'de> for Member<'_> {
    type Error = NoString;

    fn item(self) -> Result<impl ItemVisitor<'de>, NoString> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, NoString> {
        Err::<Ignored, _>(NoString)
    }
}

impl<'de> ItemVisitor<'de> for Member<'_> {
    type Out = ();
    type Error = NoString;

    /// RFC 9875 §2: unknown parameters are ignored.
    fn bare_item(self, item: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>, NoString> {
        let BareItemFromInput::String(text) = item else { return Err(NoString) };
        self.0.0.push(text.as_str().to_owned());
        Ok(Ignored)
    }
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
