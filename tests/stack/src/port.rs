//! Free ports for processes that run side by side in parallel tests.
//!
//! A port picked by binding to 0 and letting go again can be taken by another test before its process has started,
//! or by an outgoing connection. So ports come from below the range of outgoing connections, and a lock on a small
//! file claims each for as long as its [`Port`] lives; the system lets go of the lock when the process dies.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port on 127.0.0.1 that no other `Port` of this user has.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Holds the lock. A fixed port has none.
    _claim: Option<File>,
}

impl Port {
    /// Claims a free port between 20000 and 31999.
    ///
    /// # Errors
    /// A sentence, when none is free or the claims cannot be written.
    pub fn free() -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let start = std::process::id().wrapping_mul(97);
        for _ in 0..COUNT {
            let step = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
            let number = FIRST + u16::try_from(step % u32::from(COUNT)).unwrap_or(0);
            if let Some(port) = Self::claim(number)? {
                return Ok(port);
            }
        }
        Err(format!("no port between {FIRST} and {} is free", FIRST + COUNT - 1))
    }

    /// A port that the configuration names, as it is: nothing is claimed.
    pub fn fixed(number: u16) -> Self {
        Self { number, _claim: None }
    }

    /// The number, to connect to.
    pub fn number(&self) -> u16 {
        self.number
    }

    fn claim(number: u16) -> Result<Option<Self>, String> {
        let file = claims()?.join(number.to_string());
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&file);
        let claim = opened.map_err(|error| format!("cannot claim a port in {}: {error}", file.display()))?;
        if claim.try_lock().is_err() || !is_free(number) {
            return Ok(None);
        }
        Ok(Some(Self { number, _claim: Some(claim) }))
    }
}

/// Whether nothing listens on the port.
pub fn is_free(number: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
}

/// The folder of the claims: one a user and machine, as several clones may run tests at once.
fn claims() -> Result<PathBuf, String> {
    let user = rustix::process::getuid().as_raw();
    let folder = std::env::temp_dir().join(format!("fingerprint-cache-ports-{user}"));
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_port_is_not_given_twice() {
        let mine = Port::free().unwrap();
        assert!(is_free(mine.number()), "a claim must leave the port to be bound");
        assert!(Port::claim(mine.number()).unwrap().is_none());
        let number = mine.number();
        drop(mine);
        assert!(Port::claim(number).unwrap().is_some());
    }

    #[test]
    fn a_port_in_use_is_not_given() {
        let number = Port::free().unwrap().number();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).unwrap();
        assert!(Port::claim(number).unwrap().is_none());
    }
}
