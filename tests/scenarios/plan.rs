//! A random story from a seed: who asks what when, what changes, what breaks. Each planned action has a seed of its
//! own, so that leaving one out does not change the others.

use crate::callers::{MILLI, SECOND};
use crate::cast::{Cast, again, ask, cast};
use crate::network::Fault;
use crate::news::says;
use crate::pods::PODS;
use crate::random::Rng;
use crate::settings;
use crate::tamper::Tamper;
use crate::world::{Action, Setup, World};

/// One thing to happen.
#[derive(Clone, Debug)]
pub struct Planned {
    at: u64,
    action: Action,
    seed: u64,
}

/// A story to be played.
#[derive(Clone, Debug)]
pub struct Plan {
    pub setup: Setup,
    pub events: Vec<Planned>,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let hour = 3600 * SECOND as i64;
        let second = SECOND as i64;
        let setup = Setup {
            redis_clock: rng.pick(&[0, hour, -hour, 700 * MILLI as i64]),
            pod_clocks: [(); PODS].map(|()| rng.pick(&[0, 0, 0, 0, 0, 0, -hour, -hour, 2 * second, hour])),
            withholds: rng.chance(10),
            setting: match rng.below(20) {
                0..=2 => Some("tiny"),
                3..=5 => Some(rng.pick(&settings::ALL)),
                _ => None,
            },
        };
        let cast = cast(&mut rng);
        let (mut at, mut events) = (0, Vec::new());
        for _ in 0..rng.between(12, 55) {
            at += pause(&mut rng);
            if rng.chance(cast.news) {
                announce(&mut rng, &cast, at, &mut events);
                continue;
            }
            let action = action(&mut rng, &cast);
            let crowd = if rng.chance(15) { rng.between(2, 8) } else { 1 };
            for _ in 0..crowd {
                let action = alike(&mut rng, &cast, &action);
                events.push(Planned { at, action, seed: rng.next() });
                at += if crowd > 1 { rng.between(0, 15 * MILLI) } else { 0 };
            }
        }
        Self { setup, events }
    }

    /// Plays it to its end.
    pub fn play(&self) -> (World, Result<(), String>) {
        let mut world = World::new(self.setup);
        for event in &self.events {
            world.plan(event.at, event.action.clone(), event.seed);
        }
        let end = world.play();
        (world, end)
    }
}

/// Most requests come in bursts.
fn pause(rng: &mut Rng) -> u64 {
    match rng.below(10) {
        0..=3 => rng.between(0, MILLI),
        4..=6 => rng.between(MILLI, 60 * MILLI),
        7 => rng.between(60 * MILLI, 3 * SECOND),
        8 => rng.between(3 * SECOND, 9 * SECOND),
        _ => rng.between(3 * SECOND, 50 * SECOND),
    }
}

fn action(rng: &mut Rng, cast: &Cast) -> Action {
    match rng.below(100) {
        0..=27 => Action::Ask(ask(rng, cast.vms, &cast.paths, cast.changes)),
        28..=78 => Action::Ask(again(rng, cast)),
        79..=83 => Action::Change(rng.pick(&cast.paths).to_owned()),
        84.. if cast.calm => Action::Ask(again(rng, cast)),
        84..=86 => Action::Fault(fault(rng), rng.between(1, 4000) * MILLI),
        87 | 88 => {
            Action::Partition(rng.below(PODS as u64) as usize, cut(rng), rng.pick(&[300, 2000, 9000, 30_000]) * MILLI)
        }
        89 | 90 => Action::Trouble(rng.pick(&[500, 502, 503, 504, 501, 429]), rng.between(1, 8000) * MILLI),
        91 => lose(rng, cast),
        92 => Action::FlushScripts,
        93 => rng.pick(&[Action::Failover, Action::Failover, Action::StopReplica, Action::Restart, Action::Wipe]),
        94 => rng.pick(&[Action::Trim(0), Action::Trim(1), Action::StopReplica, Action::Failover]),
        95 | 96 => Action::Tamper(tamper(rng)),
        97 => Action::RedisClock(rng.pick(&[5, -5, 600, -1]) * SECOND as i64),
        98 => Action::PodClock(rng.below(PODS as u64) as usize, rng.pick(&[5, -5, 600, -600]) * SECOND as i64),
        _ => Action::Configure(rng.pick(cast.vms), rng.pick(&settings::ALL)),
    }
}

/// The content behind a path changes, and a moment later somebody says so.
fn announce(rng: &mut Rng, cast: &Cast, at: u64, events: &mut Vec<Planned>) {
    let path = rng.pick(&cast.paths);
    if rng.chance(85) {
        let action = Action::Change(path.split('?').next().unwrap().to_owned());
        events.push(Planned { at, action, seed: rng.next() });
    }
    for _ in 0..rng.pick(&[1, 1, 1, 1, 2, 5]) {
        let at = at + rng.pick(&[0, MILLI, 20 * MILLI, 200 * MILLI]);
        events.push(Planned { at, action: Action::Publish(says(rng, path)), seed: rng.next() });
    }
    if rng.chance(5) && !cast.calm {
        events.push(Planned { at: at + 200 * MILLI, action: Action::Trim(0), seed: rng.next() });
    }
}

fn lose(rng: &mut Rng, cast: &Cast) -> Action {
    match rng.below(4) {
        0 => Action::LoseRoot(rng.pick(cast.vms)),
        1 => Action::LosePod(rng.below(PODS as u64) as usize),
        _ => Action::LoseWorker(rng.pick(cast.vms)),
    }
}

/// The same from somebody else, where it is a question.
fn alike(rng: &mut Rng, cast: &Cast, action: &Action) -> Action {
    match action {
        Action::Ask(ask) if !ask.is_unsafe() => Action::Ask(ask.clone().at(rng.pick(cast.vms))),
        other => other.clone(),
    }
}

fn fault(rng: &mut Rng) -> Fault {
    use Fault::{Babble, Down, Forbidden, Full, Hung, Lagging, Mute, NoCluster, ReadOnly, Slow};
    rng.pick(&[Down, Hung, Mute, Slow, ReadOnly, Full, Babble, NoCluster, Forbidden, Lagging])
}

/// What may be wrong on the way of one pod.
fn cut(rng: &mut Rng) -> Fault {
    use Fault::{Babble, Down, Forbidden, Lagging, Mute, NoCluster, Slow};
    rng.pick(&[Down, Down, Mute, Slow, Babble, NoCluster, Forbidden, Lagging])
}

fn tamper(rng: &mut Rng) -> Tamper {
    use Tamper::{Flip, Foreign, Future, OddNames, Sibling, Truncate, VaryNames};
    rng.pick(&[Flip, Foreign, Future, OddNames, Sibling, Truncate, VaryNames])
}
