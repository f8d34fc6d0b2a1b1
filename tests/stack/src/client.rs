//! A client that sends exactly the bytes it is given, and keeps the answer's bytes as they came.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::cache_status::CacheStatus;
use crate::wire::{self, Framing, Headers, Reader};

/// How long an answer may take, unless said otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A request, as bytes.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
    framed: bool,
}

impl Request {
    /// A request for `target`, sent as it is; `Host: localhost` unless another is set.
    pub fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        let target = target.as_ref().to_vec();
        Self { method: method.to_owned(), target, headers: Vec::new(), body: Vec::new(), framed: false }
    }

    /// A GET.
    pub fn get(target: impl AsRef<[u8]>) -> Self {
        Self::new("GET", target)
    }

    /// A POST with a body.
    pub fn post(target: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Self {
        Self::new("POST", target).body(body)
    }

    /// Adds a header line; a name may come several times, and value and name may be any bytes.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Adds `Authorization: Bearer <token>`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sets the body. Its `Content-Length` is sent unless the headers set a framing of their own.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.framed = true;
        self
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The request target as text, other bytes replaced.
    pub fn path(&self) -> String {
        String::from_utf8_lossy(&self.target).into_owned()
    }

    /// The bytes on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\n"].concat();
        if !self.names("host") {
            bytes.extend_from_slice(b"host: localhost\r\n");
        }
        for (name, value) in &self.headers {
            bytes.extend([name.as_slice(), b": ", value, b"\r\n"].concat());
        }
        if self.framed && !self.names("content-length") && !self.names("transfer-encoding") {
            bytes.extend(format!("content-length: {}\r\n", self.body.len()).into_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it on a connection of its own and reads the answer, in ten seconds at most.
    ///
    /// # Errors
    /// A sentence, when there is no whole answer.
    pub fn send(&self, port: u16) -> Result<Response, String> {
        Client::connect(port)?.send(self)
    }

    fn names(&self, name: &str) -> bool {
        self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header lines in their order, values as bytes.
    pub headers: Headers,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// From the first byte sent to the last byte read.
    pub elapsed: Duration,
}

impl Response {
    /// Reads the answer to a request of that method; interim answers (1xx) are passed over.
    ///
    /// # Errors
    /// A sentence, when it does not come whole.
    pub fn read<S: Read>(reader: &mut Reader<S>, method: &str) -> Result<Self, String> {
        let begun = Instant::now();
        loop {
            let head = reader.head().map_err(|error| format!("no answer: {error}"))?;
            let code = head.first.get(1).and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
            let status: u16 = code.ok_or("an answer without a status code")?;
            if (100..200).contains(&status) {
                continue;
            }
            let bodiless = method == "HEAD" || status == 204 || status == 304;
            let framing = if bodiless { Framing::Length(0) } else { Framing::of(&head, Framing::UntilClose) };
            let cut = |error| format!("status {status}, then a body cut short: {error}");
            let body = reader.body(framing).map_err(cut)?;
            return Ok(Self { status, headers: head.headers, body, elapsed: begun.elapsed() });
        }
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        wire::find(&self.headers, name)
    }

    /// The first header of that name, as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.header(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// What our cache says of this answer; all lines of the header count as one list.
    pub fn cache_status(&self) -> Option<CacheStatus> {
        let lines = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cache-status"));
        let list: Vec<_> = lines.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
        CacheStatus::parse(&list.join(", "), "fingerprint-cache")
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// A sentence with the body.
    pub fn json(&self) -> Result<serde_json::Value, String> {
        let text = || String::from_utf8_lossy(&self.body).into_owned();
        serde_json::from_slice(&self.body).map_err(|error| format!("not JSON ({error}): {}", text()))
    }
}

/// A connection that stays open from one request to the next.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    reader: Reader,
}

impl Client {
    /// Connects to a port of 127.0.0.1; each read may take ten seconds.
    ///
    /// # Errors
    /// A sentence, when nobody listens.
    pub fn connect(port: u16) -> Result<Self, String> {
        let refused = |error| format!("cannot connect to port {port}: {error}");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        let reader = Reader::new(stream.try_clone().map_err(refused)?);
        let client = Self { stream, reader };
        client.patience(PATIENCE)?;
        Ok(client)
    }

    /// Sets how long each read may take.
    ///
    /// # Errors
    /// A sentence, when `limit` is zero.
    pub fn patience(&self, limit: Duration) -> Result<(), String> {
        self.stream.set_read_timeout(Some(limit)).map_err(|error| format!("cannot set a timeout: {error}"))
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// A sentence, when there is no whole answer.
    pub fn send(&mut self, request: &Request) -> Result<Response, String> {
        let begun = Instant::now();
        self.write(&request.bytes())?;
        let mut response = self.read(request.method())?;
        response.elapsed = begun.elapsed();
        Ok(response)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// A sentence, when the peer is gone.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).map_err(|error| format!("cannot send: {error}"))
    }

    /// Reads the answer to a request of that method; interim answers (1xx) are passed over.
    ///
    /// # Errors
    /// A sentence, when it does not come whole.
    pub fn read(&mut self, method: &str) -> Result<Response, String> {
        Response::read(&mut self.reader, method)
    }

    /// Leaves: closes both directions at once, whatever is under way.
    pub fn leave(self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::{Origin, Step};

    /// The answer a client reads when a server sends exactly these bytes and closes.
    fn read(bytes: &'static [u8]) -> Result<Response, String> {
        let origin = Origin::start(move |_| vec![Step::Write(bytes.to_vec()), Step::Close]).unwrap();
        Request::get("/").send(origin.port())
    }

    #[test]
    fn any_bytes_go_out_as_they_are() {
        let request = Request::post(b"/\xff", b"x").header("Host", "h").header("x-é", b"\xff");
        assert_eq!(
            request.bytes(),
            b"POST /\xff HTTP/1.1\r\nHost: h\r\nx-\xc3\xa9: \xff\r\ncontent-length: 1\r\n\r\nx"
        );
    }

    #[test]
    fn header_values_stay_bytes() {
        let response = read(b"HTTP/1.1 200 OK\r\nx: \xff\xfe\r\ncontent-length: 2\r\n\r\nok").unwrap();
        assert_eq!(response.header("X"), Some(&b"\xff\xfe"[..]));
        assert_eq!(response.body, b"ok");
    }

    #[test]
    fn chunks_are_joined_and_trailers_skipped() {
        let bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nt: v\r\n\r\n";
        assert_eq!(read(bytes).unwrap().body, b"abc0123456789");
    }

    #[test]
    fn a_short_body_is_an_error_and_a_close_ends_an_unframed_one() {
        let error = read(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc").unwrap_err();
        assert!(error.contains("cut short"), "{error}");
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\nabc").unwrap().body, b"abc");
    }

    #[test]
    fn interim_answers_are_passed_over() {
        let response = read(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(response.status, 204);
    }
}
