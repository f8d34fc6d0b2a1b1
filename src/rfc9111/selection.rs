//! RFC 9111 §4.1, Calculating Cache Keys with the Vary Header Field: which requests a stored answer is for.
//!
//! A nominated value is kept as text that is equal exactly when the normalised bytes are: bytes that are not UTF-8 are
//! written `%FF`, and `%` itself `%25`.

use crate::http::{Headers, is_token, list};
use crate::reason::NotStored;

/// The headers that the original request was selected by, with the values it had; nothing for an absent one.
pub type Selecting = Vec<(String, Option<String>)>;

/// The names that `Vary` nominates: lower case, sorted, each once.
///
/// # Errors
/// [`NotStored::VaryStar`] for `*`, which "always fails to match", and for what is not a list of names.
pub fn vary_names(headers: &Headers) -> Result<Vec<String>, NotStored> {
    let mut names = Vec::new();
    for member in headers.list("vary") {
        if member == b"*" || !is_token(member) {
            return Err(NotStored::VaryStar);
        }
        names.push(String::from_utf8_lossy(member).to_ascii_lowercase());
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The normalised value of one header of a request; nothing when it is absent.
pub fn nominated(request: &Headers, name: &str) -> Option<String> {
    let mut value = Vec::new();
    let present = normalised(request, name, |piece| {
        value.extend_from_slice(piece);
        true
    });
    // Each piece is UTF-8, so nothing is lost here.
    present.then(|| String::from_utf8_lossy(&value).into_owned())
}

/// The values of all `names`, as an entry keeps them.
pub fn selecting(request: &Headers, names: &[String]) -> Selecting {
    names.iter().map(|name| (name.clone(), nominated(request, name))).collect()
}

/// Whether a request may have an answer that was `selecting`: "all the presented request header fields nominated by that
/// Vary field value match those fields in the original request". Allocates only for bytes that are escaped.
pub fn matches(selecting: &[(String, Option<String>)], request: &Headers) -> bool {
    selecting.iter().all(|(name, value)| match value {
        Some(value) => has_value(request, name, value),
        // "If (after any normalization that might take place) a header field is absent from a request, it can only match
        // another request if it is also absent there."
        None => !request.contains(name),
    })
}

fn has_value(request: &Headers, name: &str, value: &str) -> bool {
    let mut rest = Some(value.as_bytes());
    let present = normalised(request, name, |piece| {
        rest = rest.and_then(|rest| rest.strip_prefix(piece));
        rest.is_some()
    });
    present && rest == Some(b"")
}

/// Gives the normalised value piece by piece until `emit` has had enough. Returns whether the header is there.
///
/// Two fields match if one becomes the other by "adding or removing whitespace, where allowed in the header field's
/// syntax" (around the commas of a list, so not in quoted strings) and by "combining multiple header field lines with the
/// same field name". Order, case and empty members are left as they are: what they mean is each field's own affair.
fn normalised(request: &Headers, name: &str, mut emit: impl FnMut(&[u8]) -> bool) -> bool {
    let mut separator = None;
    for member in request.all(name).flat_map(list::raw_members) {
        if !emit(separator.unwrap_or_default()) || !escaped(list::trim(member), &mut emit) {
            return true;
        }
        separator = Some(b", ".as_slice());
    }
    // Even an empty line has one member, so that a separator was due.
    separator.is_some()
}

/// Gives one member as text. Returns whether `emit` wants more.
fn escaped(member: &[u8], emit: &mut impl FnMut(&[u8]) -> bool) -> bool {
    member.utf8_chunks().all(|chunk| {
        let mut parts = chunk.valid().split('%');
        let first = parts.next().unwrap_or_default();
        emit(first.as_bytes())
            && parts.all(|part| emit(b"%25") && emit(part.as_bytes()))
            && chunk.invalid().iter().all(|byte| emit(format!("%{byte:02X}").as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn raw(lines: &[(&str, &[u8])]) -> Headers {
        lines.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
    }

    fn names(lines: &[&str]) -> Result<Vec<String>, NotStored> {
        vary_names(&lines.iter().map(|line| ("vary", *line)).collect())
    }

    #[test]
    fn vary_is_read() {
        for (lines, expected) in [
            (&[][..], &[][..]),
            (&[""], &[]),
            (&["Accept-Language, accept"], &["accept", "accept-language"]),
            (&["b", "A, b ,, c"], &["a", "b", "c"]),
        ] {
            let expected = expected.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(names(lines), Ok(expected), "{lines:?}");
        }
    }

    #[test]
    fn vary_that_cannot_be_matched_is_refused() {
        for lines in [
            &["*"][..],
            &["*, *"],
            &["*", "*"],
            &[", *"],
            &["", "*"],
            &["*, foo"],
            &["foo, *"],
            &["foo", "bar,*"],
            &["foo bar"],
            &["foo;q=1"],
            &["\"foo\""],
            &[":path"],
            &["é"],
        ] {
            assert_eq!(names(lines), Err(NotStored::VaryStar), "{lines:?}");
        }
    }

    /// Pairs of header sections, and whether a stored answer of the one is for the other.
    #[test]
    fn nominated_values_match_as_the_standard_says() {
        type Lines = &'static [&'static [u8]];
        let table: &[(Lines, Lines, bool)] = &[
            (&[], &[], true),
            (&[], &[b""], false),
            (&[b""], &[b"  "], true),
            (&[b"a"], &[b"a"], true),
            (&[b"a"], &[b"A"], false),
            (&[b"a"], &[b"ab"], false),
            (&[b"a"], &[b""], false),
            // whitespace, where it is allowed
            (&[b"a,b"], &[b" a ,\tb "], true),
            (&[b"a b"], &[b"ab"], false),
            (&[b"a b"], &[b"a  b"], false),
            (&[b"\"a,b\""], &[b"\"a, b\""], false),
            (&[b"x=\"a, b\",c"], &[b"x=\"a, b\" , c"], true),
            // lines
            (&[b"a", b"b"], &[b"a, b"], true),
            (&[b"a", b"b"], &[b"b", b"a"], false),
            (&[b"a", b"b"], &[b"a"], false),
            (&[b"a", b""], &[b"a"], false),
            (&[b"a,,b"], &[b"a,b"], false),
            // bytes that are no text
            (&[b"\xff"], &[b"\xff"], true),
            (&[b"\xff"], &[b"\xfe"], false),
            (&[b"\xff"], &[b"%FF"], false),
            (&[b"\xff"], &[b"%25FF"], false),
            (&[b"%"], &[b"%25"], false),
            (&[b"%"], &[b"%"], true),
            (&[b"\xff"], &[b"\xef\xbf\xbd"], false),
            (&[b"\xc3\xa9"], &[b"\xc3\xa9"], true),
            (&[b"\xc3\xa9"], &[b"\xe9"], false),
        ];
        for (one, other, expected) in table {
            let [one, other] =
                [one, other].map(|lines| raw(&lines.iter().map(|line| ("x", *line)).collect::<Vec<_>>()));
            let names = ["x".to_owned()];
            assert_eq!(matches(&selecting(&one, &names), &other), *expected, "{one:?} {other:?}");
            assert_eq!(matches(&selecting(&other, &names), &one), *expected, "{other:?} {one:?}");
        }
    }

    #[test]
    fn every_nominated_header_has_to_match() {
        let names = ["a".to_owned(), "b".to_owned()];
        let stored = selecting(&Headers::from([("a", "1"), ("c", "3")]), &names);
        assert_eq!(stored, [("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)]);
        assert!(matches(&stored, &Headers::from([("c", "4"), ("a", "1")])));
        assert!(!matches(&stored, &Headers::from([("a", "1"), ("b", "")])));
        assert!(!matches(&stored, &Headers::from([("a", "2")])));
        assert!(!matches(&stored, &Headers::default()));
        assert!(matches(&[], &Headers::from([("a", "1")])));
    }

    #[test]
    fn values_are_written_as_text() {
        let value = |bytes: &[u8]| nominated(&raw(&[("x", bytes)]), "x");
        assert_eq!(value(b"gzip ,br"), Some("gzip, br".to_owned()));
        assert_eq!(value(b"100% \xff\x0a\xc3"), Some("100%25 %FF\n%C3".to_owned()));
        assert_eq!(value(b""), Some(String::new()));
        assert_eq!(nominated(&Headers::default(), "x"), None);
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    fn request() -> impl Strategy<Value = Headers> {
        let byte = prop_oneof![proptest::sample::select(&b"ab,, \"\\%2F"[..]), any::<u8>()];
        let line = proptest::collection::vec(byte, 0..6).prop_map(|value| ("x".to_owned(), value));
        proptest::collection::vec(line, 0..3).prop_map(Headers::from_pairs)
    }

    proptest! {
        /// `matches` is the equality of what `nominated` writes, and a request always matches itself.
        #[test]
        fn matching_is_equality_of_the_text(one in request(), other in request()) {
            let names = ["x".to_owned()];
            prop_assert!(matches(&selecting(&one, &names), &one));
            let equal = nominated(&one, "x") == nominated(&other, "x");
            prop_assert_eq!(matches(&selecting(&one, &names), &other), equal);
        }

        /// Values without commas and outer whitespace are equal as text only if they are equal as bytes.
        #[test]
        fn different_bytes_are_never_equal(one in proptest::collection::vec(any::<u8>(), 0..4), other in proptest::collection::vec(any::<u8>(), 0..4)) {
            let plain = |bytes: &[u8]| !bytes.iter().any(|byte| b", \t".contains(byte));
            prop_assume!(plain(&one) && plain(&other));
            let text = |bytes: &[u8]| nominated(&Headers::from_pairs(vec![("x".to_owned(), bytes.to_vec())]), "x");
            prop_assert_eq!(text(&one) == text(&other), one == other);
        }

        #[test]
        fn any_vary_is_answered(line in proptest::collection::vec(any::<u8>(), 0..20)) {
            let star = line.split(|byte| *byte == b',').any(|member| member == b"*");
            let names = vary_names(&Headers::from_pairs(vec![("vary".to_owned(), line)]));
            prop_assert!(!star || names.is_err());
            prop_assert!(names.unwrap_or_default().is_sorted());
        }
    }
}
