//! Paths that servers read differently.

/// Whether a path, without its query, may be another path to whoever reads it next: with an escaped slash or dot
/// (RFC 3986 §2.2, §2.4), a backslash, or a segment of dots (§5.2.4), parameters of the segment aside.
///
/// `/public/..%2fprivate` is under `/public/` here, and `/private` to a server that decodes before it resolves dots.
pub fn is_ambiguous(path: &[u8]) -> bool {
    let escaped = |three: &[u8]| [&b"%2f"[..], b"%5c", b"%2e"].iter().any(|other| three.eq_ignore_ascii_case(other));
    let dots = |segment: &[u8]| matches!(segment.split(|byte| *byte == b';').next(), Some(b"." | b".."));
    path.contains(&b'\\') || path.windows(3).any(escaped) || path.split(|byte| *byte == b'/').any(dots)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_servers_read_differently_is_known() {
        for path in [
            "/a%2Fb",
            "/a%2fb",
            "/a%5Cb",
            "/a%5c",
            "/a\\b",
            "/a/../b",
            "/a/..",
            "/./a",
            "/a/..;x=1/b",
            "/a/.;/b",
            "/%2e%2E/b",
            "/a/.%2e",
            "..",
        ] {
            assert!(is_ambiguous(path.as_bytes()), "{path}");
        }
        for path in [
            "/",
            "",
            "/a//b",
            "/a%20b",
            "/a..b/c",
            "/...",
            "/.well-known/x",
            "/a.json",
            "/a;b=../c",
            "/%252f",
            "/%2",
            "*",
        ] {
            assert!(!is_ambiguous(path.as_bytes()), "{path}");
        }
    }
}
