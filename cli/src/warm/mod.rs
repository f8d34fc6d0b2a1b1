//! `fpcache warm`: asks for URLs through the cache, so that the next who asks finds them there.
//!
//! - `list`, `hottest`: what to ask for; `headers`: and with which headers.
//! - `ask`, `answer`: one request, and what its answer says of the cache.
//! - `pace`, `run`: how fast, and when to stop.
//! - `done`, `tally`, `show`: what is done, for the next run and for people.
//!
//! It asks as any client does: what it brings into the cache goes by the cache's own rules, its leases and its log, so
//! that nothing newer is ever overwritten.

mod answer;
mod ask;
mod done;
mod headers;
mod hottest;
mod list;
mod pace;
mod run;
mod show;
mod tally;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use self::ask::Client;
use self::done::Done;
use self::list::{List, Wanted};
use self::run::{Run, Settings};
use self::show::Show;
use self::tally::Tally;
use crate::input;
use crate::output::{NO, OK, Output};
use crate::redis::Arguments as Redis;

/// As a shell says it of a command that SIGINT ended.
const INTERRUPTED: u8 = 130;

const HELP: &str = "\
FILE has a URL on each line, http://host/path or with --host just /path; # begins a comment.
  fpcache warm urls.txt --target http://127.0.0.1:8000 -H 'authorization: Bearer ${TOKEN}' --state urls.done

429, 503 and unreachable hosts halt all requests, for as long as Retry-After says, or twice as long each time.
--hottest goes by OBJECT FREQ where Redis counts it (maxmemory-policy *-lfu), else by OBJECT IDLETIME, and says so.

Exit status:
  0    the cache has all of them
  1    some failed, were not stored or are left
  2    nothing was done: wrong usage, or a file or Redis that cannot be read
  130  interrupted, after what was under way";

/// Asks for URLs through the cache, so that the next who asks finds them there
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// The URLs, one a line; - is standard input
    #[arg(required_unless_present = "hottest", conflicts_with = "hottest")]
    file: Option<PathBuf>,
    /// The N hottest entries in Redis instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    hottest: Option<u32>,
    /// The most keys to look at for --hottest
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    sample: u32,
    /// The Envoy to send all to [default: each to its own host]; always plain HTTP
    #[arg(long, value_name = "URL", value_parser = target)]
    target: Option<String>,
    /// The host of lines that begin with a slash
    #[arg(long)]
    host: Option<String>,
    /// A header of all requests; ${NAME} is a variable of the environment
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Requests at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Requests a second, at most
    #[arg(long, value_name = "N", default_value_t = 50.0, value_parser = rate)]
    rate: f64,
    /// Further tries after 408, 429, 500, 502, 503, 504 or no answer
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
    /// The longest that an answer may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = crate::units::time)]
    answer_timeout: Duration,
    /// The longest Retry-After to wait for; a longer one ends the run
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = crate::units::time)]
    max_wait: Duration,
    /// End after so many URLs in a row that cannot be had; 0 for never
    #[arg(long, value_name = "N", default_value_t = 20)]
    give_up: u64,
    /// Remember what is done and skip it next time; remove it to begin anew
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// The name of the cache in Cache-Status
    #[arg(long, value_name = "NAME", default_value = "fingerprint-cache")]
    cache_name: String,
    /// Print the URLs and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    redis: Redis,
}

/// Runs the command.
///
/// # Errors
/// A sentence when there is nothing to do, or no way to do it.
pub fn run(arguments: &Arguments) -> Result<Output, String> {
    let list = list(arguments)?;
    if arguments.dry_run {
        let lines: String = list.wanted.iter().map(|wanted| format!("{}\n", wanted.name)).collect();
        return Ok(Output::text(lines, if list.unreadable.is_empty() { OK } else { NO }));
    }
    let variable = |name: &str| std::env::var(name).ok();
    let headers = arguments.headers.iter().map(|line| headers::read(line, variable)).collect::<Result<_, _>>()?;
    let (name, time) = (arguments.cache_name.clone(), arguments.answer_timeout);
    let client = Client::new(arguments.target.clone(), headers, name, time);
    let (begun, interrupted) = (Instant::now(), interruption()?);
    let tally = warm(arguments, list, &client, &interrupted)?;
    let status = match (interrupted.load(Ordering::SeqCst), tally.warm()) {
        (true, _) => INTERRUPTED,
        (false, true) => OK,
        (false, false) => NO,
    };
    let time = begun.elapsed();
    Ok(Output::either(arguments.json, &tally.tree(time), || tally.text(time), status))
}

fn warm(arguments: &Arguments, list: List, client: &Client, interrupted: &AtomicBool) -> Result<Tally, String> {
    let done = Done::open(arguments.state.as_deref())?;
    let mut tally = Tally::default();
    for unreadable in list.unreadable {
        tally.add(&unreadable.line, &answer::Outcome::Failed(unreadable.why));
    }
    let (before, queue): (VecDeque<Wanted>, VecDeque<Wanted>) =
        list.wanted.into_iter().partition(|wanted| done.has(&wanted.name));
    tally.skipped = before.len() as u64;
    let settings = Settings {
        concurrency: usize::from(arguments.concurrency),
        rate: arguments.rate,
        retries: arguments.retries,
        max_wait: arguments.max_wait,
        give_up: arguments.give_up,
    };
    let show = Show::new(tally.settled().saturating_add(queue.len() as u64));
    let tally = Run::new(&settings, client, &show, interrupted, (queue, tally, done)).run();
    show.end();
    Ok(tally)
}

fn list(arguments: &Arguments) -> Result<List, String> {
    let (Some(count), None) = (arguments.hottest, &arguments.file) else {
        let file = arguments.file.clone().unwrap_or_else(|| PathBuf::from("-"));
        let bytes = input::bytes(&file)?;
        let text = String::from_utf8(bytes).map_err(|_| format!("{} is not text.", input::name(&file)))?;
        return Ok(List::read(&text, arguments.host.as_deref()));
    };
    let mut redis = arguments.redis.connect()?;
    let found = hottest::find(&mut redis, count as usize, arguments.sample as usize)?;
    let all = if found.all { "all" } else { "a sample of" };
    eprintln!(
        "{} URLs, the hottest of {all} {} keys {}; {} entries cannot be asked for by a GET without a user.",
        found.list.wanted.len(),
        found.looked_at,
        found.by.as_str(),
        found.unaskable
    );
    Ok(found.list)
}

/// Set by SIGINT and SIGTERM; the second one ends at once.
fn interruption() -> Result<Arc<AtomicBool>, String> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let at_once = flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), Arc::clone(&interrupted));
        let noted = at_once.and_then(|_| flag::register(signal, Arc::clone(&interrupted)));
        noted.map_err(|error| format!("Cannot take signals: {error}."))?;
    }
    Ok(interrupted)
}

fn target(text: &str) -> Result<String, String> {
    let bare = text.trim_end_matches('/');
    let rest = bare.strip_prefix("http://").filter(|rest| !rest.is_empty() && !rest.contains(['/', '?', '@', ' ']));
    rest.map(|_| bare.to_owned()).ok_or_else(|| "write http://host:port, without a path".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.01..=100_000.0).contains(rate));
    rate.ok_or_else(|| "write a number of requests a second between 0.01 and 100000".to_owned())
}
