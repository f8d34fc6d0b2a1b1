//! A long random conversation: Redis and its double never differ ([`Both::ask`] compares), and each reply is readable.

use super::*;

/// xorshift: the same conversation each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn of<T: Clone>(&mut self, some: &[T]) -> T {
        some[usize::try_from(self.below(some.len() as u64)).unwrap()].clone()
    }
}

/// One step; the newest position is what a lookup said last.
fn step(both: &mut Both, chance: &mut Chance, at: &mut Position) {
    let select = |value: &str| vec![("accept".to_owned(), Some(value.to_owned()))];
    let selecting = chance.of(&[select("a"), select("b"), select("c"), vec![]]);
    let token = chance.of(&[A, B, C]);
    let held = Lease { key: redis::lease_key(&place(), &selecting), token };
    let back = chance.of(&[0, 0, 1, 2]);
    let known = Position { n: at.n.saturating_sub(back), ..at.clone() };
    match chance.below(20) {
        0..7 => {
            let want = Want {
                token: chance.of(&[None, Some(token)]),
                lease: LONG,
                refused: chance.of(&[None, None, Some(A)]),
            };
            let reply = both.look(&selecting, &want);
            let (Lookup::Hit { at: now, .. }
            | Lookup::Led { at: now, .. }
            | Lookup::Filling { at: now, .. }
            | Lookup::Uncacheable { at: now }
            | Lookup::OtherVary(now, _)
            | Lookup::Miss { at: now, .. }) = redis::read_lookup(&reply).unwrap();
            *at = now;
        }
        7..12 => {
            let call = redis::fill(&place(), &selecting, LONG, &known, &held, b"\0entry".to_vec());
            redis::read_fill(&both.ask(&call)).unwrap();
        }
        12 => drop(both.held(&redis::renew(&held, LONG))),
        13 => drop(both.held(&redis::release(&held))),
        14 => drop(both.held(&redis::mark(&held, LONG))),
        15 | 16 => {
            let op = chance.of(&[Op::Invalidate, Op::Refresh, Op::Prewarm]);
            both.publish(&[tag(op, "a"), tag(Op::Invalidate, "b")]);
        }
        17 | 18 => drop(both.sync(chance.of(&[None, Some(known.clone())]).as_ref())),
        _ if chance.below(5) == 0 => both.flush(),
        _ if chance.below(3) == 0 => both.promote(),
        _ => both.trim(1),
    }
}

#[test]
fn redis_and_its_double_never_differ() {
    let (mut both, mut chance) = (Both::new(), Chance(0x9e37_79b9_7f4a_7c15));
    let mut at = both.position();
    for _ in 0..1500 {
        step(&mut both, &mut chance, &mut at);
    }
}
