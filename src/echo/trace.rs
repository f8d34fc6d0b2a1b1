//! Looks for what a caller's value may have left in an answer, under the escapes that texts in texts come with.
//!
//! What was hashed, encrypted or written in base 64 is not found: the operator who lists an echo says that the answer
//! holds no such thing.

/// JSON in a string in JSON in a URL: nobody writes deeper than that by accident.
const LAYERS: usize = 3;

/// A text in lower case, letter by letter: `str::to_lowercase` writes a sigma by what follows it, so that a text would
/// not be found within itself.
pub(super) fn lowered(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// Whether one of `traces`, which are [`lowered`], stands in a text, as it is or behind escapes.
pub(super) fn stands_in(text: &str, traces: &[String]) -> bool {
    search(&lowered(text), traces, LAYERS)
}

fn search(text: &str, traces: &[String], layers: usize) -> bool {
    if traces.iter().any(|trace| !trace.is_empty() && text.contains(trace)) {
        return true;
    }
    // Each kind by itself: a value may hold what looks like an escape of the other.
    let below = |plain: String| search(&lowered(&plain), traces, layers - 1);
    layers > 0 && (unescaped(text, '\\', of_json).is_some_and(below) || unescaped(text, '%', of_url).is_some_and(below))
}

/// What an escape stands for, and the text after it.
type Read = fn(&str) -> Option<(Vec<u8>, &str)>;

/// A text without one layer of the escapes that begin with `mark`; `None` when there are none.
fn unescaped(text: &str, mark: char, read: Read) -> Option<String> {
    let mut rest = text;
    let mut plain: Vec<u8> = Vec::new();
    let mut found = false;
    while let Some((before, escape)) = rest.split_once(mark) {
        plain.extend_from_slice(before.as_bytes());
        if let Some((meant, after)) = read(escape) {
            plain.extend_from_slice(&meant);
            (rest, found) = (after, true);
        } else {
            plain.extend_from_slice(mark.encode_utf8(&mut [0; 4]).as_bytes());
            rest = escape;
        }
    }
    plain.extend_from_slice(rest.as_bytes());
    found.then(|| String::from_utf8_lossy(&plain).into_owned())
}

/// RFC 3986 §2.1, after the percent sign.
fn of_url(escape: &str) -> Option<(Vec<u8>, &str)> {
    let (code, rest) = coded(escape, "", 2)?;
    Some((vec![u8::try_from(code).ok()?], rest))
}

/// RFC 8259 §7, after the backslash.
fn of_json(escape: &str) -> Option<(Vec<u8>, &str)> {
    let (character, rest) = of_utf16(escape).or_else(|| {
        let mut characters = escape.chars();
        let letter = characters.next()?;
        let meant = match letter {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            other => other,
        };
        Some((meant, characters.as_str()))
    })?;
    Some((character.to_string().into_bytes(), rest))
}

/// The character that `u0061`, or a pair of these, stands for.
fn of_utf16(escape: &str) -> Option<(char, &str)> {
    let (unit, rest) = coded(escape, "u", 4)?;
    let second = coded(rest, "\\u", 4);
    let units = [unit, second.map_or(0, |(unit, _)| unit)];
    let character = char::decode_utf16(units).next()?.unwrap_or(char::REPLACEMENT_CHARACTER);
    match second {
        Some((_, rest)) if character.len_utf16() == 2 => Some((character, rest)),
        _ => Some((character, rest)),
    }
}

fn coded<'a>(text: &'a str, prefix: &str, digits: usize) -> Option<(u16, &'a str)> {
    let (code, rest) = text.strip_prefix(prefix)?.split_at_checked(digits)?;
    Some((u16::from_str_radix(code, 16).ok()?, rest))
}
