//! Inputs as text: parts that an empty line separates, of header lines `name: value`. Any bytes are such a text.

use fingerprint_cache::http::Headers;

/// The first `N` parts of an input; those that are missing are empty, and the last takes the rest.
pub fn parts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut rest = input;
    std::array::from_fn(|index| {
        let end = rest.windows(2).position(|pair| pair == b"\n\n").filter(|_| index + 1 < N);
        let part = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| &rest[end + 2..]);
        part
    })
}

/// Header lines; a line without a colon is a name without a value. Names come in lower case, as from the host.
pub fn headers(text: &[u8]) -> Headers {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(line).collect()
}

/// The same as an entry keeps them: what is not UTF-8 is left out.
pub fn stored(text: &[u8]) -> Vec<(String, String)> {
    let headers = headers(text);
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).ok();
    headers.iter().filter_map(|(name, value)| Some((name.to_owned(), text(value)?))).collect()
}

fn line(line: &[u8]) -> (String, Vec<u8>) {
    // The first byte may be the colon of a pseudo header.
    let colon = line.iter().skip(1).position(|byte| *byte == b':').map_or(line.len(), |at| at + 1);
    let value = line.get(colon + 1..).unwrap_or_default();
    let value = value.strip_prefix(b" ").unwrap_or(value);
    (String::from_utf8_lossy(&line[..colon]).into_owned(), value.to_vec())
}
