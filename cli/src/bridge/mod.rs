//! `fpcache bridge`: from the pub/sub channels that publishers already use to the invalidation log.
//!
//! - `event`, `timestamp`: what publishers send.
//! - `map`, `glob`, `form`: what it means here.
//! - `hear`: the thread that listens; `seen`: which event is which among several bridges.
//! - `publish`: the thread that writes.
//! - `state`, `counts`, `log`, `page`: what they share, and what of it is seen from outside.
//! - `sample`: what is in Redis, by rule.

mod counts;
mod event;
mod form;
mod glob;
mod hear;
mod log;
mod map;
mod page;
mod publish;
mod sample;
mod seen;
mod state;
mod timestamp;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redis::IntoConnectionInfo as _;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use self::hear::{Missed, Start, Subscriber};
use self::log::{Level, Log};
use self::map::{Given, Map};
use self::publish::Publisher;
use self::sample::Sampler;
use self::state::State;
use crate::output::{OK, Output};
use crate::redis::Arguments as Redis;

/// Where the fingerprint API is.
const HOST: &str = "fingerprint-api.fingerprint-api.svc.cluster.local";
/// So many events wait for Redis at most; beyond them everything is invalidated.
const QUEUE: usize = 10_000;
/// How long what was heard may take to be published when the bridge is to end.
const FAREWELL: Duration = Duration::from_secs(8);

const HELP: &str = "\
Events are JSON: {event_type: invalidate|update|prewarm, key_pattern, timestamp, source_pod, priority}; the
first two are needed. An update becomes a refresh. Pub/sub loses what nobody hears: after a lost connection
everything is invalidated. At the start (auto) only where no other bridge has listened meanwhile.

A mapping is SOURCE=SCOPE:VALUE. In SOURCE * stands for any text and \\* for a star; $1 in VALUE repeats what the
first * stood for. SCOPE is key, uri, prefix, pattern, tag or rule; `all` and `none` have no value. The first
SOURCE that matches counts, with every mapping of that SOURCE; those built in for the fingerprint API come last.
What no mapping can say is said of everything, and counted in unmapped_total: alert on that.
  --map 'fingerprint:v1:*=pattern:/v1/fingerprints/profiles/$1' --map 'session:*=none'

Several bridges may run: an invalidation may then be published twice, a refresh or prewarm is not. The user in
Redis needs the keys <prefix>:* and the channels cache:* and <prefix>:bridge, and may +subscribe +unsubscribe
+publish +eval +info +time +xadd +xsetid +xinfo|stream +hset +hdel +hlen +hgetall +set +del +scan +memory|usage +dbsize.

Exit status:
  0  asked to end
  2  cannot begin, or Redis forbids what it needs";

/// Publishes in the log what is said on cache:invalidate, cache:update and cache:prewarm
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// What a key pattern means here; repeatable
    #[arg(long, value_name = "SOURCE=SCOPE:VALUE")]
    map: Vec<String>,
    /// Mappings, one a line, after those of --map; `prewarm SOURCE=URL` is one of --prewarm-url
    #[arg(long, value_name = "FILE")]
    map_file: Option<PathBuf>,
    /// What to fetch when a pattern is to be prewarmed; repeatable
    #[arg(long, value_name = "SOURCE=URL")]
    prewarm_url: Vec<String>,
    /// The host of such URLs that begin with a slash [default: that of the fingerprint API]
    #[arg(long, value_name = "HOST", default_value = HOST, hide_default_value = true)]
    prewarm_host: String,
    /// Leave the built-in mappings out
    #[arg(long)]
    no_default_map: bool,
    /// What to invalidate after a lost connection
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Missed::All)]
    lost: Missed,
    /// What to invalidate at the start
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Start::Auto)]
    start: Start,
    /// Where /metrics and /healthz are
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    listen: SocketAddr,
    /// How often entries and bytes in Redis are sampled, by rule
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = crate::units::time)]
    sample_interval: Duration,
    /// The most keys to look at for a sample; 0 for none
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    sample_keys: u64,
    /// Write the log as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    redis: Redis,
}

/// Runs until it is asked to end.
///
/// # Errors
/// A sentence when it cannot begin, or Redis forbids what it needs.
pub fn run(arguments: &Arguments) -> Result<Output, String> {
    let map = Map::read(&given(arguments)?)?;
    readable(&arguments.redis)?;
    let (jobs, queue) = sync_channel(QUEUE);
    let state = Arc::new(State::new(Log { json: arguments.json }, jobs));
    let address = page::serve(arguments.listen, Arc::clone(&state))?;
    state.log.say(Level::Info, "listens", &[("address", &address.to_string())]);
    let (ends, end) = channel();
    signals(ends.clone())?;
    let publisher = start(arguments, &state, map, queue, &ends);
    let sentence = end.recv().unwrap_or_default();
    finish(&state, publisher);
    if sentence.is_empty() { Ok(Output::text(String::new(), OK)) } else { Err(sentence) }
}

/// Starts the threads; that of the publisher is the one to wait for.
fn start(
    arguments: &Arguments,
    state: &Arc<State>,
    map: Map,
    queue: Receiver<state::Job>,
    ends: &Sender<String>,
) -> JoinHandle<()> {
    let name = format!("{:016x}", fastrand::u64(..));
    let redis = || arguments.redis.clone();
    let publisher = Publisher::new(Arc::clone(state), redis(), name.clone(), ends.clone());
    let subscriber = Subscriber::new(Arc::clone(state), redis(), map, name, ends.clone());
    let subscriber = subscriber.missed(arguments.start, arguments.lost);
    let sampler = Sampler::new(Arc::clone(state), redis(), arguments.sample_interval, arguments.sample_keys);
    thread::spawn(move || subscriber.run());
    thread::spawn(move || sampler.run());
    thread::spawn(move || publisher.run(&queue))
}

/// The mappings of the flags and of the file.
fn given(arguments: &Arguments) -> Result<Given, String> {
    let mut given = Given {
        targets: arguments.map.clone(),
        urls: arguments.prewarm_url.clone(),
        alone: arguments.no_default_map,
        host: arguments.prewarm_host.clone(),
    };
    let Some(file) = &arguments.map_file else { return Ok(given) };
    let unread = |error| format!("Cannot read {}: {error}. Name a file that exists and may be read.", file.display());
    for line in std::fs::read_to_string(file).map_err(unread)?.lines() {
        let line = line.trim();
        match line.strip_prefix("prewarm ") {
            Some(url) => given.urls.push(url.trim().to_owned()),
            None if line.is_empty() || line.starts_with('#') => {}
            None => given.targets.push(line.to_owned()),
        }
    }
    Ok(given)
}

/// A wrong URL will not become right by waiting for it.
fn readable(redis: &Redis) -> Result<(), String> {
    let url = redis.redis.as_deref().unwrap_or("redis://127.0.0.1");
    let wrong = |_| "The URL of Redis cannot be read. Write redis://[user[:password]@]host:port/db.".to_owned();
    url.into_connection_info().map(drop).map_err(wrong)
}

/// Ends with an empty sentence on SIGTERM and SIGINT.
fn signals(ends: Sender<String>) -> Result<(), String> {
    let refused = |error| format!("Cannot take signals: {error}.");
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(refused)?;
    thread::spawn(move || {
        for _ in signals.forever() {
            let _ = ends.send(String::new());
        }
    });
    Ok(())
}

/// Lets the publisher come to its end.
fn finish(state: &State, publisher: JoinHandle<()>) {
    state.stop();
    state.log.say(Level::Info, "ends", &[]);
    let until = Instant::now() + FAREWELL;
    while !publisher.is_finished() && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod properties;
