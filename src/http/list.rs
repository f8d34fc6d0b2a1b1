//! Comma-separated lists and tokens (RFC 9110 §5.6): where a member begins and ends. Not what it means.

/// The members of one line of a list, trimmed; empty ones are skipped (RFC 9110 §5.6.1.2).
///
/// Commas inside a quoted string do not separate. A quote that is never closed is an ordinary byte,
/// so that nobody can hide the rest of a line (`no-store`, say) behind it.
pub fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    raw_members(line).map(trim).filter(|member| !member.is_empty())
}

/// The stretches between the separating commas, as they are written; at least one.
pub(crate) fn raw_members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    let mut quotes = true;
    std::iter::from_fn(move || {
        let line = rest?;
        let end = member_end(line, &mut quotes);
        rest = line.get(end.saturating_add(1)..);
        line.get(..end)
    })
}

/// Where the first separating comma of `line` stands, or its length. Clears `quotes` for the rest of
/// the line when a quote is not closed: looking for its end again and again would be quadratic.
fn member_end(line: &[u8], quotes: &mut bool) -> usize {
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        match byte {
            b',' => return at,
            b'"' if *quotes => match quoted_length(line.get(at..).unwrap_or_default()) {
                Some(length) => at += length,
                None => {
                    *quotes = false;
                    at += 1;
                }
            },
            _ => at += 1,
        }
    }
    at
}

/// The length of the quoted string at the start of `text`, both quotes counted; nothing when it is not closed.
fn quoted_length(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `text` without optional whitespace (spaces and tabs, RFC 9110 §5.6.3) at either end.
pub fn trim(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Whether `text` is a token (RFC 9110 §5.6.2): what names of headers and directives are made of.
pub fn is_token(text: &[u8]) -> bool {
    let (token, rest) = split_token(text);
    !token.is_empty() && rest.is_empty()
}

/// The token at the start of `text`, which may be empty, and what follows it.
pub(crate) fn split_token(text: &[u8]) -> (&[u8], &[u8]) {
    let in_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let end = text.iter().position(|byte| !in_token(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, b""))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn split(line: &str) -> Vec<String> {
        let text = |member| String::from_utf8_lossy(member).into_owned();
        members(line.as_bytes()).map(text).collect()
    }

    #[test]
    fn members_are_split_and_trimmed() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            (" , \t,", &[]),
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            ("\ta b , c ", &["a b", "c"]),
            ("a,,b,", &["a", "b"]),
            (r#"a="x, y", b"#, &[r#"a="x, y""#, "b"]),
            (r#""a\", b", c"#, &[r#""a\", b""#, "c"]),
            (r#""a\\", b"#, &[r#""a\\""#, "b"]),
            (r#"a="", b"#, &[r#"a="""#, "b"]),
        ];
        for (line, expected) in table {
            assert_eq!(split(line), *expected, "{line:?}");
        }
    }

    #[test]
    fn an_unclosed_quote_hides_nothing() {
        assert_eq!(split(r#"a="x, no-store"#), [r#"a="x"#, "no-store"]);
        assert_eq!(split(r#"a="x\", no-store"#), [r#"a="x\""#, "no-store"]);
        assert_eq!(split(r#""x", ", "y, z"#), [r#""x""#, r#"", "y"#, "z"]);
    }

    #[test]
    fn tokens_are_told_from_other_text() {
        for token in ["a", "max-age", "!#$%&'*+-.^_`|~09AZ"] {
            assert!(is_token(token.as_bytes()), "{token}");
        }
        for other in ["", " a", "a b", "a=b", "\"a\"", ":path", "a,b", "é", "a\0"] {
            assert!(!is_token(other.as_bytes()), "{other}");
        }
    }
}
