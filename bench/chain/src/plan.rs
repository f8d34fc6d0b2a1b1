//! All numbers of the load.

use std::time::Duration;

/// The fingerprints that clients ask about: so many keys for the cache.
pub const KEYS: usize = 100_000;
/// The exponent of Zipf's law, for fingerprints and profiles.
pub const SKEW: f64 = 1.0;
/// What an answer takes the service: as long as p95 may be, so that only the cache can meet that.
pub const DELAY: Duration = Duration::from_millis(50);

/// The Envoys.
pub const PODS: usize = 2;
/// The workers of each: the two cores of a small machine are enough for no more.
pub const WORKERS: usize = 1;

/// Connections that ask, spread over the Envoys.
pub const CONNECTIONS: usize = 128;
/// Connections that warm up, of a service that then takes no time: as many as make fills no faster than a worker sends
/// them to Redis, for what comes faster is answered and not stored there.
pub const WARMERS: usize = 48;
/// What is asked a second while it is measured: somewhat more than the target, as the first and last moments have less.
pub const RATE: f64 = 5_200.0;
/// What is asked a second where cores are not to be what is measured, and while old answers are looked for.
pub const QUIET_RATE: f64 = 1_000.0;

/// How long all keys may take to be fetched once, the most popular first.
pub const WARM: Duration = Duration::from_secs(40);
/// How long the memories then take to hold what is popular.
pub const SETTLE: Duration = Duration::from_secs(6);
/// How long it is measured.
pub const MEASURED: Duration = Duration::from_secs(15);
/// How long it is asked at [`QUIET_RATE`], where times are those of the cache and not of a queue for two cores.
pub const QUIET: Duration = Duration::from_secs(5);
/// How long everybody asks as fast as answers come.
pub const FULL: Duration = Duration::from_secs(5);
/// How often the model is retrained, and how long each is watched.
pub const RETRAININGS: usize = 4;
/// See [`RETRAININGS`].
pub const WATCHED: Duration = Duration::from_millis(1_500);
/// From one notice to the next while it is measured.
pub const NOTICES: Duration = Duration::from_millis(100);

/// What is asked for, in thousandths of all requests; the rest identifies fingerprints.
pub const PROFILE: usize = 180;
/// See [`PROFILE`].
pub const LIST: usize = 40;
/// See [`PROFILE`].
pub const FEATURES: usize = 40;
/// See [`PROFILE`]. Never cached.
pub const GENERATE: usize = 20;
/// See [`PROFILE`]. Never cached.
pub const ACCOUNT: usize = 10;
