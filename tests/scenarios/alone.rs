//! One request of the whole fleet asks the origin for what others ask for, too; nobody waits for long; every lease ends.
//! What spoils that is on record: while nothing has gone wrong in a story, there is no excuse.

use crate::callers::{Ask, MILLI, SECOND, Sends};
use crate::oracle::ensure;
use crate::origin::{Exchange, Gives};
use crate::routes::render;
use crate::settings::rule_for;
use crate::world::World;

/// `fill.wait` of all settings, and for how long nobody waits for what is not for a cache.
const WAIT: u64 = 500 * MILLI;
const MARKED: u64 = 5 * SECOND;
/// How long a stream may be paused: the wait, a tick, and the calls to L2 before and after it with their timeouts.
pub const MOST_PAUSED: u64 = WAIT + 110 * MILLI + 4 * 60 * MILLI;

impl World {
    /// A request has reached the origin: nobody else is there for the same.
    pub fn check_alone_in_fleet(&mut self, id: u32) {
        let stream = &self.streams[&id];
        if !self.calm || !shares(stream) || self.now >= stream.begun + WAIT || self.excused(&stream.ask) {
            return;
        }
        let same = |other: &&u32| {
            let asking = &self.streams[*other];
            **other != id && asking.reached && shares(asking) && question(&asking.ask) == question(&stream.ask)
        };
        if let Some(other) = self.live.iter().find(same) {
            self.violated(format!("#{id} asks the origin, and #{other} is there already"));
        }
    }

    /// Whether it is on record that no answer to this may be waited for: it was no good before, or is being invalidated.
    fn excused(&self, ask: &Ask) -> bool {
        let odd = |exchange: &&Exchange| {
            let same = question(&exchange.ask) == question(ask);
            let good = matches!(exchange.gives, Gives::Whole | Gives::Confirms) && whole(exchange.sends);
            let changes = exchange.ask.is_unsafe();
            (same && (!good || exchange.ask.method == "HEAD")) || changes
        };
        let lately = self.now.saturating_sub(MARKED + WAIT);
        let mut exchanges = self.origin.exchanges.iter().rev().take_while(|exchange| exchange.asked_at >= lately);
        let notice = self.notices.last().is_some_and(|notice| notice.at >= lately);
        notice || exchanges.any(|exchange| odd(&exchange)) || self.may_think_of_other_names(ask)
    }

    /// Workers may assume other names in `Vary` for what nobody has asked for yet, where answers of the rule have any: then
    /// they do not know that they ask for the same.
    fn may_think_of_other_names(&self, ask: &Ask) -> bool {
        let config = &self.vms[ask.vm].config;
        let rule = |ask: &Ask| rule_for(config, ask).map(|rule| rule.name().to_owned());
        let varies = |exchange: &&Exchange| exchange.headers.iter().any(|(name, _)| name == "vary");
        let own = rule(ask);
        self.origin.exchanges.iter().filter(varies).any(|exchange| rule(&exchange.ask) == own)
    }

    /// Nobody is paused for longer than allowed.
    pub fn check_patience(&self) -> Result<(), String> {
        let late = self.live.iter().find(|id| {
            let stream = &self.streams[id];
            let reads = self.vms[stream.ask.vm].worker.reads_body(**id);
            let since = stream.paused_since.filter(|_| stream.paused && !stream.orphaned && !reads);
            since.is_some_and(|since| self.now > since + MOST_PAUSED)
        });
        ensure(late.is_none(), || format!("#{:?} is paused for too long", late))
    }

    /// When all is over, no lease is held but by whoever has not been heard.
    pub fn check_leases(&mut self) {
        let keys = self.front.server.keys();
        let now = keys.clock / 1000;
        let endless = keys.strings.iter().find(|(_, lease)| lease.ends.is_none());
        let kept =
            keys.strings.iter().find(|(_, lease)| lease.value != b"U" && lease.ends.is_some_and(|ends| ends > now));
        let wrong = endless.map(|(key, _)| (key.clone(), "has no end"));
        let wrong = wrong.or(kept.filter(|_| self.calm).map(|(key, _)| (key.clone(), "is given back by nobody")));
        drop(keys);
        if let Some((key, what)) = wrong {
            self.violated(format!("the lease {} {what}", String::from_utf8_lossy(&key)));
        }
    }
}

/// Whether others may wait for its answer, and it for theirs.
fn shares(stream: &crate::host::Stream) -> bool {
    let ask = &stream.ask;
    let Some(rule) = rule_for(&stream.config, ask) else { return false };
    let own = ["cache-control", "pragma", "range", "if-range", "if-none-match", "if-modified-since", "if-match"];
    let plain = ask.method == "GET" && own.iter().all(|name| ask.get_header(name).is_none());
    let terms = crate::routes::terms(ask, 0);
    let kept = !terms.never && !terms.always_ask && matches!(terms.status, 200 | 404 | 301);
    let shared = rule.shared() && !terms.headers.iter().any(|(name, _)| name == "vary");
    let redis = stream.config.get("redis").is_some();
    plain && kept && shared && redis && whole(ask.sends) && ask.status.is_none() && ask.path() != "/v1/huge"
}

fn whole(sends: Sends) -> bool {
    matches!(sends, Sends::Whole | Sends::Chunked)
}

fn question(ask: &Ask) -> (&str, &str, Vec<u8>) {
    (ask.scheme, &ask.host, render(ask, 0, 0))
}
