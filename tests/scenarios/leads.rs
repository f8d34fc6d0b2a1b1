//! Who asks the origin while others get the stale answer: somebody, and only one.

use crate::callers::{Ask, SECOND};
use crate::judge::Given;
use crate::network::Who;
use crate::oracle::ensure;
use crate::origin::Gives;
use crate::routes::render;
use crate::settings::rule_for;
use crate::world::World;

/// By how much the filter may think an answer older than it is, where no clock is ahead: whole seconds of `Date`, delays.
const OVER: u64 = 3 * SECOND;
/// How long a lease lasts after its holder has renewed it last, and may be thought to: `fill.lease` and the way there.
const LEASE: u64 = 3 * SECOND + SECOND / 10;
/// After so long a worker no longer counts on a refresh.
const LOST: u64 = 95 * SECOND;

impl World {
    /// Somebody else asks for what this answer is, in this worker; or somebody in the fleet does, or did until lately: who
    /// was told so by L2 waits for the end of that lease.
    pub fn is_asked_for(&self, id: u32, given: &Given<'_>) -> Result<(), String> {
        let (vm, own) = (given.ask.vm, question(given.ask));
        let same = |ask: &Ask| !ask.is_unsafe() && question(ask) == own;
        let led = self.live.iter().any(|other| *other != id && same(&self.streams[other].ask));
        let all = self.vms.iter().enumerate().flat_map(|(of, vm)| vm.behind.values().map(move |behind| (of, behind)));
        let refreshed = all.into_iter().any(|(of, behind)| {
            let counts = !behind.lost || (of == vm && self.now < behind.begun + LOST);
            counts && same(&behind.ask)
        });
        let lately = self.asked_for.get(&own).is_some_and(|at| self.now <= at + LEASE);
        ensure(led || refreshed || lately, || "stale, and nobody asks".into())
    }

    /// Somebody asks the origin, or ends to.
    pub fn note_asking(&mut self, ask: &Ask) {
        self.asked_for.insert(question(ask), self.now);
    }

    /// A request has reached the origin, with these headers. If it is there for others too, it is alone.
    pub fn check_leader(&mut self, vm: usize, who: Who, sent: &[(String, String)], exchange: usize) {
        let Some(content) = self.leads_for(vm, who, sent) else { return };
        let before = self.leaders.insert((vm, content), who);
        let Some(before) = before.filter(|before| *before != who && self.leads_still(vm, *before)) else { return };
        self.violated(format!("worker {vm}: {who} asks for {content} in exchange {exchange}, and {before} still does"));
    }

    /// The content whose stale entry this request would have confirmed, if by all accounts it was in its window.
    fn leads_for(&self, vm: usize, who: Who, sent: &[(String, String)]) -> Option<usize> {
        let (client, config) = match who {
            Who::Stream(id) => (&self.streams[&id].ask, &self.streams[&id].config),
            Who::Behind(number) => (&self.vms[vm].behind[&number].ask, &self.vms[vm].behind[&number].config),
            Who::Root => return None,
        };
        let own = |name: &str| matches!(who, Who::Stream(_)) && client.get_header(name).is_some();
        let calm = !self.front.turned && self.pods.iter().all(|pod| pod.clock <= 0) && self.front.clock == 0;
        if !calm || ["if-none-match", "cache-control", "pragma"].iter().any(|name| own(name)) {
            return None;
        }
        let (_, tag) = sent.iter().find(|(name, _)| name == "if-none-match")?;
        let content: usize = tag.trim_start_matches("W/").trim_matches(['"', 's']).parse().ok()?;
        let rule = rule_for(config, client)?;
        let heads = self.origin.exchanges.iter().filter(|head| head.content == content);
        let heads = heads.filter(|head| matches!(head.gives, Gives::Whole | Gives::Confirms) && head.born < self.now);
        let in_window = |born: u64, head| {
            let (age, lifetime) = (self.now - born, rule.lifetime(head, head.terms.status));
            age > lifetime + SECOND / 10 && age + OVER < lifetime + rule.while_revalidating(head)
        };
        let mut all = heads.peekable();
        all.peek()?;
        all.all(|head| in_window(head.born, head)).then_some(content)
    }

    fn leads_still(&self, vm: usize, who: Who) -> bool {
        match who {
            Who::Stream(id) => self.open(id) && !self.streams[&id].answered,
            Who::Behind(number) => self.vms[vm].behind.get(&number).is_some_and(|behind| !behind.lost),
            Who::Root => false,
        }
    }
}

/// What tells questions apart.
fn question(ask: &Ask) -> (&'static str, String, Vec<u8>) {
    let as_get = Ask { method: if ask.is_unsafe() { ask.method.clone() } else { "GET".into() }, ..ask.clone() };
    (ask.scheme, ask.host.clone(), render(&as_get, 0, 0))
}
