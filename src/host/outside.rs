//! Time, chance, shared data and properties, as the core wants them.

use crate::shared::{Conflict, Shared};
use crate::time::{Instant, Now, Timestamp};
use proxy_wasm::hostcalls;
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    static START: std::time::Instant = std::time::Instant::now();
    static SEED: Cell<u64> = Cell::new(RandomState::new().hash_one(0u8));
}

/// Reads both clocks.
pub fn now() -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now { wall: Timestamp(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)), mono: mono() }
}

/// Reads the monotonic clock, in microseconds since this VM began.
pub fn mono() -> Instant {
    let micros = START.with(|start| start.elapsed().as_micros());
    Instant(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// A random number from the host's seed; for spreading, not for secrets.
///
/// SplitMix64 (Steele, Lea, Flood 2014) from 64 bits of the host: what two workers draw differs as their seeds do.
pub fn random() -> u64 {
    SEED.with(|seed| {
        let next = seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        seed.set(next);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// A number that no other VM has.
pub fn vm() -> u64 {
    thread_local! {
        static VM: u64 = random();
    }
    VM.with(|vm| *vm)
}

/// A property of the stream in effect.
pub fn property(path: &[String]) -> Option<Vec<u8>> {
    hostcalls::get_property(path.iter().map(String::as_str).collect()).ok().flatten()
}

/// The host's shared data.
pub struct HostShared;

impl Shared for HostShared {
    fn get(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        let (bytes, version) = hostcalls::get_shared_data(name).ok()?;
        Some((bytes?, version))
    }

    fn set(&mut self, name: &str, bytes: &[u8], version: Option<u32>) -> Result<(), Conflict> {
        hostcalls::set_shared_data(name, Some(bytes), version).map_err(|_| Conflict)
    }
}
