//! JSON pointers (RFC 6901): which member of a request body is meant.

use std::fmt;

use super::problem::{Flaw, quote};

/// A JSON pointer (RFC 6901), of one token at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// The member names from the root down, with `~1` and `~0` decoded; never empty.
    pub fn tokens(&self) -> &[String] {
        &self.0
    }

    /// Whether `other` is this pointer or points into what this one points at.
    pub(super) fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// RFC 6901 §3, but for the empty pointer: a body keyed as a whole has its own setting.
    pub(super) fn parse(text: &str) -> Result<Self, Flaw> {
        let Some(rest) = text.strip_prefix('/') else { return Err(rootless(text)) };
        rest.split('/').map(|token| decode(token, text)).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

/// What to say of a text that does not begin with a slash; often it is a path in another notation.
fn rootless(text: &str) -> Flaw {
    if text.is_empty() {
        return Flaw::new("\"\" points at the whole body", "write `body: whole` in place of `json`");
    }
    let path = text.trim_start_matches("$.").replace('.', "/");
    Flaw::new(format!("{} is not a JSON pointer", quote(text)), format!("write {}", quote(&format!("/{path}"))))
}

/// RFC 6901 §4: "first transforming any occurrence of the sequence '~1' to '/', and then [...] '~0' to '~'".
fn decode(token: &str, text: &str) -> Result<String, Flaw> {
    let mut rest = token;
    while let Some((_, tail)) = rest.split_once('~') {
        rest = tail.strip_prefix(['0', '1']).ok_or_else(|| {
            Flaw::new(format!("{} has a ~ that stands for nothing", quote(text)), "write ~0 for ~ and ~1 for /")
        })?;
    }
    Ok(token.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn decodes_tokens_and_gives_the_text_back() {
        let cases: [(&str, &[&str]); 5] =
            [("/a", &["a"]), ("/a/b", &["a", "b"]), ("/", &[""]), ("/a~1b/~01", &["a/b", "~1"]), ("/0/é", &["0", "é"])];
        for (text, tokens) in cases {
            let pointer = Pointer::parse(text).unwrap();
            assert_eq!(pointer.tokens(), tokens, "{text}");
            assert_eq!(pointer.to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_pointer_and_says_how_to_write_it() {
        for (text, remedy) in [
            ("", "write `body: whole` in place of `json`"),
            ("tls_data", "write \"/tls_data\""),
            ("$.tls.data", "write \"/tls/data\""),
            ("/a~2", "write ~0 for ~ and ~1 for /"),
            ("/a~", "write ~0 for ~ and ~1 for /"),
            ("/a~0~", "write ~0 for ~ and ~1 for /"),
        ] {
            assert_eq!(Pointer::parse(text).unwrap_err().remedy, remedy, "{text}");
        }
    }

    #[test]
    fn contains_itself_and_what_lies_below() {
        let contains = |a, b| Pointer::parse(a).unwrap().contains(&Pointer::parse(b).unwrap());
        assert!(contains("/a", "/a") && contains("/a", "/a/b"));
        assert!(!contains("/a/b", "/a") && !contains("/a", "/ab"));
    }
}
