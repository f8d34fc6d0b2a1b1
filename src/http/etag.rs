//! Entity tags (RFC 9110 §8.8.3) and how two of them compare.

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

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn tag(text: &str) -> EntityTag<'_> {
        EntityTag::parse(text.as_bytes()).unwrap_or_else(|| unreachable!("{text}"))
    }

    #[test]
    fn tags_are_read() {
        assert_eq!(tag(r#""a,b""#), EntityTag { weak: false, opaque: b"a,b" });
        assert_eq!(tag(r#" W/"" "#), EntityTag { weak: true, opaque: b"" });
        assert!(EntityTag::parse(b"\"\xff\"").is_some());
        for other in
            ["", "a", "\"", "\"a", "a\"", "w/\"a\"", "W/a", "W/ \"a\"", "\"a b\"", "\"a\"b\"", "\"a\", \"b\"", "*"]
        {
            assert_eq!(EntityTag::parse(other.as_bytes()), None, "{other}");
        }
    }

    /// The table of RFC 9110 §8.8.3.2.
    #[test]
    fn tags_compare_as_the_standard_says() {
        for (one, other, strong, weak) in [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
            (r#""1""#, r#""2""#, false, false),
        ] {
            assert_eq!(tag(one).strongly_equals(tag(other)), strong, "{one} {other}");
            assert_eq!(tag(other).strongly_equals(tag(one)), strong, "{other} {one}");
            assert_eq!(tag(one).weakly_equals(tag(other)), weak, "{one} {other}");
        }
    }
}
