//! Properties: against a model that keeps every ban, however many, nothing is admitted that the model does not admit.

use super::tests::at;
use super::*;
use crate::notice::Scope;
use proptest::prelude::*;

const LONGEST: Duration = Duration::from_micros(30);

/// Keeps everything, compares everything, and forgets what is too old.
#[derive(Default)]
struct Model(Vec<(Notice, Position, Instant)>);

impl Model {
    /// As [`Bans::admits`], and in the order of its outcomes: 0 admitted, 1 refreshed, 2 banned; and the first moment of
    /// a refresh.
    fn admits(&self, about: &About, position: &Position, current: &str) -> (u8, Option<Instant>) {
        let harmful = |ban: &Position| {
            let admitted = if ban.epoch == position.epoch { position.n >= ban.n } else { position.epoch == current };
            !admitted
        };
        let met = self.0.iter().filter(|(notice, ban, _)| names(&notice.scope, about) && harmful(ban));
        let rank = |op: Op| match op {
            Op::Invalidate => 2,
            Op::Refresh => 1,
            Op::Prewarm => 0,
        };
        let first = met.clone().filter(|(notice, ..)| notice.op == Op::Refresh).map(|(.., since)| *since).min();
        (met.map(|(notice, ..)| rank(notice.op)).max().unwrap_or(0), first)
    }
}

fn names(scope: &Scope, about: &About) -> bool {
    let place = format!("{}{}", about.host, about.target);
    let compared = |value: &str| if value.starts_with('/') { about.target.to_owned() } else { place.clone() };
    match scope {
        Scope::All => true,
        Scope::Key(key) => key == about.key,
        Scope::Uri(uri) => *uri == format!("{:032x}", about.uri) || *uri == compared(uri),
        Scope::Prefix(start) => compared(start).starts_with(start.as_str()),
        Scope::Pattern(glob) => glob.matches(compared(glob.as_str()).as_bytes()),
        Scope::Tag(tag) => about.tags.contains(tag) || about.more_tags.contains(tag),
        Scope::Rule(rule) => rule == about.rule,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add { notice: Notice, epoch: usize, n: u64, age: u64 },
    Enter(usize),
    Wait(u64),
    Forget,
}

fn notice() -> impl Strategy<Value = Notice> {
    let scope = prop_oneof![
        1 => Just(("all", String::new())),
        4 => "[a-d]".prop_map(|key| ("key", key)),
        4 => "(h|g)?/[ab]".prop_map(|uri| ("uri", uri)),
        1 => "0{31}[12]".prop_map(|uri| ("uri", uri)),
        4 => "(h|g)?/[ab]?".prop_map(|start| ("prefix", start)),
        4 => "(h|g|[*])?/([ab]|[*])".prop_map(|glob| ("pattern", glob)),
        4 => "[a-d]".prop_map(|tag| ("tag", tag)),
        2 => "[ab]".prop_map(|rule| ("rule", rule)),
    ];
    ("invalidate|refresh|prewarm", scope)
        .prop_map(|(op, (scope, value))| Notice::read(op.as_bytes(), scope.as_bytes(), value.as_bytes()))
}

fn step(epochs: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (notice(), 0..epochs, 0u64..9, 0u64..40).prop_map(|(notice, epoch, n, age)| Step::Add { notice, epoch, n, age }),
        1 => (0..epochs).prop_map(Step::Enter),
        2 => (0u64..12).prop_map(Step::Wait),
        1 => Just(Step::Forget),
    ]
}

/// An entry, but for its tags.
fn entry(epochs: usize) -> impl Strategy<Value = ([String; 6], u128, Position)> {
    (["[a-d]", "[ab]", "/[ab]", "h|g", "[a-d]", "[a-d]"], 1u128..3, 0..epochs, 0u64..10)
        .prop_map(|(words, uri, epoch, n)| (words, uri, at(&epoch.to_string(), n)))
}

struct Pair {
    bans: Bans,
    model: Model,
    now: Instant,
    current: usize,
}

impl Pair {
    fn new(bounds: Bounds) -> Self {
        let mut bans = Bans { bounds, ..Bans::default() };
        bans.enter("0");
        Self { bans, model: Model::default(), now: Instant(100), current: 0 }
    }

    /// `forward`: no epoch comes back.
    fn apply(&mut self, step: &Step, forward: bool) {
        match step {
            Step::Add { notice, epoch, n, age } => {
                let before = self.bans.serial();
                let epoch = if forward { *epoch.min(&self.current) } else { *epoch };
                let (at, since) = (at(&epoch.to_string(), *n), Instant(self.now.0 - age.min(&self.now.0)));
                self.bans.add(notice, &at, since);
                assert_eq!(self.bans.serial() > before, notice.op != Op::Prewarm);
                self.model.0.push((notice.clone(), at, since));
            }
            Step::Enter(epoch) => {
                self.current = if forward { self.current + epoch % 2 } else { *epoch };
                self.bans.enter(&self.current.to_string());
            }
            Step::Wait(micros) => self.now.0 += micros,
            Step::Forget => {
                self.bans.forget(self.now, LONGEST);
                self.model.0.retain(|(.., since)| self.now.since(*since) <= LONGEST);
            }
        }
        self.check_bounds();
    }

    fn check_bounds(&self) {
        let (bans, bounds) = (&self.bans, &self.bans.bounds);
        let count = |part| bans.eras.iter().map(|era| era.count(part)).sum::<usize>();
        assert!(count(Part::Exact) <= bounds.exact.0 && count(Part::Loose) <= bounds.loose.0);
        assert!(bans.eras.len() <= bounds.epochs);
        assert!(bans.len() <= bounds.exact.0 + bounds.loose.0 + 2 * bounds.epochs + 1);
    }

    /// What both say of an entry: the outcome as [`Model::admits`] ranks it, and since when it is stale.
    fn ask(&self, (words, uri, position): &([String; 6], u128, Position)) -> [(u8, Option<Instant>); 2] {
        let [key, rule, target, host, tags @ ..] = words;
        let (tags, more_tags) = tags.split_at(1);
        let about = About { key, uri: *uri, host, target, rule, tags, more_tags };
        let current = self.current.to_string();
        let is = match self.bans.admits(&about, position, &current) {
            Admission::Admitted => (0, None),
            Admission::Refreshed(since) => (1, Some(since)),
            Admission::Banned => (2, None),
        };
        [is, self.model.admits(&about, position, &current)]
    }

    /// That nothing is admitted that the model does not admit.
    fn check(&self, entries: &[([String; 6], u128, Position)]) {
        for entry in entries {
            let [(is, _), (expected, _)] = self.ask(entry);
            assert!(is >= expected, "{entry:?}: {is} < {expected}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Nothing was lost: both say the same.
    #[test]
    fn within_its_bounds_it_is_exact(
        steps in proptest::collection::vec(step(5), 0..60),
        entries in proptest::collection::vec(entry(5), 1..20),
    ) {
        let mut pair = Pair::new(Bounds::default());
        steps.iter().filter(|step| !matches!(step, Step::Forget)).for_each(|step| pair.apply(step, false));
        for entry in &entries {
            let [(is, since), (expected, first)] = pair.ask(entry);
            prop_assert_eq!(is, expected, "{:?}", entry);
            prop_assert!(since.is_none_or(|since| Some(since) >= first && since <= pair.now), "{:?}", entry);
        }
    }

    /// Epochs come and go as they like; bans are lost by number and by age.
    #[test]
    fn what_is_lost_admits_nothing(
        steps in proptest::collection::vec(step(3), 0..80),
        entries in proptest::collection::vec(entry(3), 1..20),
        bounds in ((3usize..6, 0usize..4), (2usize..4, 0usize..3)),
    ) {
        let (exact, loose) = bounds;
        let mut pair = Pair::new(Bounds { exact, loose, epochs: 3 });
        steps.iter().for_each(|step| pair.apply(step, false));
        pair.check(&entries);
    }

    /// More epochs than it keeps, none of which comes back.
    #[test]
    fn what_is_lost_of_old_epochs_admits_nothing(
        steps in proptest::collection::vec(step(9), 0..80),
        entries in proptest::collection::vec(entry(9), 1..20),
    ) {
        let mut pair = Pair::new(Bounds { exact: (5, 2), loose: (3, 1), epochs: 2 });
        steps.iter().for_each(|step| pair.apply(step, true));
        pair.check(&entries);
    }
}
