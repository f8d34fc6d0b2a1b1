//! One reply of the Redis protocol (RESP2), as webdis hands it through with `.raw`. Arrays are not read: webdis loses
//! their nested parts, so no script returns one.

/// A reply.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// `$`: bytes.
    Bulk(&'a [u8]),
    /// `$-1`: nothing.
    Nil,
    /// `+`: a status.
    Status(&'a [u8]),
    /// `-`: an error, its first word says which.
    Error(&'a [u8]),
    /// `:`: a number.
    Integer(i64),
}

/// Reads a reply that fills `bytes` exactly; `None` for anything else.
pub fn read(bytes: &[u8]) -> Option<Reply<'_>> {
    let (kind, rest) = bytes.split_first()?;
    let (line, rest) = line(rest)?;
    match kind {
        b'$' => bulk(line, rest),
        _ if !rest.is_empty() => None,
        b'+' => Some(Reply::Status(line)),
        b'-' => Some(Reply::Error(line)),
        b':' => Some(Reply::Integer(number(line)?)),
        _ => None,
    }
}

fn bulk<'a>(length: &[u8], rest: &'a [u8]) -> Option<Reply<'a>> {
    if length == b"-1" {
        return rest.is_empty().then_some(Reply::Nil);
    }
    let length = usize::try_from(number(length)?).ok()?;
    let (payload, end) = rest.split_at_checked(length)?;
    (end == b"\r\n").then_some(Reply::Bulk(payload))
}

fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((bytes.get(..end)?, bytes.get(end + 2..)?))
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_family = "wasm", not(target_os = "wasi")))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn whole_replies_are_read_and_nothing_else() {
        let cases: &[(&[u8], Option<Reply<'_>>)] = &[
            (b"$2\r\nhi\r\n", Some(Reply::Bulk(b"hi"))),
            (b"$4\r\n\r\n\r\n\r\n", Some(Reply::Bulk(b"\r\n\r\n"))),
            (b"$0\r\n\r\n", Some(Reply::Bulk(b""))),
            (b"$-1\r\n", Some(Reply::Nil)),
            (b"+OK\r\n", Some(Reply::Status(b"OK"))),
            (b"-OOM no\r\n", Some(Reply::Error(b"OOM no"))),
            (b":-7\r\n", Some(Reply::Integer(-7))),
            (b"$3\r\nhi\r\n", None),
            (b"$1\r\nhi\r\n", None),
            (b"$-2\r\n", None),
            (b"$99999999999999999999\r\n", None),
            (b"$9223372036854775807\r\nx\r\n", None),
            (b"+OK\r\nmore", None),
            (b"*1\r\n$2\r\nhi\r\n", None),
            (b"", None),
            (b"$", None),
            (b"<html>", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(&read(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
