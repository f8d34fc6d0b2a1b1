//! What is invalidated, and when: many small notices and a few large ones, mixed, about evenly spread.

use std::time::Duration;

use stack::Scope;

use crate::keys::{COUNT, GROUPS, Key, RULES, TAGS, group, tag};
use fastrand::Rng;

/// How many there are of each scope: two hundred.
const MIX: [(Kind, usize); 7] = [
    (Kind::Key, 50),
    (Kind::Uri, 50),
    (Kind::Prefix, 30),
    (Kind::Pattern, 25),
    (Kind::Tag, 30),
    (Kind::Rule, 10),
    (Kind::All, 5),
];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Key,
    Uri,
    Prefix,
    Pattern,
    Tag,
    Rule,
    All,
}

/// One invalidation to come.
#[derive(Clone, Debug)]
pub struct Planned {
    /// When, from the beginning.
    pub at: Duration,
    /// What.
    pub scope: Scope,
    /// One of the keys that it is about, which all workers are asked for.
    pub watched: usize,
}

/// All of them, within this time, in order. `shown` is each key as `Cache-Status` shows it.
pub fn plan(keys: &[Key], shown: &[String], begin: Duration, end: Duration, dice: &mut Rng) -> Vec<Planned> {
    let mut kinds: Vec<_> = MIX.iter().flat_map(|(kind, count)| std::iter::repeat_n(*kind, *count)).collect();
    dice.shuffle(&mut kinds);
    let step = (end - begin) / u32::try_from(kinds.len()).unwrap_or(1).max(1);
    let at = (0u32..).map(|number| begin + step * number);
    let planned = kinds.into_iter().zip(at).map(|(kind, at)| {
        let scope = scope(kind, keys, shown, dice);
        let at = at + step.mul_f64(dice.f64());
        let meant = |(key, shown): (&Key, &String)| key.is_meant(&scope, shown);
        let meant: Vec<_> = keys.iter().zip(shown).enumerate().filter(|(_, pair)| meant(*pair)).collect();
        let watched = dice.choice(&meant).map_or(0, |(number, _)| *number);
        Planned { at, scope, watched }
    });
    planned.collect()
}

fn scope(kind: Kind, keys: &[Key], shown: &[String], dice: &mut Rng) -> Scope {
    let (number, host) = (dice.usize(..COUNT), dice.choice(["", "localhost"]).unwrap_or_default());
    let rule = dice.choice(RULES).unwrap_or_default();
    let target = keys.get(number).map(|key| key.target.as_str()).unwrap_or_default();
    match kind {
        Kind::Key => Scope::Key(shown.get(number).cloned().unwrap_or_default()),
        Kind::Uri => Scope::Uri(format!("{host}{target}")),
        Kind::Prefix => Scope::Prefix(format!("{host}{}", group(rule, dice.usize(..GROUPS)))),
        Kind::Pattern => Scope::Pattern(format!("/*/g{}/**", dice.usize(..GROUPS))),
        Kind::Tag if dice.usize(..5) == 0 => Scope::Tag(rule.to_owned()),
        Kind::Tag => Scope::Tag(tag(dice.usize(..TAGS))),
        Kind::Rule => Scope::Rule(rule.to_owned()),
        Kind::All => Scope::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    #[test]
    fn two_hundred_in_order_each_about_a_key_that_is_watched() {
        let keys = keys::all();
        let shown: Vec<_> = keys.iter().map(|key| format!("{}:{}", key.rule, key.target)).collect();
        let (begin, end) = (Duration::from_secs(1), Duration::from_secs(19));
        let planned = plan(&keys, &shown, begin, end, &mut Rng::with_seed(7));
        assert_eq!(planned.len(), 200);
        assert!(planned.is_sorted_by_key(|planned| planned.at));
        assert!(planned.iter().all(|planned| planned.at >= begin && planned.at < end));
        for Planned { scope, watched, .. } in &planned {
            assert!(keys[*watched].is_meant(scope, &shown[*watched]), "{scope:?}");
        }
    }
}
