//! The bans of one epoch, and what of an entry they are compared with.

use super::About;
use crate::key::push_hex;
use crate::notice::{Notice, Op, Scope, bare};
use crate::time::Instant;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Where a ban stands, and when it was last heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) n: u64,
    pub(super) since: Instant,
}

impl Mark {
    /// The ban that stands for both: the later one, forgotten when both would be.
    fn or(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        Self { n: self.n.max(other.n), since: self.since.max(other.since) }
    }
}

/// The two ways to find a ban, each with its bound.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// Looked up by what it names.
    Exact,
    /// Compared: prefixes and patterns.
    Loose,
}

/// All bans of one epoch.
#[derive(Debug)]
pub(super) struct Era {
    pub(super) epoch: String,
    pub(super) invalidated: Kept,
    pub(super) refreshed: Kept,
}

impl Era {
    pub(super) fn new(epoch: &str) -> Self {
        Self { epoch: epoch.to_owned(), invalidated: Kept::default(), refreshed: Kept::default() }
    }

    pub(super) fn add(&mut self, notice: &Notice, mark: Mark) {
        let kept = if notice.op == Op::Refresh { &mut self.refreshed } else { &mut self.invalidated };
        kept.add(&notice.scope, mark);
    }

    pub(super) fn len(&self) -> usize {
        self.invalidated.marks().chain(self.refreshed.marks()).count()
    }

    /// Whether one of them may harm an entry, which is at the place `after`, if it is of this epoch.
    pub(super) fn reaches(&self, after: Option<u64>) -> bool {
        self.invalidated.reach(after) || self.refreshed.reach(after)
    }

    pub(super) fn count(&self, part: Part) -> usize {
        self.invalidated.count(part) + self.refreshed.count(part)
    }

    /// When the last of them was heard.
    pub(super) fn newest(&self) -> Option<Instant> {
        self.invalidated.marks().chain(self.refreshed.marks()).map(|mark| mark.since).max()
    }

    pub(super) fn retain(&mut self, lives: impl Fn(Instant) -> bool) {
        self.invalidated.retain(&lives);
        self.refreshed.retain(&lives);
    }

    /// Replaces the `most` oldest bans of a part, or all, by one that invalidates everything up to the newest of them.
    /// Says how many went.
    pub(super) fn fold(&mut self, part: Part, most: usize) -> usize {
        let before = self.count(part);
        let mut places: Vec<u64> = self.invalidated.places(part).chain(self.refreshed.places(part)).collect();
        let Some(last) = most.min(before).checked_sub(1) else { return 0 };
        let (_, upto, _) = places.select_nth_unstable(last);
        let folded = [self.invalidated.take(part, *upto), self.refreshed.take(part, *upto)];
        for mark in folded.into_iter().flatten() {
            self.invalidated.add(&Scope::All, mark);
        }
        before.saturating_sub(self.count(part))
    }
}

/// The bans of one kind.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The place of the newest that there ever was.
    newest: Option<u64>,
    all: Option<Mark>,
    /// By a digest of scope and value. Two fields of one digest would be one ban, the later: a miss at worst.
    exact: HashMap<u128, Mark>,
    loose: Vec<(Scope, Mark)>,
}

impl Kept {
    fn add(&mut self, scope: &Scope, mark: Mark) {
        match scope {
            Scope::All => self.all = Some(mark.or(self.all)),
            Scope::Prefix(_) | Scope::Pattern(_) => self.add_loose(scope, mark),
            Scope::Key(key) => self.add_exact(Field::Key, key, mark),
            Scope::Uri(uri) => self.add_exact(Field::Uri, uri, mark),
            Scope::Tag(tag) => self.add_exact(Field::Tag, tag, mark),
            Scope::Rule(rule) => self.add_exact(Field::Rule, rule, mark),
        }
        self.newest = self.newest.max(Some(mark.n));
    }

    fn add_exact(&mut self, field: Field, value: &str, mark: Mark) {
        let digest = field.digest(value);
        let known = self.exact.get(&digest).copied();
        self.exact.insert(digest, mark.or(known));
    }

    fn add_loose(&mut self, scope: &Scope, mark: Mark) {
        match self.loose.iter_mut().find(|(known, _)| known == scope) {
            Some((_, known)) => *known = mark.or(Some(*known)),
            None => self.loose.push((scope.clone(), mark)),
        }
    }

    /// Whether a ban may harm an entry at this place, or at any: most entries are younger than all bans.
    fn reach(&self, after: Option<u64>) -> bool {
        self.newest.is_some_and(|newest| after.is_none_or(|n| newest > n))
    }

    /// Whether one of the bans harms an entry, and when the first that does was heard. `after` is the entry's place, if
    /// it is of this epoch: bans up to there do no harm.
    pub(super) fn harms(&self, subject: &Subject, after: Option<u64>) -> Option<Instant> {
        let harmful = |mark: &&Mark| after.is_none_or(|n| mark.n > n);
        let exact = subject.fields.iter().filter_map(|field| self.exact.get(field)).filter(harmful);
        let loose = self.loose.iter().filter(|(scope, mark)| harmful(&mark) && subject.is_in(scope));
        let all = self.all.iter().filter(harmful);
        all.chain(exact).chain(loose.map(|(_, mark)| mark)).map(|mark| mark.since).min()
    }

    fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.all.iter().chain(self.exact.values()).chain(self.loose.iter().map(|(_, mark)| mark))
    }

    fn count(&self, part: Part) -> usize {
        match part {
            Part::Exact => self.exact.len(),
            Part::Loose => self.loose.len(),
        }
    }

    fn places(&self, part: Part) -> Box<dyn Iterator<Item = u64> + '_> {
        match part {
            Part::Exact => Box::new(self.exact.values().map(|mark| mark.n)),
            Part::Loose => Box::new(self.loose.iter().map(|(_, mark)| mark.n)),
        }
    }

    /// Drops the bans of a part up to a place; one mark that stands for them.
    fn take(&mut self, part: Part, upto: u64) -> Option<Mark> {
        let gone: Vec<Mark> = match part {
            Part::Exact => self.exact.extract_if(|_, mark| mark.n <= upto).map(|(_, mark)| mark).collect(),
            Part::Loose => self.loose.extract_if(.., |(_, mark)| mark.n <= upto).map(|(_, mark)| mark).collect(),
        };
        gone.into_iter().reduce(|one, other| one.or(Some(other)))
    }

    fn retain(&mut self, lives: impl Fn(Instant) -> bool) {
        self.all = self.all.filter(|mark| lives(mark.since));
        self.exact.retain(|_, mark| lives(mark.since));
        self.loose.retain(|(_, mark)| lives(mark.since));
    }
}

/// An entry as bans see it.
pub(super) struct Subject<'a> {
    /// The digests of all bans that would name it.
    fields: Vec<u128>,
    target: &'a str,
    /// The host in lower case, then the target: with the host's port and, where that goes without saying, without it.
    place: String,
    plain: Option<String>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(about: &About<'a>) -> Self {
        let mut uri = String::with_capacity(32);
        push_hex(&mut uri, about.uri, 32);
        let host = about.host.to_ascii_lowercase();
        let plain = Some(bare(&host)).filter(|bare| *bare != host).map(|bare| [bare, about.target].concat());
        let place = host + about.target;
        let mut fields = Vec::with_capacity(8 + about.tags.len() + about.more_tags.len());
        fields.extend([Field::Key.digest(about.key), Field::Rule.digest(about.rule)]);
        fields.extend([uri.as_str(), about.target, &place].map(|value| Field::Uri.digest(value)));
        fields.extend(plain.iter().map(|value| Field::Uri.digest(value)));
        fields.extend(about.tags.iter().chain(about.more_tags).map(|tag| Field::Tag.digest(tag)));
        Self { fields, target: about.target, place, plain }
    }

    /// Whether a prefix or a pattern is about it.
    fn is_in(&self, scope: &Scope) -> bool {
        let matches = |place: &str| match scope {
            Scope::Prefix(start) => place.starts_with(start.as_str()),
            Scope::Pattern(pattern) => pattern.matches(place.as_bytes()),
            Scope::Key(_) | Scope::Uri(_) | Scope::Tag(_) | Scope::Rule(_) | Scope::All => false,
        };
        if scope.value().starts_with('/') {
            matches(self.target)
        } else {
            matches(&self.place) || self.plain.as_deref().is_some_and(matches)
        }
    }
}

/// What a ban can name exactly.
#[derive(Clone, Copy, Debug)]
enum Field {
    Key,
    Uri,
    Tag,
    Rule,
}

impl Field {
    /// Of one value there are as many digests as fields.
    fn digest(self, value: &str) -> u128 {
        xxh3_128_with_seed(value.as_bytes(), self as u64)
    }
}
