//! Stale answers: when they may be served at all (RFC 9111 §4.2.4, RFC 5861), and who asks meanwhile.

use crate::callers::{Ask, SECOND};
use crate::oracle::{ensure, number};
use crate::origin::{Exchange, terms};
use crate::settings::RuleFacts;
use crate::world::World;
use fingerprint_cache::answer::Answer;

impl World {
    /// A stale answer is one that somebody allows, for this long, for this client; and somebody asks the origin.
    pub fn served_stale(
        &self,
        id: u32,
        answer: &Answer,
        head: &Exchange,
        rule: &RuleFacts,
        lifetime: u64,
        slack: u64,
    ) -> Result<(), String> {
        if !answer.state.starts_with("stale") {
            return Ok(());
        }
        let (ask, age) = (&self.streams[&id].ask, self.now - head.born.min(self.now));
        ensure(!head.terms.strict, || format!("stale, against its own {:?}", head.terms.headers))?;
        refused(ask, age, slack)?;
        let within = |window: u64| age < (lifetime + window) * SECOND + slack;
        if answer.state == "stale;origin" {
            let window = head.terms.if_error.or(rule.if_error).unwrap_or(0);
            let status = self.streams[&id].response.as_ref().map(|response| response.status);
            ensure(matches!(status, Some(500 | 502 | 503 | 504)), || format!("stale, and the origin said {status:?}"))?;
            return ensure(within(window), || format!("{age} us old, {window} s after {lifetime} s"));
        }
        let most = ask.get_header("cache-control").and_then(|control| number(control.as_bytes(), "max-stale="));
        if most.is_some_and(|most| within(most as u64 + 1)) {
            return Ok(());
        }
        let window = head.terms.while_asked.or(rule.while_asked).unwrap_or(0);
        ensure(within(window), || format!("{age} us old, {window} s after {lifetime} s"))?;
        let only = ask.get_header("cache-control").is_some_and(|control| control.contains("only-if-cached"));
        ensure(only || self.somebody_asks(id), || "stale, and nobody asks the origin".into())
    }

    /// Whether in the same worker another request, or the root, asks for what this one got.
    fn somebody_asks(&self, id: u32) -> bool {
        let ask = &self.streams[&id].ask;
        let streams = self.streams.iter().filter(|(other, stream)| **other != id && stream.outcome.is_none());
        let streams = streams.map(|(_, stream)| &stream.ask);
        let refreshes = self.refreshes.iter().filter(|((vm, _), _)| *vm == ask.vm).map(|(_, refresh)| &refresh.after);
        let due = self.vms[ask.vm].worker.memory().entries() > 0;
        due && streams.chain(refreshes).any(|other| other.vm == ask.vm && alike(ask, other))
    }

    /// No two refreshes of one worker ask for the same.
    pub fn check_refreshes(&mut self) {
        let all: Vec<(&(usize, u32), &Ask)> = self.refreshes.iter().map(|(at, refresh)| (at, &refresh.after)).collect();
        let twice = all.iter().enumerate().find_map(|(at, (one, ask))| {
            let other = all[at + 1..].iter().find(|(other, asked)| {
                one.0 == other.0
                    && alike(ask, asked)
                    && ask.joined("accept") == asked.joined("accept")
                    && self.same_setting(one.1, other.1)
            });
            other.map(|(other, _)| format!("refreshes {one:x?} and {other:x?} ask for the same"))
        });
        if let Some(what) = twice {
            self.violated(what);
        }
    }

    /// Under another configuration the same question may have another key.
    fn same_setting(&self, one: u32, other: u32) -> bool {
        let config = |id: u32| self.refreshes.iter().find(|((_, known), _)| *known == id).map(|(_, one)| &one.config);
        config(one) == config(other)
    }
}

/// What the client said against it.
fn refused(ask: &Ask, age: u64, slack: u64) -> Result<(), String> {
    let Some(control) = ask.get_header("cache-control") else { return Ok(()) };
    let most = number(control.as_bytes(), "max-age=");
    let old = most.is_some_and(|most| age > most as u64 * SECOND + slack);
    let against = old || control.contains("no-cache") || control.contains("min-fresh");
    ensure(!against, || format!("stale, to {control}"))
}

/// Whether both get the same, whoever asks: by what the origin's answer depends on.
fn alike(one: &Ask, other: &Ask) -> bool {
    let vary = |ask: &Ask| ask.joined("accept-language");
    let uri = |ask: &Ask| (ask.host.clone(), ask.target.split('?').next().map(str::to_owned), ask.scheme);
    let keyed = |ask: &Ask| (one.target == "/keyed/a").then(|| (ask.joined("x-tenant"), ask.ja4.clone()));
    let varies = ["/v1/lang", "/v1/turning", "/keyed/a"].contains(&one.target.as_str());
    let same = uri(one) == uri(other) && one.target == other.target;
    same && (!varies || (vary(one) == vary(other) && keyed(one) == keyed(other)))
        && terms(one, 0).status == terms(other, 0).status
}
