//! HTTP messages as operators have them: a URL, or what went over the wire, recorded in a file.

use fingerprint_cache::http::Headers;

/// A request or a response, as the filter sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// All lines, pseudo headers first, names in lower case.
    pub lines: Vec<(String, Vec<u8>)>,
    /// The body, not chunked.
    pub body: Vec<u8>,
}

impl Message {
    /// The lines as the filter reads them.
    pub fn headers(&self) -> Headers {
        Headers::from_pairs(self.lines.clone())
    }

    /// The first value of a header, as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        let line = self.lines.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(&line.1).ok()
    }

    /// Adds a line, which replaces a pseudo header of the same name.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        self.lines.retain(|(known, _)| !known.starts_with(':') || known != name);
        self.lines.push((name.to_owned(), value.to_vec()));
    }

    /// The request for a URL; its fragment is nobody's business.
    ///
    /// # Errors
    /// A sentence when it is not `http://host/path` or `https://host/path`.
    pub fn of_url(method: &str, url: &str) -> Result<Self, String> {
        let wrong = || format!("{url:?} is not a URL. Write http://host/path or https://host/path.");
        let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| is_http(scheme)).ok_or_else(wrong)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if host.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong());
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        // RFC 9110 §4.2.4: a user in an http URI is for nobody.
        let host = host.rsplit('@').next().unwrap_or_default();
        Ok(Self { lines: pseudo(method, &scheme.to_ascii_lowercase(), host, &target), body: Vec::new() })
    }

    /// A recorded request: `GET /x HTTP/1.1`, header lines, an empty line, the body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_request(bytes: &[u8]) -> Result<Self, String> {
        let (first, lines, body) = split(bytes)?;
        let mut words = first.split_ascii_whitespace();
        let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
            return Err(format!("its first line is {first:?}; write as in GET /path HTTP/1.1"));
        };
        if !version.starts_with("HTTP/") || words.next().is_some() {
            return Err(format!("its first line is {first:?}; write as in GET /path HTTP/1.1"));
        }
        let text = |name: &str| {
            lines.iter().find(|(known, _)| known == name).and_then(|(_, value)| std::str::from_utf8(value).ok())
        };
        let mut request = if target.contains("://") {
            Self::of_url(method, target)?
        } else {
            let host = text("host").ok_or("it has no Host")?;
            Self { lines: pseudo(method, text("x-forwarded-proto").unwrap_or("http"), host, target), body: Vec::new() }
        };
        request.lines.extend(lines.iter().filter(|(name, _)| name != "host").cloned());
        request.body = body;
        Ok(request)
    }

    /// A recorded response: `HTTP/1.1 200 OK`, header lines, an empty line, the body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_response(bytes: &[u8]) -> Result<Self, String> {
        let (first, lines, body) = split(bytes)?;
        let mut words = first.split_ascii_whitespace();
        let version = words.next().is_some_and(|version| version.starts_with("HTTP/"));
        let status = words.next().filter(|status| version && status.len() == 3 && status.parse::<u16>().is_ok());
        let status = status.ok_or_else(|| format!("its first line is {first:?}; write as in HTTP/1.1 200 OK"))?;
        let mut all = vec![(":status".to_owned(), status.as_bytes().to_vec())];
        all.extend(lines);
        Ok(Self { lines: all, body })
    }
}

/// Reads `name: value`.
///
/// # Errors
/// A sentence.
pub fn line(text: &str) -> Result<(String, Vec<u8>), String> {
    read_line(text.as_bytes()).ok_or_else(|| format!("{text:?} is no header line. Write 'name: value'."))
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

fn pseudo(method: &str, scheme: &str, host: &str, target: &str) -> Vec<(String, Vec<u8>)> {
    let lines = [(":method", method), (":scheme", scheme), (":authority", host), (":path", target)];
    lines.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into()
}

type Lines = Vec<(String, Vec<u8>)>;

/// The first line, the header lines, and the body. Lines end with LF, CR before it or not.
fn split(bytes: &[u8]) -> Result<(String, Lines, Vec<u8>), String> {
    let (first, mut rest) = next_line(bytes);
    let first = std::str::from_utf8(first).map_err(|_| "its first line is not text")?.to_owned();
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let (line, after) = next_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        lines.push(read_line(line).ok_or_else(|| format!("{:?} is no header line", String::from_utf8_lossy(line)))?);
    }
    Ok((first, lines, rest.to_vec()))
}

fn next_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let line = parts.next().unwrap_or_default();
    (line.strip_suffix(b"\r").unwrap_or(line), parts.next().unwrap_or_default())
}

fn read_line(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    let token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    token.then(|| (name, value.get(1..).unwrap_or_default().trim_ascii().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(message: &Message) -> Vec<(&str, &str)> {
        message.lines.iter().map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap())).collect()
    }

    #[test]
    fn a_url_is_a_request() {
        let request = Message::of_url("GET", "HTTPS://u@h.example:8443/a?b=1#c").unwrap();
        let expected =
            [(":method", "GET"), (":scheme", "https"), (":authority", "h.example:8443"), (":path", "/a?b=1")];
        assert_eq!(lines(&request), expected);
        assert_eq!(Message::of_url("GET", "http://h?b").unwrap().get(":path"), Some("/?b"));
        for wrong in ["h.example/a", "ftp://h/", "http:///a", "http://h/a b"] {
            assert!(Message::of_url("GET", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_recorded_request_has_lines_and_a_body() {
        let request = Message::of_request(b"POST /x HTTP/1.1\r\nHost: h\r\nX-A:  1 \r\n\r\n{}\n").unwrap();
        let expected = [(":method", "POST"), (":scheme", "http"), (":authority", "h"), (":path", "/x"), ("x-a", "1")];
        assert_eq!((lines(&request).as_slice(), request.body.as_slice()), (&expected[..], &b"{}\n"[..]));
        let absolute = Message::of_request(b"GET https://h/x HTTP/1.1\n").unwrap();
        assert_eq!(absolute.get(":scheme"), Some("https"));
        for wrong in [&b""[..], b"GET /x", b"GET /x HTTP/1.1\n\n", b"GET /x HTTP/1.1\nHost: h\nnonsense\n\n"] {
            assert!(Message::of_request(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_recorded_response_has_a_status() {
        let response = Message::of_response(b"HTTP/2 200\ncache-control: max-age=1\n\nbody").unwrap();
        assert_eq!(lines(&response), [(":status", "200"), ("cache-control", "max-age=1")]);
        assert_eq!(response.body, b"body");
        for wrong in [&b"200 OK\n"[..], b"HTTP/1.1 2x0 OK\n", b"HTTP/1.1\n"] {
            assert!(Message::of_response(wrong).is_err(), "{wrong:?}");
        }
    }
}
