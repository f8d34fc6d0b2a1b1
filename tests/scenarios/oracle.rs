//! What must hold. It knows the origin, the plan and the true time, and nothing of how the filter decides.

use crate::callers::{Ask, MILLI, SECOND, Sends};
use crate::host::Outcome;
use crate::oracle_forms::formed;
use crate::origin::{Exchange, render, terms};
use crate::settings::{budget, rule_for};
use crate::world::World;
use fingerprint_cache::answer::Answer;

/// How many fills a worker may have under way.
const MAX_FILLS: usize = 64;
/// How many bytes they may be together: the largest byte budget of all settings, since fills outlive theirs.
const MAX_FILL_BYTES: usize = 96 << 10;
/// How often one request may ask L2: for a variant, for the right one, and each time once more with the whole script.
const MAX_LOOKUPS: usize = 4;
/// What rounding to milliseconds, here and there, may take off an age.
pub const ROUNDING: u64 = 10 * MILLI;
/// Headers that are made for each answer, or belong to the exchange that the oracle finds by them.
const OF_THE_ANSWER: [&str; 4] = ["x-exchange", "date", "etag", "expires"];

impl World {
    /// After each step.
    pub fn check(&mut self) {
        for at in 0..self.vms.len() {
            if let Err(what) = self.check_vm(at) {
                self.violated(format!("worker {at}: {what}"));
            }
        }
        self.check_refreshes();
        let lost = self.streams.iter().find(|(id, stream)| {
            let reads = self.vms[stream.ask.vm].worker.reads_body(**id);
            stream.outcome.is_none() && stream.paused && stream.lookup.is_none() && !reads
        });
        let lost = lost.map(|(id, _)| *id);
        let stubborn = self.streams.iter().find(|(_, stream)| stream.lookups > MAX_LOOKUPS).map(|(id, _)| *id);
        if let Some(id) = stubborn {
            self.violated(format!("#{id} asks L2 again and again"));
        }
        if let Some(id) = lost {
            self.violated(format!("#{id} is paused and waits for nothing"));
        }
    }

    fn check_vm(&self, at: usize) -> Result<(), String> {
        let vm = &self.vms[at];
        let (most_entries, most_bytes) = budget(&vm.config);
        let (entries, bytes) = (vm.worker.memory().entries(), vm.worker.memory().bytes());
        ensure(bytes <= most_bytes && entries <= most_entries, || {
            format!("L1 holds {entries} entries, {bytes} bytes")
        })?;
        let gauge = |name: &str| -> i64 {
            vm.counts.iter().filter(|(full, _)| full.ends_with(name)).map(|(_, count)| count).sum()
        };
        let told = (gauge("fingerprint_cache_entries"), gauge("fingerprint_cache_bytes"));
        ensure(told == (entries as i64, bytes as i64), || format!("gauges say {told:?}, L1 holds {entries}, {bytes}"))?;
        let bounded = vm.fills <= MAX_FILLS && vm.fill_bytes <= MAX_FILL_BYTES;
        ensure(bounded, || format!("{} fills of {} bytes under way", vm.fills, vm.fill_bytes))
    }

    /// After the last step.
    pub fn check_end(&mut self) {
        let open: Vec<u32> =
            self.streams.iter().filter(|(_, stream)| stream.outcome.is_none()).map(|(id, _)| *id).collect();
        let flights = self.flights.len();
        let fills: usize = self.vms.iter().map(|vm| vm.fills).sum();
        let breaker = self.counted(&["breaker_open"]);
        if !open.is_empty() || flights > 0 || fills > 0 {
            self.violated(format!("left over: streams {open:?}, {flights} flights, {fills} fills"));
        }
        if !(0..=1).contains(&breaker) {
            self.violated(format!("the breaker's gauge says {breaker}"));
        }
    }

    /// An answer that did not come from the cache says why, once, where a rule was for the request; but for the one with
    /// which Envoy ends a stream that was still paused.
    pub fn judge_end(&mut self, id: u32, outcome: &Outcome) {
        let Outcome::Origin { cache_status, .. } = outcome else { return };
        let stream = &self.streams[&id];
        if stream.expired {
            return;
        }
        let expected = usize::from(rule_for(&stream.config, &stream.ask).is_some());
        if cache_status.len() != expected {
            self.violated(format!("#{id} has Cache-Status {cache_status:?}"));
        }
    }

    /// An answer from the cache.
    pub fn judge(&mut self, id: u32, answer: &Answer, body: &[u8]) {
        if let Err(what) = self.judged(id, answer, body) {
            let text = String::from_utf8_lossy(body).into_owned();
            self.violated(format!("#{id} got a wrong answer: {what}\n    {:?} {text}", answer.entry.headers));
        }
    }

    fn judged(&self, id: u32, answer: &Answer, body: &[u8]) -> Result<(), String> {
        let (ask, config) = (&self.streams[&id].ask, &self.streams[&id].config);
        let rule = rule_for(config, ask).ok_or("no rule is for it")?;
        asked_for_it(ask, answer)?;
        if answer.state == "only_if_cached" {
            return nothing(ask, answer);
        }
        let serial = number(body, "{\"serial\":").ok_or("the origin never gave this body")?;
        let given = self.origin.exchanges.get(serial).ok_or("no such serial number")?;
        same(ask, given, serial, answer, body)?;
        formed(ask, answer, body)?;
        ensure(!given.terms.never, || "it may not be stored".into())?;
        let unasked = ask.credentialed() && !rule.shared && !given.terms.public;
        ensure(!unasked, || "it may not be shared".into())?;
        let head = self.head_exchange(answer, serial)?;
        let confirmed = answer.state.starts_with("revalidated");
        if confirmed {
            let confirms = |number: usize| self.origin.exchanges[number].confirms == Some(serial);
            ensure(self.exchange_of(id).is_some_and(confirms), || "not what the origin confirmed".into())?;
            let kept = answer.cache_status.contains("; stored");
            ensure(!kept || self.exchange_of(id) == Some(head), || "without the news".into())?;
        }
        // What the origin confirmed to this very request it may get, also when its news came too late to be kept.
        if !confirmed {
            self.unchanged_since(id, answer, head)?;
        }
        let head = &self.origin.exchanges[head];
        let slack = ROUNDING + self.slack(serial, head);
        let lifetime = rule.lifetime(head.terms.explicit);
        self.young_enough(ask, answer, head, lifetime, slack)?;
        self.served_stale(id, answer, head, &rule, lifetime, slack)
    }

    /// By how much an answer may seem younger than it is: by what Redis' stamp does not tell, but no more than the pod's
    /// clock is behind where there is a `Date` to know better.
    fn slack(&self, serial: usize, head: &Exchange) -> u64 {
        let stamp = self.front.rejuvenates(serial, head.born);
        let dated = head.headers.iter().any(|(name, _)| name == "date");
        if dated { stamp.min(self.behind) } else { stamp }
    }

    /// The exchange that its head came with: the one of the body, or a later 304 that confirmed it.
    fn head_exchange(&self, answer: &Answer, serial: usize) -> Result<usize, String> {
        let values: Vec<&str> = values(answer, "x-exchange").collect();
        let [value] = values[..] else { return Err(format!("x-exchange: {values:?}")) };
        let head: usize = value.parse().map_err(|_| "x-exchange")?;
        let exchange = self.origin.exchanges.get(head).ok_or("no such exchange")?;
        // RFC 9111 §4.3.5: an answer to HEAD that contradicts nothing confirms as well.
        let length = self.origin.exchanges[serial].body.len();
        let untold = matches!(exchange.sends, Sends::Chunked | Sends::UntilClose);
        let headed = exchange.ask.method == "HEAD"
            && exchange.status() == 200
            && !exchange.terms.tagged
            && (untold || exchange.body.len() == length);
        let confirms = head == serial || exchange.confirms == Some(serial) || headed;
        ensure(confirms, || format!("head of {head}, body of {serial}")).map(|()| head)
    }

    fn young_enough(
        &self,
        ask: &Ask,
        answer: &Answer,
        head: &Exchange,
        lifetime: u64,
        slack: u64,
    ) -> Result<(), String> {
        let age = self.now - head.born.min(self.now);
        let least = age.saturating_sub(slack) / SECOND;
        ensure(answer.age >= least, || format!("Age {} of an answer {age} us old", answer.age))?;
        if answer.state.starts_with("revalidated") {
            return Ok(());
        }
        ensure(!head.terms.always_ask, || "it had to be asked for".into())?;
        let fresh = age < lifetime * SECOND + slack || answer.state.starts_with("stale") || ask.takes_stale();
        ensure(fresh, || format!("{age} us old, good for {lifetime} s"))?;
        let Some(control) = ask.get_header("cache-control") else { return Ok(()) };
        let most = number(control.as_bytes(), "max-age=");
        ensure(most.is_none_or(|most| age <= most as u64 * SECOND + slack), || format!("{age} us old for {control}"))?;
        ensure(!control.contains("no-cache"), || format!("served to {control}"))
    }
}

/// Nothing was found for a client that wanted nothing else.
fn nothing(ask: &Ask, answer: &Answer) -> Result<(), String> {
    let wanted = ask.get_header("cache-control").is_some_and(|control| control.contains("only-if-cached"));
    ensure(wanted && answer.status() == 504 && answer.body().is_empty(), || "a 504 out of nowhere".into())
}

fn asked_for_it(ask: &Ask, answer: &Answer) -> Result<(), String> {
    let whole = ["if-match", "upgrade"].iter().all(|name| ask.get_header(name).is_none());
    ensure(whole, || "the request was none for a cache".into())?;
    let no_store = ask.get_header("cache-control").is_some_and(|control| control.contains("no-store"));
    ensure(!no_store, || "the client said no-store".into())?;
    ensure(answer.cache_status.starts_with("fingerprint-cache; "), || answer.cache_status.clone())
}

/// Status, headers and body are those the origin would have given this caller.
fn same(ask: &Ask, given: &Exchange, serial: usize, answer: &Answer, body: &[u8]) -> Result<(), String> {
    let whole = matches!(given.sends, Sends::Whole | Sends::Chunked);
    ensure(whole && given.confirms.is_none() && given.ask.method != "HEAD", || "it was never whole".into())?;
    let for_get = !given.ask.is_unsafe() || given.ask.method == ask.method || given.represents_itself();
    ensure(for_get, || format!("it is the answer to {}", given.ask.text()))?;
    ensure(answer.entry.status == given.terms.status, || format!("status {}", answer.entry.status))?;
    let expected = render(ask, given.version, serial);
    ensure(body == expected, || format!("this caller's would be {}", String::from_utf8_lossy(&expected)))?;
    let own = terms(ask, given.version).headers;
    let ours = |name: &str| OF_THE_ANSWER.contains(&name) || (given.ask.is_unsafe() && name.ends_with("location"));
    let strange = answer.entry.headers.iter().find(|line| !ours(&line.0) && !own.contains(line));
    ensure(strange.is_none(), || format!("{strange:?} is not for this caller"))?;
    let personal = |name: &str| name.starts_with("x-ratelimit") || name.starts_with("x-quota") || name == "age";
    let lost = own.iter().find(|line| !personal(&line.0) && !answer.entry.headers.contains(line));
    ensure(lost.is_none(), || format!("{lost:?} is lost"))?;
    let stays = answer.entry.headers.iter().find(|(name, _)| personal(name) || name == "set-cookie");
    ensure(stays.is_none(), || format!("{stays:?} is personal"))
}

fn values<'a>(answer: &'a Answer, name: &'a str) -> impl Iterator<Item = &'a str> {
    answer.entry.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The number that follows `mark`.
pub fn number(bytes: &[u8], mark: &str) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (_, rest) = text.split_once(mark)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

pub fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
