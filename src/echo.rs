//! A value of the request that the answer repeats: cut out of what is stored, put back for each caller.

mod trace;

use crate::config::Pointer;
use crate::projection::members;
use crate::reason::NotStored;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the request says where the rule echoes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Echo {
    /// No such member.
    Absent,
    /// A value without a caller's mark: `null`, `true`, `false` or `""`. Its text is part of the key.
    Fixed(&'static str),
    /// A number, in its source text.
    Number(String),
    /// A string that is not empty, decoded.
    Text(String),
}

impl Echo {
    /// Reads a JSON text; `None` when it is an array or an object.
    pub fn read(json: &str) -> Option<Self> {
        match json.bytes().next()? {
            b'{' | b'[' => None,
            b'"' => serde_json::from_str(json).ok().map(|text: String| match text.is_empty() {
                true => Self::Fixed("\"\""),
                false => Self::Text(text),
            }),
            b'n' => Some(Self::Fixed("null")),
            b't' => Some(Self::Fixed("true")),
            b'f' => Some(Self::Fixed("false")),
            _ => Some(Self::Number(json.to_owned())),
        }
    }

    /// What the key says of it: presence and type, and the value where it is no caller's own.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Fixed(text) => text,
            Self::Number(_) => "number",
            Self::Text(_) => "string",
        }
    }

    fn json(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Fixed(text) => Some((*text).to_owned()),
            Self::Number(text) => Some(text.clone()),
            Self::Text(text) => serde_json::to_string(text).ok(),
        }
    }

    /// What to look for elsewhere in the answer, in lower case.
    fn trace(&self) -> Option<String> {
        match self {
            Self::Absent | Self::Fixed(_) => None,
            Self::Number(text) | Self::Text(text) => Some(trace::lowered(text)),
        }
    }
}

/// A place in a stored body where a caller's own value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Byte offset in the stored body.
    pub at: usize,
    /// Which of the rule's echo pointers.
    pub echo: usize,
}

/// A body without the caller's values.
#[derive(Debug, PartialEq, Eq)]
pub struct Template {
    /// What is left of the body.
    pub body: Vec<u8>,
    /// Where the values were, in the order of their place.
    pub cuts: Vec<Cut>,
}

/// Cuts the caller's values out of an answer.
///
/// The value must stand at the same pointer in the answer, be the caller's own, and leave no trace elsewhere: neither
/// in the rest of the body nor in a header, in any letter case, escaped as JSON or URLs escape. Without a value in the
/// request there must be none in the answer (an origin that makes one up gives each caller another). Two equal values
/// could stand in each other's place.
///
/// # Errors
/// [`NotStored::EchoAmbiguous`] or [`NotStored::EchoInHeader`].
pub fn cut(
    body: Vec<u8>,
    headers: &[(String, String)],
    pointers: &[Pointer],
    echoes: &[Echo],
) -> Result<Template, NotStored> {
    let mut found: Vec<(std::ops::Range<usize>, usize)> = Vec::new();
    let mut traces: Vec<String> = Vec::new();
    for (index, (pointer, echo)) in pointers.iter().zip(echoes).enumerate() {
        let place = locate(&body, pointer)?;
        match (echo, place) {
            (Echo::Absent | Echo::Fixed("null"), None) => {}
            (Echo::Absent, Some(range)) => constant(&body, &range, "null")?,
            (Echo::Fixed(text), Some(range)) => constant(&body, &range, text)?,
            (_, None) => return Err(NotStored::EchoAmbiguous),
            (_, Some(range)) => {
                if echoes.iter().take(index).any(|earlier| earlier == echo) {
                    return Err(NotStored::EchoAmbiguous);
                }
                same(&body, &range, echo)?;
                traces.extend(echo.trace());
                found.push((range, index));
            }
        }
    }
    if headers.iter().any(|(_, value)| trace::stands_in(value, &traces)) {
        return Err(NotStored::EchoInHeader);
    }
    separate(&body, found, &traces)
}

fn separate(
    body: &[u8],
    mut found: Vec<(std::ops::Range<usize>, usize)>,
    traces: &[String],
) -> Result<Template, NotStored> {
    found.sort_by_key(|(range, _)| range.start);
    let mut template = Template { body: Vec::with_capacity(body.len()), cuts: Vec::new() };
    let mut from = 0;
    for (range, echo) in found {
        keep(&mut template, body.get(from..range.start), traces)?;
        template.cuts.push(Cut { at: template.body.len(), echo });
        from = range.end;
    }
    keep(&mut template, body.get(from..), traces)?;
    Ok(template)
}

fn keep(template: &mut Template, piece: Option<&[u8]>, traces: &[String]) -> Result<(), NotStored> {
    let piece = piece.ok_or(NotStored::EchoAmbiguous)?;
    let text = std::str::from_utf8(piece).map_err(|_| NotStored::EchoAmbiguous)?;
    if trace::stands_in(text, traces) {
        return Err(NotStored::EchoAmbiguous);
    }
    template.body.extend_from_slice(piece);
    Ok(())
}

fn constant(body: &[u8], range: &std::ops::Range<usize>, text: &str) -> Result<(), NotStored> {
    (body.get(range.clone()) == Some(text.as_bytes())).then_some(()).ok_or(NotStored::EchoAmbiguous)
}

fn same(body: &[u8], range: &std::ops::Range<usize>, echo: &Echo) -> Result<(), NotStored> {
    let json = body.get(range.clone()).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let said = json.and_then(Echo::read);
    (said.as_ref() == Some(echo)).then_some(()).ok_or(NotStored::EchoAmbiguous)
}

/// Where the member at `pointer` stands in `body`; `None` when there is none.
fn locate(body: &[u8], pointer: &Pointer) -> Result<Option<std::ops::Range<usize>>, NotStored> {
    let mut raw: &RawValue = serde_json::from_slice(body).map_err(|_| NotStored::EchoAmbiguous)?;
    for token in pointer.tokens() {
        let members = members(raw).map_err(|_| NotStored::EchoAmbiguous)?;
        match members.into_iter().find(|(name, _)| name == token) {
            Some((_, value)) => raw = value,
            None => return Ok(None),
        }
    }
    // A raw value borrows from the body it was read from, so its address is its place.
    let start = (raw.get().as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    Ok(Some(start..start.saturating_add(raw.get().len())))
}

/// Puts the caller's values into a stored body; `None` when a value is missing, which a matching key rules out.
pub fn splice(body: &[u8], cuts: &[Cut], echoes: &[Echo]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(body.len() + 64 * cuts.len());
    let mut from = 0;
    for cut in cuts {
        whole.extend_from_slice(body.get(from..cut.at)?);
        whole.extend_from_slice(echoes.get(cut.echo)?.json()?.as_bytes());
        from = cut.at;
    }
    whole.extend_from_slice(body.get(from..)?);
    Some(whole)
}

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
