//! The header section of one message, in the order of its lines.

use super::list;

/// Header lines as Envoy hands them over: names in lower case (pseudo-headers like `:path` too), values
/// as raw bytes, a repeated name as several lines. Read once per message, then asked often.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers {
    lines: Vec<(String, Vec<u8>)>,
}

impl Headers {
    /// Takes lines whose names are in lower case already, as the host's are; nothing is looked at or copied.
    pub fn from_pairs(pairs: Vec<(String, Vec<u8>)>) -> Self {
        Self { lines: pairs }
    }

    /// The value of the first line of that name; `name` in lower case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.lines.iter().find(|(line, _)| line == name).map(|(_, value)| value.as_slice())
    }

    /// The value of every line of that name, in order; `name` in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.lines.iter().filter(move |(line, _)| line == name).map(|(_, value)| value.as_slice())
    }

    /// The comma-separated members of all lines of that name, trimmed, empty ones skipped, quoted strings kept whole.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.all(name).flat_map(list::members)
    }

    /// The lines of that name as one (RFC 9110 §5.3), for fields that are read whole; nothing where there is none.
    pub(super) fn combined(&self, name: &str) -> Option<Vec<u8>> {
        let lines: Vec<_> = self.all(name).collect();
        (!lines.is_empty()).then(|| lines.join(&b", "[..]))
    }

    /// Whether there is a line of that name, even an empty one; `name` in lower case.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Every line as name and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.lines.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no line at all.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Lines from anywhere but the host: names may be in any case and are lowered.
impl FromIterator<(String, Vec<u8>)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(pairs: I) -> Self {
        let lower = |(mut name, value): (String, Vec<u8>)| {
            name.make_ascii_lowercase();
            (name, value)
        };
        Self { lines: pairs.into_iter().map(lower).collect() }
    }
}

/// Lines written as text, for tables in tests: `Headers::from_iter([("Vary", "Accept")])`.
impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect()
    }
}

/// The same from an array: `Headers::from([("Vary", "Accept")])`.
impl<'a, const N: usize> From<[(&'a str, &'a str); N]> for Headers {
    fn from(pairs: [(&'a str, &'a str); N]) -> Self {
        pairs.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn sample() -> Headers {
        Headers::from([("Vary", "Accept, ,Origin"), ("A", ""), ("vary", "Accept-Language ")])
    }

    #[test]
    fn lines_keep_their_order_and_repetitions() {
        let headers = sample();
        assert_eq!(headers.get("vary"), Some(&b"Accept, ,Origin"[..]));
        assert_eq!(headers.all("vary").count(), 2);
        assert_eq!(headers.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["vary", "a", "vary"]);
        assert_eq!((headers.len(), headers.is_empty()), (3, false));
        assert!(Headers::default().is_empty());
    }

    #[test]
    fn a_list_runs_over_all_lines() {
        let headers = sample();
        let list: Vec<_> = headers.list("vary").collect();
        assert_eq!(list, [&b"Accept"[..], b"Origin", b"Accept-Language"]);
    }

    #[test]
    fn an_empty_line_is_present_and_an_absent_one_is_not() {
        assert!(sample().contains("a"));
        assert_eq!(sample().get("a"), Some(&b""[..]));
        assert!(!sample().contains("b"));
        assert_eq!(sample().list("a").count(), 0);
    }

    #[test]
    fn lines_are_combined_in_order() {
        assert_eq!(sample().combined("vary"), Some(b"Accept, ,Origin, Accept-Language ".to_vec()));
        assert_eq!(sample().combined("a"), Some(vec![]));
        assert_eq!(sample().combined("b"), None);
    }

    #[test]
    fn names_from_elsewhere_are_lowered() {
        let headers: Headers = [("X-Name".to_owned(), vec![0xff])].into_iter().collect();
        assert_eq!(headers.get("x-name"), Some(&[0xff][..]));
        assert_eq!(headers, Headers::from_pairs(vec![("x-name".to_owned(), vec![0xff])]));
    }
}
