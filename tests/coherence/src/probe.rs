//! Those who watch: a connection to each worker that asks again and again for a key that is about to be invalidated, until
//! the worker gives the new version.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stack::Client;

use crate::load::{Field, Record, send};
use crate::truth::Truth;

/// How often each watched key is asked for.
const PACE: Duration = Duration::from_millis(20);
/// How long a key is watched at most.
const LONGEST: Duration = Duration::from_secs(3);

/// A key that is watched.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// The key.
    pub key: usize,
    /// The version that is waited for.
    pub version: usize,
    /// Since when.
    pub since: Instant,
}

/// One worker, and what it is asked for.
#[derive(Debug)]
pub struct Probe {
    /// The number of its pod.
    pub pod: usize,
    /// Which of those it is that watch this worker.
    pub turn: usize,
    /// The number of the worker, over all pods.
    pub worker: usize,
    client: Mutex<Option<Client>>,
    watched: Mutex<Vec<Watch>>,
}

impl Probe {
    /// One for this worker.
    pub fn new(pod: usize, turn: usize, worker: usize, client: Client) -> Self {
        Self { pod, turn, worker, client: Mutex::new(Some(client)), watched: Mutex::default() }
    }

    /// Watches one more key.
    pub fn watch(&self, watch: Watch) {
        held(&self.watched).push(watch);
    }

    /// Asks on this connection from now on; without one it does nothing. What was watched is forgotten.
    pub fn connect(&self, client: Option<Client>) {
        *held(&self.client) = client;
        held(&self.watched).clear();
    }

    /// Asks until it is over.
    pub fn ask(&self, field: &Field, truth: &Truth) {
        let mut records = Vec::new();
        while !field.is_over() {
            let next = Instant::now() + PACE;
            let watched = held(&self.watched).clone();
            for watch in watched {
                let seen = self.look(watch, field, truth);
                if seen.is_none_or(|record| record.version >= Some(watch.version)) || watch.since.elapsed() > LONGEST {
                    held(&self.watched).retain(|other| (other.key, other.version) != (watch.key, watch.version));
                }
                records.extend(seen);
            }
            sleep(next.saturating_duration_since(Instant::now()));
        }
        field.note(records);
    }

    fn look(&self, watch: Watch, field: &Field, truth: &Truth) -> Option<Record> {
        let mut client = held(&self.client);
        if client.is_none() {
            return None;
        }
        let record = send(&mut client, 0, truth, watch.key);
        if record.is_none() {
            field.lose(self.pod);
        }
        record.map(|record| Record { pod: self.pod, worker: Some(self.worker), ..record })
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
