//! A few commands of the Redis protocol (RESP 2), with arguments and replies of any bytes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Replies nest no deeper than this; ours nest once or twice.
const DEPTH: usize = 8;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`
    Status(String),
    /// `-ERR ...`, without the minus.
    Error(String),
    /// `:1`
    Integer(i64),
    /// `$3`, or `None` for `$-1`.
    Bulk(Option<Vec<u8>>),
    /// `*2`; `*-1` is an empty one.
    Array(Vec<Reply>),
}

impl Reply {
    /// The bytes of a bulk string.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bulk(bytes) => bytes.as_deref(),
            _ => None,
        }
    }

    /// The number of an integer reply.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The members of an array that are bulk strings.
    pub fn list(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Array(members) => members.iter().filter_map(|member| member.bytes().map(<[u8]>::to_vec)).collect(),
            _ => Vec::new(),
        }
    }
}

/// A connection to Redis.
#[derive(Debug)]
pub struct Resp {
    stream: BufReader<TcpStream>,
}

impl Resp {
    /// Connects to a port of 127.0.0.1 and logs in; each reply may take two seconds.
    ///
    /// # Errors
    /// A sentence, when nobody listens or the login is refused.
    pub fn connect(port: u16, user: &str, password: &str) -> Result<Self, String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let limit = Duration::from_secs(2);
        let failed = |error| format!("cannot connect to Redis on port {port}: {error}");
        let stream = TcpStream::connect_timeout(&address, limit).map_err(failed)?;
        stream.set_read_timeout(Some(limit)).map_err(failed)?;
        let mut connection = Self { stream: BufReader::new(stream) };
        match connection.call(&[b"AUTH", user.as_bytes(), password.as_bytes()])? {
            Reply::Status(_) => Ok(connection),
            refused => Err(format!("Redis refuses the user {user}: {refused:?}")),
        }
    }

    /// Sends a command and reads its reply; `-ERR ...` is a reply.
    ///
    /// # Errors
    /// A sentence, when there is no reply or it is not RESP.
    pub fn call<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Result<Reply, String> {
        let mut command = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments {
            let argument = argument.as_ref();
            command.extend(format!("${}\r\n", argument.len()).into_bytes());
            command.extend_from_slice(argument);
            command.extend_from_slice(b"\r\n");
        }
        let failed = |error| format!("no reply from Redis: {error}");
        self.stream.get_mut().write_all(&command).map_err(failed)?;
        read(&mut self.stream, DEPTH).map_err(failed)
    }
}

fn read(stream: &mut impl BufRead, depth: usize) -> io::Result<Reply> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| unreadable(line))?;
    let number = || rest.parse::<i64>().map_err(|_| unreadable(line));
    match kind {
        "+" => Ok(Reply::Status(rest.to_owned())),
        "-" => Ok(Reply::Error(rest.to_owned())),
        ":" => number().map(Reply::Integer),
        "$" => bulk(stream, number()?).map(Reply::Bulk),
        "*" if depth > 0 => {
            (0..number()?).map(|_| read(stream, depth - 1)).collect::<io::Result<_>>().map(Reply::Array)
        }
        _ => Err(unreadable(line)),
    }
}

fn bulk(stream: &mut impl Read, length: i64) -> io::Result<Option<Vec<u8>>> {
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    let mut bytes = vec![0; length + 2];
    stream.read_exact(&mut bytes)?;
    bytes.truncate(length);
    Ok(Some(bytes))
}

fn unreadable(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not RESP: {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(mut bytes: &[u8]) -> io::Result<Reply> {
        read(&mut bytes, DEPTH)
    }

    #[test]
    fn every_kind_of_reply() {
        assert_eq!(parsed(b"+OK\r\n").unwrap(), Reply::Status("OK".to_owned()));
        assert_eq!(parsed(b"-ERR no\r\n").unwrap(), Reply::Error("ERR no".to_owned()));
        assert_eq!(parsed(b":-7\r\n").unwrap().integer(), Some(-7));
        assert_eq!(parsed(b"$4\r\n\xff\r\n\0\r\n").unwrap().bytes(), Some(&b"\xff\r\n\0"[..]));
        assert_eq!(parsed(b"$-1\r\n").unwrap(), Reply::Bulk(None));
        assert_eq!(parsed(b"*2\r\n$1\r\na\r\n*0\r\n").unwrap().list(), [b"a"]);
    }

    #[test]
    fn what_is_not_resp_is_an_error() {
        for bytes in [&b""[..], b"\r\n", b"?\r\n", b"$x\r\n", b"$5\r\nab", b":\r\n"] {
            assert!(parsed(bytes).is_err(), "{bytes:?}");
        }
    }
}
