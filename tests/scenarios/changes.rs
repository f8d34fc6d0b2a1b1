//! What successful unsafe requests promise: their worker never again answers with what was before, and no look into L2
//! that runs after the ban gives it to anybody.

use crate::callers::{Ask, MILLI};
use crate::judge::Given;
use crate::oracle::ensure;
use crate::responses::Response;
use crate::settings::{rule_for, uri};
use crate::world::World;

/// How soon after it was heard a ban has to run, to count as not lost on its way: as long as a call may take.
const IN_TIME: u64 = 50 * MILLI;

/// The success of an unsafe request, for one of the URIs that it changes.
#[derive(Debug)]
pub struct Success {
    pub stream: u32,
    vm: usize,
    /// As the configuration tells URIs apart.
    uri: String,
    /// The version that it made.
    version: u64,
    heard: u64,
    /// When its ban ran, and as which script.
    ran: Option<(u64, u64)>,
    /// Whether its worker has heard how the ban ended, well or not.
    told: bool,
    /// Whether L2 has lost the ban, as after a flush.
    pub forgotten: bool,
}

impl Success {
    /// Whether this worker heard it.
    pub fn is_of(&self, vm: usize) -> bool {
        self.vm == vm
    }

    /// L2 has lost what it was told after so many scripts had run.
    pub fn forget(&mut self, ran: u64) {
        self.forgotten |= self.ran.is_none_or(|(_, at)| ran == 0 || at > ran);
    }
}

impl World {
    /// A response to an unsafe request has reached a worker.
    pub fn note_success(&mut self, id: u32, response: &Response) {
        let stream = &self.streams[&id];
        let heard = response.from_origin && (200..400).contains(&response.status);
        if !heard || stream.orphaned || !stream.ask.is_unsafe() || rule_for(&stream.config, &stream.ask).is_some() {
            return;
        }
        let (ask, vm) = (stream.ask.clone(), stream.ask.vm);
        self.check_ban(id, vm, &ask);
        for (host, target) in ask.changes() {
            let uri = uri(&self.vms[vm].config, &host, &target);
            let born = self.origin.exchanges[response.exchange.unwrap()].born;
            let version = self.origin.version(&Ask { host, target, ..ask.clone() }, born);
            let (heard, ran) = (self.now, None);
            self.successes.push(Success { stream: id, vm, uri, version, heard, ran, told: false, forgotten: false });
        }
    }

    /// L2 is told, where there is one and a rule may have stored something of the URI.
    fn check_ban(&mut self, id: u32, vm: usize, ask: &Ask) {
        let get = |(host, target): (String, String)| Ask { host, ..Ask::get(&target) };
        let post = |ask: &Ask| Ask { method: "POST".into(), ..ask.clone() };
        let config = &self.vms[vm].config;
        let stored = |ask: &Ask| rule_for(config, ask).or(rule_for(config, &post(ask))).is_some();
        let due = config.get("redis").is_some() && ask.changes().into_iter().map(get).any(|ask| stored(&ask));
        let left = self.vms[vm].outbox.iter().any(|(errand, _)| errand.is_ban_of(id));
        if due && !left {
            self.violated(format!("#{id} changed something, and L2 is not told"));
        }
    }

    /// The ban that a stream asked for has run.
    pub fn banned(&mut self, about: u32) {
        let (now, ran, lost) = (self.now, self.front.ran, self.may_be_taken_for_another_log());
        self.tell(format!("   what #{about} changed is banned"));
        let of_it = self.successes.iter_mut().filter(|success| success.stream == about);
        of_it.for_each(|success| {
            success.ran = Some((now, ran));
            success.forgotten |= lost;
        });
    }

    /// Its worker is told how the ban ended.
    pub fn told_of_ban(&mut self, about: u32) {
        let of_it = self.successes.iter_mut().filter(|success| success.stream == about);
        of_it.for_each(|success| success.told = true);
    }

    /// The answer is of no version older than a change that this worker, or L2 before it was asked, has heard of.
    pub fn recent_enough(&self, id: u32, given: &Given<'_>) -> Result<(), String> {
        let (state, stream) = (given.answer.state, &self.streams[&id]);
        if state.starts_with("revalidated") {
            // As the origin said to this very request.
            return Ok(());
        }
        let uri = uri(&stream.config, &given.ask.host, &given.ask.target);
        let version = given.source.version;
        let late = self.successes.iter().filter(|success| success.uri == uri && success.version > version);
        let of_l2 = stream.looked_at.filter(|_| state.ends_with(";l2"));
        for success in late.filter(|success| !success.forgotten) {
            let banned = success.ran.zip(of_l2).is_some_and(|((_, ran), looked)| ran < looked);
            ensure(!banned, || format!("version {version} from L2, which had banned it: {success:?}"))?;
            let own = success.vm == given.ask.vm && self.holds(success);
            ensure(!own, || format!("version {version}, and this worker knew better: {success:?}"))?;
        }
        Ok(())
    }

    /// Whether the worker can know: the ban is still under way, or came in time, or the worker was told that it did not;
    /// or there is no L2 to know less.
    fn holds(&self, success: &Success) -> bool {
        let fresh = self.now <= success.heard + IN_TIME;
        let in_time = success.ran.is_some_and(|(at, _)| at <= success.heard + IN_TIME);
        fresh || in_time || self.front.ran == 0 || (success.told && !self.configured)
    }
}
