//! Everything at once: load, invalidations, and one event after the other.

use std::sync::{Arc, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::load::{CONNECTIONS, Field, Record, Target};
use crate::publish::{self, Outcome};
use crate::report::Report;
use crate::truth::Truth;
use crate::{faults, judge, origin, rolling};

/// How long L2 may be away.
pub const BOUND: Duration = Duration::from_secs(60);
/// Until L2 is filled.
const WARM: Duration = Duration::from_secs(12);
/// Before each event, and after L2 is back.
const CALM: Duration = Duration::from_secs(4);
/// So many hits from L2 are a return: one alone may be a reply that was on its way.
const HITS: usize = 50;

/// Something that was done, and what came of it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name in the report.
    pub name: &'static str,
    /// When it was done.
    pub at: Instant,
    /// When two Sentinels named another master, for those events after which they should.
    pub switched: Option<Instant>,
    /// When everything was whole again.
    pub until: Instant,
    /// What happened, in a sentence.
    pub sentence: String,
    /// What was wrong besides what the records tell.
    pub faults: Vec<String>,
}

/// What was seen.
pub struct Seen {
    /// The truth.
    pub truth: Arc<Truth>,
    /// All requests.
    pub records: Vec<Record>,
    /// All events.
    pub events: Vec<Event>,
    /// What became of each invalidation.
    pub published: Vec<Outcome>,
    /// When requests began.
    pub begun: Instant,
    /// When they ended.
    pub ended: Instant,
    /// How long the machine stood still in all.
    pub still: Duration,
    /// What an Envoy's log or metrics say that is no fault of the answers, if anything.
    pub odd: Option<String>,
    /// What is wrong with an Envoy, if anything.
    pub harmed: Option<String>,
}

/// What events are done to.
pub struct Stage<'a> {
    /// All that runs.
    pub cluster: &'a mut Cluster,
    /// Those who ask.
    pub field: &'a Field,
    /// What was done so far.
    pub events: Vec<Event>,
}

impl Stage<'_> {
    /// Waits until L2 gives hits again, and a while longer.
    pub fn l2_returns(&mut self) -> Result<(), String> {
        let (field, before) = (self.field, self.field.l2_hits());
        let back = |_: &Cluster| field.l2_hits() >= before + HITS;
        self.cluster.until("L2 gives hits again", BOUND, back)?;
        sleep(CALM);
        Ok(())
    }

    /// Waits until all replicas follow, notes the event, and gives it a quiet time.
    pub fn settle(&mut self, mut event: Event) -> Result<(), String> {
        self.cluster.await_whole()?;
        event.until = Instant::now();
        eprintln!("{:>5.1} s: {}", event.at.elapsed().as_secs_f64(), event.sentence);
        self.events.push(event);
        sleep(CALM);
        Ok(())
    }
}

/// An event that begins now.
pub fn event(name: &'static str) -> Event {
    let at = Instant::now();
    Event { name, at, switched: None, until: at, sentence: String::new(), faults: Vec::new() }
}

/// What can be done, by name.
const ACTS: [(&str, Act); 4] = [
    ("kill", faults::kill),
    ("freeze", faults::freeze),
    ("partition", faults::partition),
    ("rolling", rolling::restart),
];

type Act = fn(&mut Stage) -> Result<(), String>;

/// Starts everything, does what is named (everything, where nothing is), and judges what was seen. Where something was
/// wrong the files stay.
pub fn run(names: &[String]) -> Result<Report, String> {
    if let Some(name) = names.iter().find(|name| ACTS.iter().all(|(known, _)| known != name)) {
        return Err(format!("There is no event {name:?}. Name some of: kill, freeze, partition, rolling."));
    }
    let truth = Arc::new(Truth::new());
    let service = origin::start(&truth)?;
    let mut cluster = Cluster::start(service.port())?;
    let report = play(&mut cluster, &truth, names).map(|seen| judge::judge(&seen));
    if report.as_ref().map_or(true, |report| !report.violations.is_empty()) {
        cluster.keep();
    }
    report
}

fn play(cluster: &mut Cluster, truth: &Arc<Truth>, names: &[String]) -> Result<Seen, String> {
    let field = Field::new(cluster.envoys.iter().map(|envoy| Target::new(envoy.port())).collect());
    let (map, begun) = (cluster.map.clone(), Instant::now());
    let (events, published, still) = thread::scope(|scope| {
        (0..CONNECTIONS).for_each(|number| {
            drop(scope.spawn({
                let field = &field;
                move || field.ask(number)
            }))
        });
        let publishing = scope.spawn(|| publish::publish(&field, truth, &map));
        let witnessing = scope.spawn(|| field.witness());
        let events = act(cluster, &field, names);
        field.end();
        let still = witnessing.join().unwrap_or_default();
        (events, publishing.join().unwrap_or_else(|_| Err("the publisher panicked".to_owned())), still)
    });
    let ended = Instant::now();
    // A reply that comes when nobody waits for it any more is met on a machine that is busy with other things; no
    // answer is the worse for it.
    let said = cluster.envoys.iter().filter_map(|envoy| envoy.unharmed().err());
    let (odd, harmed): (Vec<_>, Vec<_>) = said.partition(|said| said.contains("l2_reply"));
    let (odd, harmed) = (odd.into_iter().next(), harmed.into_iter().next());
    let records = field.records.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Seen {
        truth: Arc::clone(truth),
        records,
        events: events?,
        published: published?,
        begun,
        ended,
        still,
        odd,
        harmed,
    })
}

/// All events that are named.
fn act(cluster: &mut Cluster, field: &Field, names: &[String]) -> Result<Vec<Event>, String> {
    sleep(WARM);
    let mut stage = Stage { cluster, field, events: Vec::new() };
    for (_, act) in ACTS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|named| named == name)) {
        act(&mut stage)?;
    }
    Ok(stage.events)
}
