//! The program as a process: it listens, keeps connections, ends on a signal, and
//! says so when it cannot have its port.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running service; killed when dropped, should a test fail.
struct Demo {
    child: Child,
    address: String,
}

impl Demo {
    fn start() -> Self {
        let mut child = command("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(',').next());
        let address = address.expect("a line with the address").to_owned();
        Self { child, address }
    }

    fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        BufReader::new(stream)
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits for the end, 10 seconds at most.
    fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        unreachable!("the service does not end")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fingerprint-demo"));
    command.args(["--listen", listen, "--delay", "0ms"]);
    command
}

fn send(connection: &mut BufReader<TcpStream>, method: &str, path: &str) {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: demo\r\nX-API-Key: k\r\n\r\n");
    connection.get_mut().write_all(request.as_bytes()).unwrap();
}

/// Reads one head; returns it in lower case, with the length it declares.
fn head(connection: &mut BufReader<TcpStream>) -> (String, usize) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(connection.read_line(&mut head).unwrap(), 0, "closed after {head}");
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().unwrap());
    (head, length)
}

#[test]
fn one_connection_serves_head_and_get_in_turn() {
    let demo = Demo::start();
    let mut connection = demo.connect();
    let path = "/v1/fingerprints/profiles/chrome_120_win";
    send(&mut connection, "HEAD", path);
    let (first, announced) = head(&mut connection);
    // A body after HEAD would be read as the head of the next answer.
    send(&mut connection, "GET", path);
    let (second, length) = head(&mut connection);
    let mut body = vec![0; length];
    connection.read_exact(&mut body).unwrap();
    assert!(first.starts_with("http/1.1 200") && second.starts_with("http/1.1 200"));
    assert!(second.contains("\r\ndate: ") && second.contains("\r\netag: \""), "{second}");
    assert_eq!((announced, body.first(), body.last()), (length, Some(&b'{'), Some(&b'}')));
}

#[test]
fn either_signal_ends_it_in_order_though_a_client_stays_connected() {
    for name in ["-INT", "-TERM"] {
        let mut demo = Demo::start();
        let mut connection = demo.connect();
        send(&mut connection, "GET", "/health");
        head(&mut connection);
        let _silent = demo.connect();
        demo.signal(name);
        assert!(demo.end().success(), "{name}");
    }
}

#[test]
fn an_answer_in_flight_is_finished_before_the_end() {
    let mut demo = Demo::start();
    let mut connection = demo.connect();
    let request = "GET /v1/fingerprints/profiles HTTP/1.1\r\nHost: d\r\nX-API-Key: k\r\nX-Demo-Delay: 500ms\r\n\r\n";
    connection.get_mut().write_all(request.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(150));
    demo.signal("-TERM");
    assert!(head(&mut connection).0.starts_with("http/1.1 200"));
    assert!(demo.end().success());
}

#[test]
fn a_port_in_use_is_a_sentence_and_exit_code_1() {
    let demo = Demo::start();
    let output = command(&demo.address).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains(&demo.address) && text.contains("in use"), "{text}");
    assert_eq!(text.lines().count(), 1);
}
