//! HTTP/1.1 messages as bytes: read from a socket, whatever those bytes are.

use std::io::{self, Read};
use std::net::TcpStream;

/// Header lines in their order, names as sent, values as bytes.
pub type Headers = Vec<(String, Vec<u8>)>;

/// The first line and the headers of a message.
#[derive(Clone, Debug)]
pub struct Head {
    /// The first line, cut at its spaces: `[method, target, version]` or `[version, status, ...]`.
    pub first: Vec<Vec<u8>>,
    /// The header lines.
    pub headers: Headers,
}

impl Head {
    /// The value of the first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        find(&self.headers, name)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.next()?.split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect();
        let headers = lines.filter(|line| !line.is_empty()).map(header_line).collect::<Option<Headers>>()?;
        Some(Self { first, headers })
    }
}

/// The value of the first header of that name, in any case.
pub fn find<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes.
    Length(usize),
    /// In chunks, the last of which is empty.
    Chunked,
    /// The connection ends.
    UntilClose,
}

impl Framing {
    /// What the headers say, or `otherwise` when they say nothing.
    pub fn of(head: &Head, otherwise: Self) -> Self {
        if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked")) {
            return Self::Chunked;
        }
        let length =
            head.header("content-length").and_then(|value| std::str::from_utf8(value).ok()?.trim().parse().ok());
        length.map_or(otherwise, Self::Length)
    }
}

/// A socket, or anything else with bytes in it, and the bytes read from it that belong to the next message.
#[derive(Debug)]
pub struct Reader<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: Read> Reader<S> {
    /// Reads from `stream`, with whatever timeouts it has.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Reads up to the empty line after the headers.
    ///
    /// # Errors
    /// `UnexpectedEof` when the peer closes before it, `InvalidData` when a header line has no colon.
    pub fn head(&mut self) -> io::Result<Head> {
        loop {
            if let Some(end) = position(&self.buffer, b"\r\n\r\n") {
                let bytes: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return Head::parse(bytes.get(..end).unwrap_or_default()).ok_or_else(|| invalid("headers"));
            }
            self.more()?;
        }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// `UnexpectedEof` when it is cut short, `InvalidData` when a chunk has no readable size.
    pub fn body(&mut self, framing: Framing) -> io::Result<Vec<u8>> {
        match framing {
            Framing::Length(length) => self.exactly(length),
            Framing::Chunked => self.chunks(),
            Framing::UntilClose => self.rest(),
        }
    }

    /// Whether bytes, or the end, can be read within the socket's timeout. `false`: nothing came.
    ///
    /// # Errors
    /// `UnexpectedEof` when the peer closed.
    pub fn waiting(&mut self) -> io::Result<bool> {
        if !self.buffer.is_empty() {
            return Ok(true);
        }
        match self.more() {
            Ok(()) => Ok(true),
            Err(error) if is_timeout(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.more()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(|&byte| byte == b';').next().and_then(|size| std::str::from_utf8(size).ok());
            let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
            let size = size.ok_or_else(|| invalid("chunk size"))?;
            if size == 0 {
                // Trailers, up to an empty line.
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.exactly(size)?);
            self.line()?;
        }
    }

    fn rest(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.more() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.buffer));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = position(&self.buffer, b"\r\n") {
                let mut line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                line.truncate(end);
                return Ok(line);
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let mut chunk = [0_u8; 16 * 1024];
        let count = self.stream.read(&mut chunk)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
        Ok(())
    }
}

/// Whether a read or write gave up because of the socket's timeout.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn header_line(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = line.split_at(colon);
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    Some((String::from_utf8_lossy(name).into_owned(), value.to_vec()))
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unreadable {what}"))
}
