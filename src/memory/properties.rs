//! Properties: under any operations the books are right and the budgets hold.

use super::tests::{held, key};
use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Operation {
    Insert { name: u8, accept: Option<u8>, body: usize, collides: bool },
    Find { name: u8, accept: u8 },
    Sweep { most: usize },
    Rebudget(Budget),
    Wait(u64),
}

fn budget() -> impl Strategy<Value = Budget> {
    (0usize..12, 0usize..30_000, 1u64..90).prop_map(|(entries, bytes, ttl)| Budget {
        entries,
        bytes,
        ttl: Duration::from_secs(ttl),
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let insert = (0u8..6, proptest::option::of(0u8..40), 0usize..3000, proptest::bool::weighted(0.1))
        .prop_map(|(name, accept, body, collides)| Operation::Insert { name, accept, body, collides });
    prop_oneof![
        8 => insert,
        4 => (0u8..6, 0u8..40).prop_map(|(name, accept)| Operation::Find { name, accept }),
        1 => (0usize..8).prop_map(|most| Operation::Sweep { most }),
        1 => budget().prop_map(Operation::Rebudget),
        2 => (0u64..40).prop_map(Operation::Wait),
    ]
}

/// A memory with what was put in and what came out of it, counted from outside.
struct Watched {
    memory: Memory,
    now: Instant,
    entries: usize,
    bytes: usize,
}

impl Watched {
    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Insert { name, accept, body, collides } => self.insert(*name, *accept, *body, *collides),
            Operation::Find { name, accept } => self.find(*name, *accept),
            Operation::Sweep { most } => {
                let removed = self.memory.sweep(self.now, *most);
                assert!(removed.iter().all(|removed| removed.why == Eviction::Expired));
                self.left(&removed);
            }
            Operation::Rebudget(budget) => {
                let removed = self.memory.rebudget(*budget);
                self.left(&removed);
            }
            Operation::Wait(seconds) => self.now = self.now.after(Duration::from_secs(*seconds)),
        }
    }

    fn insert(&mut self, name: u8, accept: Option<u8>, body: usize, collides: bool) {
        let accept = accept.map(|accept| accept.to_string());
        let held = held(&format!("/{name}"), accept.as_deref(), body, self.now);
        let (weight, before) = (held.entry.weight(), self.memory.entries());
        let digest = if collides { key("/0").digest() } else { key(&format!("/{name}")).digest() };
        let removed = self.memory.insert(digest, held);
        if self.memory.entries() + removed.len() > before {
            assert!(weight <= self.memory.budget.bytes / 10);
            self.entries += 1;
            self.bytes += weight;
        }
        self.left(&removed);
    }

    fn find(&mut self, name: u8, accept: u8) {
        let (name, now, ttl) = (format!("/{name}"), self.now, self.memory.budget.ttl);
        let request = Headers::from_iter([("accept", accept.to_string().as_str())]);
        if let Found::Entry(held) = self.memory.find(&key(&name), &request, now) {
            assert_eq!(held.entry.key, key(&name).text());
            assert!(selection::matches(&held.entry.selecting, &request));
            assert!(now.since(held.since) < ttl);
        }
    }

    fn left(&mut self, removed: &[Removed]) {
        self.entries -= removed.len();
        self.bytes -= removed.iter().map(|removed| removed.bytes).sum::<usize>();
    }

    fn check(&self) {
        let memory = &self.memory;
        let all: Vec<&Held> = memory.keys.iter().flat_map(|(_, variants)| variants).collect();
        let weight: usize = all.iter().map(|held| held.entry.weight()).sum();
        assert_eq!((memory.entries, memory.bytes), (all.len(), weight), "a recount");
        assert_eq!((self.entries, self.bytes), (all.len(), weight), "in minus out");
        assert!(memory.entries <= memory.budget.entries && memory.bytes <= memory.budget.bytes);
        assert!(memory.keys.iter().all(|(_, variants)| (1..=MAX_VARIANTS).contains(&variants.len())));
        for (_, variants) in &memory.keys {
            let same = |one: &Held, other: &Held| one.entry.selecting == other.entry.selecting;
            let later = |at: usize| variants.iter().skip(at + 1);
            let twice = variants.iter().enumerate().any(|(at, one)| later(at).any(|other| same(one, other)));
            assert!(!twice, "one entry for one variant");
        }
    }
}

proptest! {
    #[test]
    fn the_books_are_right_and_the_budgets_hold(first in budget(), operations in proptest::collection::vec(operation(), 0..120)) {
        let mut watched = Watched { memory: Memory::new(first), now: Instant(0), entries: 0, bytes: 0 };
        for operation in &operations {
            watched.apply(operation);
            watched.check();
        }
    }

    /// Against the simplest memory there is: a list, its most recently used key first.
    #[test]
    fn what_is_kept_is_what_was_used_last(uses in proptest::collection::vec((0u8..8, any::<bool>()), 1..60), room in 1usize..6) {
        let budget = Budget { entries: room, bytes: usize::MAX, ttl: Duration::from_secs(60) };
        let mut memory = Memory::new(budget);
        let mut model: Vec<u8> = Vec::new();
        for (name, stores) in uses {
            let text = format!("/{name}");
            let known = model.contains(&name);
            let found = matches!(memory.find(&key(&text), &Headers::default(), Instant(0)), Found::Entry(_));
            prop_assert_eq!(found, known);
            if stores {
                memory.insert(key(&text).digest(), held(&text, None, 1, Instant(0)));
            }
            if known || stores {
                model.retain(|other| *other != name);
                model.insert(0, name);
                model.truncate(room);
            }
        }
    }
}
