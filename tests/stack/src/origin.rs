//! A service that does what a test tells it: answer, wait, hang, cut the body, reset the connection.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::port::Port;
use crate::wire::{Framing, Headers, Reader, find};

/// How often a thread that waits looks whether the origin was dropped.
const GLANCE: Duration = Duration::from_millis(20);
/// So many connections may come at the same moment.
const BACKLOG: i32 = 4096;
/// So many requests are kept for [`Origin::asked`].
const KEPT: usize = 1000;

/// What the origin does next with the connection of a request.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends these bytes.
    Write(Vec<u8>),
    /// Waits.
    Sleep(Duration),
    /// Does nothing until the peer leaves or the origin is dropped.
    Hang,
    /// Closes the connection in order (FIN).
    Close,
    /// Breaks the connection off (RST).
    Reset,
}

/// A request as it reached the origin.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The request target, byte for byte.
    pub target: Vec<u8>,
    /// The header lines in their order, values as bytes.
    pub headers: Headers,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// How many requests reached the origin before this one.
    pub number: usize,
}

impl Asked {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        find(&self.headers, name)
    }

    /// The request target as text, other bytes replaced.
    pub fn path(&self) -> String {
        String::from_utf8_lossy(&self.target).into_owned()
    }
}

/// A whole answer with its `Content-Length`: the usual script.
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<Step> {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    vec![Step::Write(bytes)]
}

type Script = dyn Fn(&Asked) -> Vec<Step> + Send + Sync;

struct Shared {
    script: Mutex<Arc<Script>>,
    count: Mutex<usize>,
    asked: Mutex<VecDeque<Asked>>,
    gone: AtomicBool,
}

/// A scripted service on a port of 127.0.0.1, with a thread for each connection; stops when dropped.
pub struct Origin {
    port: Port,
    shared: Arc<Shared>,
}

impl Origin {
    /// Starts it; `script` says what to do with each request. Connections are kept alive unless it closes them.
    ///
    /// # Errors
    /// A sentence, when it cannot listen.
    pub fn start(script: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static) -> Result<Self, String> {
        let port = Port::free()?;
        let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number()));
        let listener = listening.map_err(|error| format!("the scripted origin cannot listen: {error}"))?;
        // Room for a thousand connections at once: the standard library leaves it at 128, and the rest would wait a second.
        rustix::net::listen(&listener, BACKLOG).map_err(|error| format!("the origin cannot listen: {error}"))?;
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(script)),
            count: Mutex::new(0),
            asked: Mutex::default(),
            gone: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &served));
        Ok(Self { port, shared })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Behaves otherwise from the next request on.
    pub fn becomes(&self, script: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static) {
        *lock(&self.shared.script) = Arc::new(script);
    }

    /// How many requests reached it.
    pub fn count(&self) -> usize {
        *lock(&self.shared.count)
    }

    /// The requests that reached it, oldest first; only the last thousand are kept.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.asked).iter().cloned().collect()
    }

    /// Waits until so many requests reached it.
    ///
    /// # Errors
    /// A sentence with both numbers, when `limit` is over before.
    pub fn until(&self, count: usize, limit: Duration) -> Result<(), String> {
        let deadline = Instant::now() + limit;
        while self.count() < count {
            if Instant::now() > deadline {
                return Err(format!("{} requests reached the origin in {limit:?}, not {count}", self.count()));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port()));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.gone.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || serve(stream, &shared));
    }
}

/// Answers the requests of one connection, one after the other.
fn serve(mut stream: TcpStream, shared: &Shared) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(GLANCE)).ok()?;
    let mut reader = Reader::new(stream.try_clone().ok()?);
    loop {
        while !reader.waiting().ok()? {
            if shared.gone.load(Ordering::Acquire) {
                return None;
            }
        }
        // What has begun to come is given time to come whole.
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        let asked = receive(&mut reader, &mut stream, shared)?;
        stream.set_read_timeout(Some(GLANCE)).ok()?;
        let script = Arc::clone(&lock(&shared.script));
        for step in script(&asked) {
            act(step, &mut stream, &mut reader, shared)?;
        }
    }
}

fn receive(reader: &mut Reader, stream: &mut TcpStream, shared: &Shared) -> Option<Asked> {
    let head = reader.head().ok()?;
    if head.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let body = reader.body(Framing::of(&head, Framing::Length(0))).ok()?;
    let mut first = head.first.into_iter();
    let method = String::from_utf8_lossy(&first.next()?).into_owned();
    let asked = Asked { method, target: first.next()?, headers: head.headers, body, number: next(shared) };
    let mut kept = lock(&shared.asked);
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(asked.clone());
    Some(asked)
}

fn next(shared: &Shared) -> usize {
    let mut count = lock(&shared.count);
    *count += 1;
    *count - 1
}

/// Takes one step; `None` when the connection is over.
fn act(step: Step, stream: &mut TcpStream, reader: &mut Reader, shared: &Shared) -> Option<()> {
    match step {
        Step::Write(bytes) => stream.write_all(&bytes).ok(),
        Step::Sleep(time) => sleep(time, shared),
        Step::Hang => hang(reader, shared),
        Step::Close => stream.shutdown(Shutdown::Both).ok().and(None),
        // A zero linger time makes the closing of the last handle (this function's caller ends) a reset.
        Step::Reset => rustix::net::sockopt::set_socket_linger(&*stream, Some(Duration::ZERO)).ok().and(None),
    }
}

fn sleep(time: Duration, shared: &Shared) -> Option<()> {
    let deadline = Instant::now() + time;
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        if shared.gone.load(Ordering::Acquire) {
            return None;
        }
        thread::sleep(left.min(GLANCE));
    }
    Some(())
}

fn hang(reader: &mut Reader, shared: &Shared) -> Option<()> {
    while !shared.gone.load(Ordering::Acquire) {
        if reader.waiting().ok()? {
            thread::sleep(GLANCE);
        }
    }
    None
}

/// A script that panicked on another thread leaves the data as good as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Client, Request};

    #[test]
    fn one_connection_asks_twice_and_both_are_counted() {
        let origin = Origin::start(|asked| answer(200, &[], format!("{} {}", asked.number, asked.path()))).unwrap();
        let mut client = Client::connect(origin.port()).unwrap();
        assert_eq!(client.send(&Request::get("/a")).unwrap().body, b"0 /a");
        assert_eq!(client.send(&Request::post("/b", b"body\xff")).unwrap().body, b"1 /b");
        assert_eq!(origin.count(), 2);
        assert_eq!(origin.asked()[1].body, b"body\xff");
    }

    #[test]
    fn a_reset_is_seen_as_one() {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec();
        let steps = vec![Step::Write(head), Step::Sleep(Duration::from_millis(50)), Step::Reset];
        let origin = Origin::start(move |_| steps.clone()).unwrap();
        let error = Request::get("/").send(origin.port()).unwrap_err();
        assert!(error.contains("status 200") && error.contains("reset"), "{error}");
    }

    #[test]
    fn a_hanging_origin_can_become_another_and_be_dropped() {
        let origin = Origin::start(|_| vec![Step::Hang]).unwrap();
        let mut client = Client::connect(origin.port()).unwrap();
        client.patience(Duration::from_millis(100)).unwrap();
        assert!(client.send(&Request::get("/")).is_err());
        origin.becomes(|_| answer(204, &[], ""));
        assert_eq!(Request::get("/").send(origin.port()).unwrap().status, 204);
        let port = origin.port();
        drop(origin);
        let deadline = Instant::now() + Duration::from_secs(2);
        while Client::connect(port).is_ok() {
            assert!(Instant::now() < deadline, "still listening after the drop");
        }
    }
}
