//! Who fills an entry, and afterwards which fill it came from.

/// A random number that its leader draws for each fill. Two that are equal would only be taken for one another: the
/// chance is 2⁻⁶⁴ for any two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

impl std::fmt::Display for Token {
    /// As [`Token::parse`] reads it: 16 hexadecimal digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Token {
    /// Reads 16 hexadecimal digits, in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let ours = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let hex = text.len() == 16 && text.bytes().all(ours);
        hex.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_token_is_sixteen_digits() {
        assert_eq!(Token(0xab).to_string(), "00000000000000ab");
        assert_eq!(Token::parse("00000000000000ab"), Some(Token(0xab)));
        assert_eq!(Token::parse(&Token(u64::MAX).to_string()), Some(Token(u64::MAX)));
        for wrong in ["", "ab", "U", "00000000000000AB", "+0000000000000ab", "00000000000000ab0"] {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
    }
}
