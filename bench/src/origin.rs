//! The origin of the cases that need one: the same answer to everybody, as cheap and steady as can be.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use crate::answer;

/// Starts it on a free port; it lives as long as this process. Dates are of this moment.
///
/// # Errors
/// A sentence, when it cannot listen.
pub fn start() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("no origin: {error}"))?;
    let port = listener.local_addr().map_err(|error| format!("no origin: {error}"))?.port();
    let answer: Arc<[u8]> = response(&httpdate::fmt_http_date(SystemTime::now())).into();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || serve(stream, &answer));
        }
    });
    Ok(port)
}

fn response(date: &str) -> Vec<u8> {
    let lines: String = answer::HEADERS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = answer::BODY.len();
    format!("HTTP/1.1 200 OK\r\n{lines}date: {date}\r\ncontent-length: {length}\r\n\r\n{}", answer::BODY).into_bytes()
}

/// Answers every request of a connection. None has a body, and Envoy sends the next only after the answer.
fn serve(mut stream: TcpStream, answer: &[u8]) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = [0; 8192];
    let mut held = 0;
    loop {
        match stream.read(buffer.get_mut(held..)?) {
            Ok(0) => return None,
            Ok(length) => held += length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return None,
        }
        if buffer.get(..held)?.ends_with(b"\r\n\r\n") {
            stream.write_all(answer).ok()?;
            held = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stack::{Client, Request};

    #[test]
    fn one_connection_is_answered_again_and_again() {
        let mut client = Client::connect(start().unwrap()).unwrap();
        for _ in 0..3 {
            let response = client.send(&Request::get("/x")).unwrap();
            assert_eq!((response.status, response.body.len()), (200, 1024));
            assert_eq!(response.text("etag").unwrap(), "\"5d8c72a5edda8d6a\"");
        }
    }
}
