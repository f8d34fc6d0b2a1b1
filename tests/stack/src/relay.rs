//! A way from a port of its own to another port of this machine, which can be led elsewhere, cut or held.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::port::Port;

#[derive(Debug)]
struct Shared {
    /// Where it leads to; `None` while it is cut.
    to: Mutex<Option<u16>>,
    /// One end of each connection that was opened since the last change.
    open: Mutex<Vec<TcpStream>>,
    /// Whether nothing passes for now.
    held: Mutex<bool>,
    released: Condvar,
    gone: AtomicBool,
}

impl Shared {
    /// Waits for as long as nothing passes.
    fn pass(&self) {
        let held = self.released.wait_while(lock(&self.held), |held| *held && !self.gone.load(Ordering::Acquire));
        drop(held.unwrap_or_else(PoisonError::into_inner));
    }

    fn hold(&self, held: bool) {
        *lock(&self.held) = held;
        self.released.notify_all();
    }
}

/// A TCP relay with two threads for each connection; stops when dropped.
#[derive(Debug)]
pub struct Relay {
    port: Port,
    shared: Arc<Shared>,
}

impl Relay {
    /// Starts one that leads to this port of 127.0.0.1.
    ///
    /// # Errors
    /// A sentence, when it cannot listen.
    pub fn start(to: u16) -> Result<Self, String> {
        let port = Port::free()?;
        let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number()));
        let listener = listening.map_err(|error| format!("the relay cannot listen: {error}"))?;
        let shared = Arc::new(Shared {
            to: Mutex::new(Some(to)),
            open: Mutex::default(),
            held: Mutex::new(false),
            released: Condvar::new(),
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

    /// Leads to another port from now on; what is connected is broken off.
    pub fn lead_to(&self, port: u16) {
        self.change(Some(port));
    }

    /// Leads nowhere from now on: what is connected is broken off, and so is what comes.
    pub fn cut(&self) {
        self.change(None);
    }

    /// Lets nothing pass from now on and breaks nothing off, as a network that loses every packet: what is sent, and
    /// the end of a connection, arrives after [`Relay::release`]. Whoever connects meanwhile is connected and hears
    /// nothing.
    pub fn hold(&self) {
        self.shared.hold(true);
    }

    /// Lets everything pass again.
    pub fn release(&self) {
        self.shared.hold(false);
    }

    fn change(&self, to: Option<u16>) {
        *lock(&self.shared.to) = to;
        for stream in lock(&self.shared.open).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::Release);
        self.cut();
        self.release();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port()));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.gone.load(Ordering::Acquire) {
            return;
        }
        // What cannot be connected is closed, as a relay that leads nowhere would.
        let _ = stream.and_then(|stream| connect(stream, shared));
    }
}

fn connect(near: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    // Held until the connection is noted, so that a change breaks off this one as well.
    let to = lock(&shared.to);
    let far = TcpStream::connect((Ipv4Addr::LOCALHOST, to.ok_or(io::ErrorKind::ConnectionRefused)?))?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    lock(&shared.open).push(near.try_clone()?);
    copy(near.try_clone()?, far.try_clone()?, Arc::clone(shared));
    copy(far, near, Arc::clone(shared));
    Ok(())
}

/// Copies until one side ends; then both do.
fn copy(mut from: TcpStream, mut to: TcpStream, shared: Arc<Shared>) {
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        loop {
            let count = from.read(&mut bytes).unwrap_or(0);
            shared.pass();
            let read = bytes.get(..count).unwrap_or_default();
            if read.is_empty() || to.write_all(read).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Client, Request};
    use crate::origin::{Origin, answer};
    use std::time::Duration;

    fn saying(word: &'static str) -> Origin {
        Origin::start(move |_| answer(200, &[], word)).unwrap()
    }

    #[test]
    fn it_leads_elsewhere_and_breaks_off_what_was_connected() {
        let (one, other) = (saying("one"), saying("other"));
        let relay = Relay::start(one.port()).unwrap();
        let mut client = Client::connect(relay.port()).unwrap();
        assert_eq!(client.send(&Request::get("/")).unwrap().body, b"one");
        relay.lead_to(other.port());
        assert!(client.send(&Request::get("/")).is_err());
        assert_eq!(Request::get("/").send(relay.port()).unwrap().body, b"other");
        relay.cut();
        assert!(Request::get("/").send(relay.port()).is_err());
    }

    #[test]
    fn what_is_held_arrives_later() {
        let origin = saying("late");
        let relay = Relay::start(origin.port()).unwrap();
        let mut client = Client::connect(relay.port()).unwrap();
        client.patience(Duration::from_millis(100)).unwrap();
        relay.hold();
        client.write(&Request::get("/").bytes()).unwrap();
        assert!(client.read("GET").unwrap_err().contains("no answer"));
        assert_eq!(origin.count(), 0);
        relay.release();
        assert_eq!(client.read("GET").unwrap().body, b"late");
    }
}
