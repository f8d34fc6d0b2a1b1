//! The part of a JSON request body that an answer depends on.
//!
//! Every member must be listed by the rule. What is included is written in canonical form (RFC 8785: members sorted,
//! strings in their shortest form, no white space), but for numbers, which keep their source text: `1`, `1.0` and
//! 2⁵³ + 1 stay three different keys, whatever the origin's reader makes of them. That is stricter than RFC 8785 and
//! costs a hit at most. The key also tells `{}` from `{"a":{}}` where only `/a/b` is listed.

use crate::config::{Pointer, Projection};
use crate::echo::Echo;
use crate::reason::Forward;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep a body may nest. Each level is read again by its parent, so depth is work.
const MAX_DEPTH: usize = 16;

/// What a body says to a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Projected {
    /// The included members, in canonical form, each after its pointer.
    pub canonical: String,
    /// The values to be put back into the answer, in the order of the rule's `echo` list.
    pub echoes: Vec<Echo>,
}

#[derive(Clone, Copy)]
enum Use {
    Include(usize),
    Echo(usize),
    Ignore,
}

type Listed<'a> = Vec<(&'a [String], Use)>;

/// Reads `body` as `projection` says.
///
/// # Errors
/// The reason why the body cannot be keyed: the request then passes.
pub fn project(body: &[u8], projection: &Projection) -> Result<Projected, Forward> {
    let raw: &RawValue = serde_json::from_slice(body).map_err(|_| Forward::BodyNotJson)?;
    let mut found = Found {
        entered: String::new(),
        included: vec![None; projection.include.len()],
        echoes: vec![Echo::Absent; projection.echo.len()],
    };
    found.walk(raw, 0, &listed(projection))?;
    Ok(found.projected(&projection.include))
}

fn listed(projection: &Projection) -> Listed<'_> {
    let include = projection.include.iter().enumerate().map(|(at, pointer)| (pointer.tokens(), Use::Include(at)));
    let echo = projection.echo.iter().enumerate().map(|(at, pointer)| (pointer.tokens(), Use::Echo(at)));
    let ignore = projection.ignore.iter().map(|pointer| (pointer.tokens(), Use::Ignore));
    include.chain(echo).chain(ignore).collect()
}

struct Found {
    /// The objects that were looked into, in order: one that is there and empty is not one that is absent.
    entered: String,
    included: Vec<Option<String>>,
    echoes: Vec<Echo>,
}

impl Found {
    fn walk(&mut self, raw: &RawValue, depth: usize, listed: &Listed<'_>) -> Result<(), Forward> {
        for (name, value) in members(raw)? {
            let below: Listed<'_> =
                listed.iter().filter(|(tokens, _)| tokens.get(depth) == Some(&name)).copied().collect();
            let exact = below.iter().find(|(tokens, _)| tokens.len() == depth + 1);
            match exact {
                Some((_, action)) => self.take(*action, value)?,
                None if below.is_empty() => return Err(Forward::BodyUnlisted),
                None => {
                    push_string(&name, &mut self.entered)?;
                    self.entered.push('{');
                    self.walk(value, depth + 1, &below)?;
                    self.entered.push('}');
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, action: Use, value: &RawValue) -> Result<(), Forward> {
        match action {
            Use::Ignore => {}
            Use::Echo(at) => {
                let echo = Echo::read(value.get()).ok_or(Forward::BodyEcho)?;
                put(&mut self.echoes, at, echo);
            }
            Use::Include(at) => {
                let mut text = String::with_capacity(value.get().len());
                canonical(value, 0, &mut text)?;
                put(&mut self.included, at, Some(text));
            }
        }
        Ok(())
    }

    fn projected(self, include: &[Pointer]) -> Projected {
        let mut canonical = self.entered;
        canonical.push('\n');
        for (pointer, value) in include.iter().zip(self.included) {
            canonical.push_str(&pointer.to_string());
            // JSON in canonical form holds no line break, so neither can imitate the other.
            if let Some(value) = value {
                canonical.push('\n');
                canonical.push_str(&value);
            }
            canonical.push_str("\n\n");
        }
        Projected { canonical, echoes: self.echoes }
    }
}

fn put<T>(slots: &mut [T], at: usize, value: T) {
    if let Some(slot) = slots.get_mut(at) {
        *slot = value;
    }
}

fn canonical(raw: &RawValue, depth: usize, text: &mut String) -> Result<(), Forward> {
    if depth > MAX_DEPTH {
        return Err(Forward::BodyNotJson);
    }
    match raw.get().bytes().next() {
        Some(b'{') => canonical_members(raw, depth, text),
        Some(b'[') => canonical_elements(raw, depth, text),
        Some(b'"') => push_string(&string(raw.get())?, text),
        _ => {
            text.push_str(raw.get());
            Ok(())
        }
    }
}

fn canonical_members(raw: &RawValue, depth: usize, text: &mut String) -> Result<(), Forward> {
    let mut separator = '{';
    let members = members(raw)?;
    if members.is_empty() {
        text.push(separator);
    }
    for (name, value) in members {
        text.push(separator);
        separator = ',';
        push_string(&name, text)?;
        text.push(':');
        canonical(value, depth + 1, text)?;
    }
    text.push('}');
    Ok(())
}

fn canonical_elements(raw: &RawValue, depth: usize, text: &mut String) -> Result<(), Forward> {
    let elements: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| Forward::BodyNotJson)?;
    text.push('[');
    for (index, element) in elements.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        canonical(element, depth + 1, text)?;
    }
    text.push(']');
    Ok(())
}

fn string(json: &str) -> Result<String, Forward> {
    serde_json::from_str(json).map_err(|_| Forward::BodyNotJson)
}

fn push_string(value: &str, text: &mut String) -> Result<(), Forward> {
    text.push_str(&serde_json::to_string(value).map_err(|_| Forward::BodyNotJson)?);
    Ok(())
}

/// The members of a JSON text that is an object, sorted by name, each with its own text.
///
/// # Errors
/// [`Forward::BodyNotJson`] for anything but an object, [`Forward::BodyDuplicate`] for a name that comes twice. Names
/// that differ in case alone count as one: some readers take them for one, and then their order matters.
pub fn members(raw: &RawValue) -> Result<Vec<(String, &RawValue)>, Forward> {
    let Members(mut members) = serde_json::from_str(raw.get()).map_err(|_| Forward::BodyNotJson)?;
    members.sort_by(|(left, _), (right, _)| left.cmp(right));
    let mut names: Vec<String> = members.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort_unstable();
    let twice = names.iter().zip(names.iter().skip(1)).any(|(left, right)| left == right);
    if twice { Err(Forward::BodyDuplicate) } else { Ok(members) }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
pub(crate) mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
