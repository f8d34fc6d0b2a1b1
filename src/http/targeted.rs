//! RFC 9213, Targeted HTTP Cache Control: what `CDN-Cache-Control` says, which is for this cache alone.
//!
//! §2.1: "Targeted fields are Dictionary Structured Fields". Unlike `Cache-Control` one is read whole or not at all.

use super::Headers;
use super::directive::{Argument, Name};
use super::directives::{MAX_DELTA_SECONDS, Reading};
use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};
use std::convert::Infallible;

/// The one field of the target list (§2.2).
const FIELD: &str = "cdn-cache-control";

/// Its directives; nothing where it does not count.
///
/// §2.1: "If a targeted field in a given response is empty, or a parsing error is encountered, that field MUST be ignored
/// by the cache (i.e., it behaves as if the field were not present, likely falling back to other cache-control mechanisms
/// present)."
pub(super) fn read(headers: &Headers) -> Option<Reading> {
    let line = headers.combined(FIELD)?;
    let members = Parser::new(&line).parse_dictionary_with_visitor(Members::default()).ok()?;
    let mut reading = Reading::default();
    for (name, value) in &members.known {
        value.say(*name, &mut reading);
    }
    reading.directives.targeted = true;
    members.any.then_some(reading)
}

/// The value of a directive, where its type can mean something.
enum Value {
    True,
    False,
    Seconds(u32),
    Text(Vec<u8>),
    Other,
}

impl Value {
    /// §2.1: "For example, the max-age directive [..] has an integer value; no-store [..] always has a Boolean true
    /// value, and no-cache [..] has a value that can be either Boolean true or a string containing a comma-delimited
    /// list of field names." and "Implementations SHOULD NOT consume values that violate these inferred constraints."
    ///
    /// Such a value is one that cannot be read: a lifetime is 0 then, what forbids still does, and what permits does not.
    fn say(&self, name: Name, reading: &mut Reading) {
        let none = Argument::default();
        let argument = match self {
            Self::True => Argument::BARE,
            Self::False if !name.takes_seconds() => return,
            Self::Seconds(seconds) => Argument { seconds: Some(*seconds), ..none },
            Self::Text(text) if name.takes_fields() => Argument { text: Some(text), ..none },
            Self::False | Self::Text(_) | Self::Other => none,
        };
        reading.add(name, &argument);
    }

    fn of(item: BareItemFromInput<'_>) -> Self {
        match item {
            BareItemFromInput::Boolean(true) => Self::True,
            BareItemFromInput::Boolean(false) => Self::False,
            BareItemFromInput::Integer(number) => Self::Seconds(delta(i64::from(number))),
            BareItemFromInput::String(text) => Self::Text(text.as_str().as_bytes().to_vec()),
            BareItemFromInput::Token(text) => Self::Text(text.as_str().as_bytes().to_vec()),
            _ => Self::Other,
        }
    }
}

/// A number of seconds: none is negative, and none is greater than 2³¹.
fn delta(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX).min(MAX_DELTA_SECONDS)
}

/// The members of the dictionary while it is read.
#[derive(Default)]
struct Members {
    /// Whether there is one at all.
    any: bool,
    /// Those that mean something here, each name once.
    known: Vec<(Name, Value)>,
}

impl<'de> DictionaryVisitor<'de> for Members {
    type Out = Self;
    type Error = Infallible;

    /// RFC 9651 §3.2: "When duplicate Dictionary keys are encountered, all but the last instance are ignored."
    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        self.any = true;
        let name = Name::of(key.as_str().as_bytes());
        self.known.retain(|(known, _)| Some(*known) != name);
        Ok(name.map(|name| Member { name, known: &mut self.known }))
    }

    fn finish(self) -> Result<Self, Infallible> {
        Ok(self)
    }
}

/// A member whose name means something.
struct Member<'a> {
    name: Name,
    known: &'a mut Vec<(Name, Value)>,
}

impl<'de> EntryVisitor<'de> for Member<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        self.known.push((self.name, Value::Other));
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for Member<'_> {
    type Out = ();
    type Error = Infallible;

    /// §2.1: "Parameters received on cache directives are to be ignored, unless other handling is explicitly specified."
    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = Self::Out>, Infallible> {
        self.known.push((self.name, Value::of(item)));
        Ok(Ignored)
    }
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
