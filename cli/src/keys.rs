//! `fpcache keys`: what L2 holds, by rule or tag.

use std::collections::BTreeMap;

use fingerprint_cache::config::Config;
use serde_json::{Value, json};

use crate::input;
use crate::output::{OK, Output};
use crate::redis::{self, Redis};
use crate::store::{self, Name, Variants, Walk};
use crate::units;

/// What stands for entries without any tag.
const NONE: &str = "(none)";

const MORE: &str = "\
Walks by SCAN, never KEYS. With more keys than --sample the figures are an estimate, and say so. An entry
with several tags counts under each; the total counts it once.";

/// Counts what L2 holds, and its bytes, by rule or tag
#[derive(clap::Args)]
#[command(after_help = MORE)]
pub struct Arguments {
    /// The rule that stored it, or its tags (with --config those of its rule, too)
    #[arg(long, value_enum, default_value = "rule")]
    by: By,
    /// The most keys to look at
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u64).range(1..))]
    sample: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    input: input::Arguments,
    #[command(flatten)]
    redis: redis::Arguments,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    Rule,
    Tag,
}

/// Keys, entries under them, and bytes of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sum {
    keys: u64,
    entries: u64,
    bytes: u64,
}

#[derive(Default)]
struct Tally {
    parts: BTreeMap<String, Sum>,
    total: Sum,
    /// Which part of Redis was seen; `None` for all of it.
    seen: Option<f64>,
}

/// Runs the command.
///
/// # Errors
/// A sentence when Redis or the configuration cannot be read.
pub fn run(arguments: &Arguments) -> Result<Output, String> {
    let config = arguments.input.read()?;
    let mut redis = arguments.redis.of(config.as_ref()).connect()?;
    let tally = tally(&mut redis, arguments, config.as_ref())?;
    Ok(Output::either(arguments.json, &tally.tree(), || tally.text(), OK))
}

fn tally(redis: &mut Redis, arguments: &Arguments, config: Option<&Config>) -> Result<Tally, String> {
    let (mut walk, mut tally) = (Walk::all(), Tally::default());
    while tally.total.keys < arguments.sample
        && let Some(names) = walk.next(redis)?
    {
        let sums = sums(redis, &names)?;
        sums.iter().for_each(|sum| tally.total.add(*sum));
        match arguments.by {
            By::Rule => names.iter().zip(sums).for_each(|(name, sum)| tally.part(&name.rule).add(sum)),
            By::Tag => {
                let variants = store::variants_of(redis, &names)?;
                let all = names.iter().zip(sums).zip(variants);
                all.for_each(|((name, sum), variants)| tally.by_tag(name, sum, variants, config));
            }
        }
    }
    if !walk.over() {
        let all: u64 = redis.ask(&redis::command("DBSIZE", &[]))?;
        tally.seen = Some(walk.seen as f64 / all.max(walk.seen).max(1) as f64);
    }
    Ok(tally)
}

/// Entries and memory of each hash.
fn sums(redis: &mut Redis, names: &[Name]) -> Result<Vec<Sum>, String> {
    let questions =
        |name: &Name| [redis::command("HLEN", &[&name.hash]), redis::command("MEMORY", &["USAGE", &name.hash])];
    let commands: Vec<_> = names.iter().flat_map(questions).collect();
    let replies: Vec<Option<u64>> = redis.ask_all(&commands)?;
    let sum = |pair: &[Option<u64>]| match pair {
        // One of the fields says what the variants vary by.
        [length, memory] => Sum { keys: 1, entries: length.unwrap_or(0).saturating_sub(1), bytes: memory.unwrap_or(0) },
        _ => Sum::default(),
    };
    Ok(replies.chunks(2).map(sum).collect())
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.keys = self.keys.saturating_add(other.keys);
        self.entries = self.entries.saturating_add(other.entries);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    /// As much for the whole as this is for a part.
    fn scaled(self, seen: Option<f64>) -> Self {
        let scale = |count: u64| seen.map_or(count, |seen| (count as f64 / seen).round() as u64);
        Self { keys: scale(self.keys), entries: scale(self.entries), bytes: scale(self.bytes) }
    }

    fn tree(self) -> Value {
        json!({ "keys": self.keys, "entries": self.entries, "bytes": self.bytes })
    }
}

impl Tally {
    fn part(&mut self, name: &str) -> &mut Sum {
        self.parts.entry(name.to_owned()).or_default()
    }

    /// Gives each variant its part of the memory of its hash, by its size, and its tags that.
    fn by_tag(&mut self, name: &Name, sum: Sum, variants: Variants, config: Option<&Config>) {
        let rule = config.and_then(|config| config.rules.iter().find(|rule| rule.name == name.rule));
        let variants: Vec<_> = variants.into_iter().flatten().collect();
        let size = variants.iter().map(|variant| variant.size).sum::<usize>().max(1);
        let mut known: Vec<String> = Vec::new();
        for variant in variants {
            let bytes = (sum.bytes as f64 * variant.size as f64 / size as f64) as u64;
            let mut tags = variant.entry.tags;
            tags.extend(rule.iter().flat_map(|rule| rule.tags.iter().cloned()));
            tags.extend(tags.is_empty().then(|| NONE.to_owned()));
            tags.sort_unstable();
            tags.dedup();
            for tag in tags {
                let keys = u64::from(!known.contains(&tag));
                self.part(&tag).add(Sum { keys, entries: 1, bytes });
                known.push(tag);
            }
        }
    }

    fn tree(&self) -> Value {
        let part = |(name, sum): (&String, &Sum)| (name.clone(), sum.scaled(self.seen).tree());
        json!({
            "parts": self.parts.iter().map(part).collect::<serde_json::Map<_, _>>(),
            "total": self.total.scaled(self.seen).tree(),
            "estimate": self.seen.is_some(),
            "keys_looked_at": self.total.keys,
        })
    }

    fn text(&self) -> String {
        let width = self.parts.keys().map(String::len).chain(["total".len()]).max().unwrap_or(0);
        let line = |name: &str, sum: Sum| {
            let Sum { keys, entries, bytes } = sum.scaled(self.seen);
            format!("{name:width$} {keys:>10} {entries:>10} {:>10}\n", units::bytes(bytes))
        };
        let mut text = format!("{:width$} {:>10} {:>10} {:>10}\n", "", "keys", "entries", "bytes");
        text.extend(self.parts.iter().map(|(name, sum)| line(name, *sum)));
        text.push_str(&line("total", self.total));
        if let Some(seen) = self.seen {
            text.push_str(&format!(
                "An estimate: {} keys were looked at, {:.1} % of Redis. More with --sample.\n",
                self.total.keys,
                seen * 100.0
            ));
        }
        text
    }
}
