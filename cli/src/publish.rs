//! `fpcache invalidate` and `fpcache refresh`: one notice in the log that all Envoys follow.

use fingerprint_cache::bans::{About, Admission, Bans};
use fingerprint_cache::config::Config;
use fingerprint_cache::notice::{Notice, Op, Scope};
use fingerprint_cache::position::Position;
use fingerprint_cache::time::Instant;
use serde_json::{Value, json};

use crate::input;
use crate::output::{NOT_EVERYWHERE, OK, Output};
use crate::redis::{self, Published, Redis};
use crate::store::{self, Name, Variants, Walk};

const MORE: &str = "\
Every Envoy that follows the log hears of it within sync.interval; one that cannot read the log stops
serving from L1 after sync.max_lag.
Exit status: 0 published, and on all replicas that are linked; 2 not published, or nobody knows;
3 published, but not on all replicas.";

/// What the notice is about, and how it is published.
#[derive(clap::Args)]
#[command(after_help = MORE)]
pub struct Arguments {
    #[command(flatten)]
    scope: Choice,
    /// Count what matches, and publish nothing
    #[arg(long)]
    dry_run: bool,
    /// Publish without counting first (which reads all of L2 for --tag, --uri, --prefix and --pattern)
    #[arg(long, conflicts_with = "dry_run")]
    no_count: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    input: input::Arguments,
    #[command(flatten)]
    redis: redis::Arguments,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Choice {
    /// One key with all its variants: RULE:DIGEST as in Cache-Status, or its name in Redis
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// One URI under all rules: /path?query of any host, host/path?query, or a URL
    #[arg(long, value_name = "URI")]
    uri: Option<String>,
    /// All that begins so: /path of any host, or host/path
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// All that matches: as --prefix, with * within a segment and /** for whole ones
    #[arg(long, value_name = "GLOB")]
    pattern: Option<String>,
    /// All with this tag: of Surrogate-Key, Cache-Tag, Cache-Groups or the rule
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// All that this rule stored
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Everything
    #[arg(long)]
    all: bool,
}

/// What of L2 a notice is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Matched {
    keys: u64,
    entries: u64,
    unreadable: u64,
}

/// Runs the command.
///
/// # Errors
/// A sentence when nothing was published, or nobody knows.
pub fn run(op: Op, arguments: &Arguments) -> Result<Output, String> {
    let config = arguments.input.read()?;
    let connect = arguments.redis.of(config.as_ref());
    let notice = Notice { op, scope: arguments.scope.read(&connect.key_prefix)? };
    let mut redis = if arguments.dry_run { connect.connect()? } else { connect.connect_to_master()? };
    let matched = match arguments.no_count {
        true => None,
        false => Some(count(&mut redis, &notice, config.as_ref())?),
    };
    let published = match arguments.dry_run {
        true => None,
        false => Some(redis::publish(&mut redis, std::slice::from_ref(&notice))?),
    };
    let status = if published.as_ref().is_none_or(Published::everywhere) { OK } else { NOT_EVERYWHERE };
    let result = Outcome { notice, matched, published, blind: config.is_none() };
    Ok(Output::either(arguments.json, &result.tree(), || result.text(), status))
}

impl Choice {
    fn read(&self, prefix: &str) -> Result<Scope, String> {
        let choices = [
            ("key", &self.key),
            ("uri", &self.uri),
            ("prefix", &self.prefix),
            ("pattern", &self.pattern),
            ("tag", &self.tag),
            ("rule", &self.rule),
        ];
        let chosen = choices.iter().find_map(|(scope, value)| value.as_deref().map(|value| (*scope, value)));
        chosen.map_or(Ok(Scope::All), |(scope, value)| read_scope(scope, value, prefix))
    }
}

fn read_scope(scope: &str, value: &str, prefix: &str) -> Result<Scope, String> {
    let short = Name::parse(prefix, value).map(|name| name.key);
    let value = short.as_deref().filter(|_| scope == "key").unwrap_or(value);
    let wrong = match scope {
        "key" if !store::is_key(value) => Some("a key; write RULE:DIGEST as in the key of Cache-Status"),
        "prefix" | "pattern" if !value.contains('/') => Some("a place; write /path or host/path"),
        _ => None,
    };
    match (wrong, Scope::read(scope, value)) {
        (None, Some(read)) => Ok(read),
        (Some(wrong), _) => Err(format!("{value:?} is not {wrong}.")),
        (None, None) => Err(format!(
            "{value:?} is no {scope} that the filter reads. Write 1 to 4096 bytes; in a pattern * within a segment, and ** \
             as a segment of its own."
        )),
    }
}

/// How much of L2 a notice is about. For some scopes the names tell; for others each entry is asked.
fn count(redis: &mut Redis, notice: &Notice, config: Option<&Config>) -> Result<Matched, String> {
    let (mut walk, by_name) = match &notice.scope {
        Scope::Key(key) => (Walk::of_key(redis, key), true),
        Scope::Rule(rule) => (Walk::of_rule(redis, rule), true),
        Scope::All => (Walk::all(), true),
        _ => (Walk::all(), false),
    };
    let judge = Judge::new(notice);
    let mut matched = Matched::default();
    while let Some(names) = walk.next(redis)? {
        if by_name {
            matched.add_lengths(redis, &names)?;
        } else {
            let variants = store::variants_of(redis, &names)?;
            names.iter().zip(variants).for_each(|(name, variants)| matched.add(name, variants, &judge, config));
        }
    }
    Ok(matched)
}

impl Matched {
    fn add_lengths(&mut self, redis: &mut Redis, names: &[Name]) -> Result<(), String> {
        let lengths: Vec<_> = names.iter().map(|name| redis::command("HLEN", &[&name.hash])).collect();
        for length in redis.ask_all::<u64>(&lengths)? {
            // One of the fields says what the variants vary by.
            let variants = length.saturating_sub(1);
            self.entries = self.entries.saturating_add(variants);
            self.keys += u64::from(variants > 0);
        }
        Ok(())
    }

    fn add(&mut self, name: &Name, variants: Variants, judge: &Judge, config: Option<&Config>) {
        let rule = config.and_then(|config| config.rules.iter().find(|rule| rule.name == name.rule));
        let more_tags = rule.map(|rule| rule.tags.as_slice()).unwrap_or_default();
        let before = self.entries;
        for variant in variants {
            match variant {
                Ok(variant) => self.entries += u64::from(variant.about(name, more_tags, |about| judge.concerns(about))),
                Err(_) => self.unreadable += 1,
            }
        }
        self.keys += u64::from(self.entries > before);
    }
}

/// The filter's own judgement: a ban of this notice alone, and entries from before it.
struct Judge {
    bans: Bans,
    before: Position,
}

impl Judge {
    fn new(notice: &Notice) -> Self {
        let before = Position::default();
        let mut bans = Bans::default();
        bans.enter(&before.epoch);
        bans.add(notice, &Position { n: 1, ..before.clone() }, Instant(0));
        Self { bans, before }
    }

    fn concerns(&self, about: &About<'_>) -> bool {
        self.bans.admits(about, &self.before, &self.before.epoch) != Admission::Admitted
    }
}

/// What was done.
struct Outcome {
    notice: Notice,
    matched: Option<Matched>,
    published: Option<Published>,
    /// Whether the tags of rules were not known.
    blind: bool,
}

impl Outcome {
    fn text(&self) -> String {
        let Notice { op, scope } = &self.notice;
        let what = format!("{} {} {}", op.as_str(), scope.as_str(), scope.value());
        let mut text = format!("{}\n", what.trim_end());
        if let Some(Matched { keys, entries, unreadable }) = self.matched {
            text.push_str(&format!("  matches {entries} entries of {keys} keys in Redis\n"));
            if unreadable > 0 {
                text.push_str(&format!("  {unreadable} more cannot be read; the filter does not use them\n"));
            }
            if self.blind && matches!(scope, Scope::Tag(_)) {
                text.push_str("  (tags that rules give are not counted: name the configuration with --config)\n");
            }
        }
        match &self.published {
            Some(published) => {
                text.push_str(&format!("  published at {}; {}\n", published.position, published.sentence()));
            }
            None => text.push_str("  not published (--dry-run)\n"),
        }
        text
    }

    fn tree(&self) -> Value {
        let matched = self.matched.map(
            |matched| json!({ "keys": matched.keys, "entries": matched.entries, "unreadable": matched.unreadable }),
        );
        let published = self.published.as_ref().map(|published| {
            json!({
                "position": published.position.to_string(), "replicas": published.replicas,
                "acknowledged": published.acknowledged, "everywhere": published.everywhere(),
            })
        });
        json!({
            "op": self.notice.op.as_str(), "scope": self.notice.scope.as_str(), "value": self.notice.scope.value(),
            "matched": matched, "published": published,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_scope_is_read_as_the_filter_reads_it() {
        let full = format!("fpc:3.1:profiles:{DIGEST}");
        let short = format!("profiles:{DIGEST}");
        assert_eq!(read_scope("key", &full, "fpc"), Ok(Scope::Key(short.clone())));
        assert_eq!(read_scope("key", &short, "fpc"), Ok(Scope::Key(short)));
        assert_eq!(read_scope("uri", "https://H/a", "fpc"), Ok(Scope::Uri("h/a".to_owned())));
        let wrong =
            [("key", "profiles"), ("key", "other:3.1:profiles:x"), ("prefix", "api"), ("pattern", "/a**"), ("tag", "")];
        for (scope, value) in wrong {
            assert!(read_scope(scope, value, "fpc").is_err(), "{scope} {value}");
        }
    }

    #[test]
    fn a_judge_asks_the_filter() {
        let tags = ["a".to_owned()];
        let about = About { key: "r:0", uri: 1, host: "h", target: "/x/y", rule: "r", tags: &tags, more_tags: &[] };
        let concerns = |scope, value: &str| {
            let scope = read_scope(scope, value, "fpc").unwrap();
            Judge::new(&Notice { op: Op::Refresh, scope }).concerns(&about)
        };
        for (scope, value) in
            [("tag", "a"), ("prefix", "/x"), ("prefix", "h/x"), ("pattern", "/x/*"), ("uri", "/x/y"), ("rule", "r")]
        {
            assert!(concerns(scope, value), "{scope} {value}");
        }
        for (scope, value) in [("tag", "b"), ("prefix", "/y"), ("pattern", "/*"), ("uri", "/x"), ("rule", "s")] {
            assert!(!concerns(scope, value), "{scope} {value}");
        }
    }
}
