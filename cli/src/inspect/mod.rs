//! `fpcache inspect`: what Redis holds for one key, and whether it may be used.
//!
//! - `target`: which hashes are meant.
//! - `show`: what is printed.

mod show;
mod target;

use fingerprint_cache::config::{Config, Rule};
use fingerprint_cache::redis::variant_digest;

use crate::explain::More;
use crate::input;
use crate::output::{NO, OK, Output};
use crate::redis::{self, Redis};
use crate::store::{self, Name, Variant};

const MORE: &str = "\
For a URL the keys are computed by the filter's code under every rule that is for it, with what -H, -X, -d
and --property add, as it is and under the other scheme.
Exit status: 0 if there is anything, 1 if not.";

/// Shows what Redis holds for a key: head, age, tags, size, whether it is banned, who is filling it
#[derive(clap::Args)]
#[command(after_help = MORE)]
pub struct Arguments {
    /// RULE:DIGEST as in Cache-Status, a name in Redis, or a URL (with --config)
    #[arg(value_name = "KEY|URL")]
    target: String,
    /// Print the body of one variant, and nothing else
    #[arg(long, conflicts_with = "json")]
    body: bool,
    /// The variant, where there are several: the beginning of its id
    #[arg(long, value_name = "ID")]
    variant: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    more: More,
    #[command(flatten)]
    input: input::Arguments,
    #[command(flatten)]
    redis: redis::Arguments,
}

/// A lease on a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The token of who fills, or `U`: what comes is not for a cache.
    pub holder: String,
    /// The milliseconds left of it.
    pub left: u64,
}

/// A hash and all that is known of it.
pub struct Inspected<'a> {
    /// Its name.
    pub name: Name,
    /// The rule that stored it, where the configuration has it.
    pub rule: Option<&'a Rule>,
    /// The milliseconds it has left; `None` where it has no end.
    pub ttl: Option<u64>,
    /// Its variants, each with its lease.
    pub variants: Vec<(Result<Variant, String>, Option<Lease>)>,
    /// The lease on a first variant, where there is none yet.
    pub lease: Option<Lease>,
}

/// Runs the command.
///
/// # Errors
/// A sentence when Redis, the configuration or the URL cannot be read, or no single body is meant.
pub fn run(arguments: &Arguments) -> Result<Output, String> {
    let config = arguments.input.read()?;
    let mut redis = arguments.redis.of(config.as_ref()).connect()?;
    let found = target::find(&mut redis, &arguments.target, &arguments.more, config.as_ref())?;
    let mut inspected = Vec::new();
    for name in found.names {
        let mut one = inspect(&mut redis, name, config.as_ref())?;
        one.variants.retain(|(variant, _)| arguments.wants(variant));
        inspected.push(one);
    }
    let status = if inspected.iter().any(|one| !one.variants.is_empty()) { OK } else { NO };
    if arguments.body {
        return body(&inspected);
    }
    let known = store::known(&mut redis)?;
    let (seconds, micros): (u64, u64) = redis.ask(&redis::command("TIME", &[]))?;
    let now = seconds.saturating_mul(1000).saturating_add(micros / 1000);
    let shown = show::Shown { inspected: &inspected, notes: &found.notes, known: &known, now };
    Ok(Output::either(arguments.json, &shown.tree(), || shown.text(), status))
}

impl Arguments {
    fn wants(&self, variant: &Result<Variant, String>) -> bool {
        let Some(id) = &self.variant else { return true };
        variant.as_ref().is_ok_and(|variant| variant.id.starts_with(id))
    }
}

fn inspect<'a>(redis: &mut Redis, name: Name, config: Option<&'a Config>) -> Result<Inspected<'a>, String> {
    let ttl: i64 = redis.ask(&redis::command("PTTL", &[&name.hash]))?;
    let mut variants = Vec::new();
    for variant in store::variants(redis, &name.hash)? {
        let lease = match &variant {
            Ok(variant) => lease(redis, &name.hash, &variant.id)?,
            Err(_) => None,
        };
        variants.push((variant, lease));
    }
    let lease = match variants.is_empty() {
        true => lease(redis, &name.hash, &format!("{:032x}", variant_digest(&[])))?,
        false => None,
    };
    let rule = config.and_then(|config| config.rules.iter().find(|rule| rule.name == name.rule));
    Ok(Inspected { name, rule, ttl: u64::try_from(ttl).ok(), variants, lease })
}

fn lease(redis: &mut Redis, hash: &str, variant: &str) -> Result<Option<Lease>, String> {
    let key = format!("{hash}:l:{variant}");
    let holder: Option<String> = redis.ask(&redis::command("GET", &[&key]))?;
    let left: i64 = redis.ask(&redis::command("PTTL", &[&key]))?;
    Ok(holder.map(|holder| Lease { holder, left: u64::try_from(left).unwrap_or(0) }))
}

fn body(inspected: &[Inspected<'_>]) -> Result<Output, String> {
    let variants = inspected.iter().flat_map(|one| &one.variants).filter_map(|(variant, _)| variant.as_ref().ok());
    let variants: Vec<&Variant> = variants.collect();
    match variants.as_slice() {
        [one] => Ok(Output { bytes: one.entry.body.clone(), status: OK }),
        [] => Err("Redis holds no such entry. Leave --body away to see what there is.".to_owned()),
        many => {
            let ids: String = many.iter().map(|variant| format!("\n  {}", variant.id)).collect();
            Err(format!("There are {} variants. Choose one with --variant:{ids}", many.len()))
        }
    }
}
