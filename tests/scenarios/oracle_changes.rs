//! Unsafe requests: after one has succeeded, nothing older is told of its URIs (RFC 9111 §4.4).

use crate::callers::{Ask, MILLI};
use crate::oracle::ensure;
use crate::responses::Response;
use crate::settings::rule_for;
use crate::world::World;
use fingerprint_cache::answer::Answer;
use fingerprint_cache::redis::Call;

/// For how long a worker that does not know whether L2 has heard of a change believes nothing that L2 says of it. After
/// that L2 may tell what is older, should it not have heard.
const DOUBT: u64 = 100 * MILLI;

/// A change that a worker has heard of.
pub struct Changed {
    vm: usize,
    scheme: &'static str,
    host: String,
    target: String,
    /// When the origin made it.
    made: u64,
    /// When the worker heard of it.
    heard: u64,
    /// Whether there was no L2 to be told.
    alone: bool,
    /// The arguments of the call that tells Redis.
    call: Option<Vec<String>>,
    /// When Redis banned what was before.
    pub banned: Option<u64>,
}

impl World {
    /// A worker hears the head of a response.
    pub fn note_change(&mut self, id: u32, response: &Response) {
        let stream = &self.streams[&id];
        let (ask, config) = (stream.ask.clone(), &stream.config);
        let succeeded = response.from_origin && (200..400).contains(&response.status);
        if !succeeded || !ask.is_unsafe() || !stream.active || rule_for(config, &ask).is_some() {
            return;
        }
        let made = response.exchange.map_or(self.now, |number| self.origin.exchanges[number].at);
        let own = ask.target.clone();
        let pointed = ask.points.as_ref().and_then(|(_, value)| same_origin(&ask, value));
        for target in [Some(own), pointed].into_iter().flatten() {
            let (vm, scheme, host) = (ask.vm, ask.scheme, ask.host.clone());
            let (heard, alone) = (self.now, self.vms[vm].worker.redis().is_none());
            self.changes.push(Changed { vm, scheme, host, target, made, heard, alone, call: None, banned: None });
        }
    }

    /// A worker tells Redis. Bans name digests: whose they are is known by when they are asked for, at once with the hearing.
    pub fn note_invalidation(&mut self, vm: usize, call: &Call) {
        let now = self.now;
        let news = self
            .changes
            .iter_mut()
            .filter(|changed| changed.vm == vm && changed.heard == now && changed.call.is_none());
        news.for_each(|changed| changed.call = Some(call.arguments.clone()));
    }

    /// Redis has run a script.
    pub fn note_ban(&mut self, call: &Call, reply: &[u8]) {
        if call.script.name != "invalidate" || !reply.ends_with(b"I\r\n") {
            return;
        }
        let (now, call) = (self.now, Some(&call.arguments));
        let news = self.changes.iter_mut().filter(|changed| changed.call.as_ref() == call && changed.banned.is_none());
        news.for_each(|changed| changed.banned = Some(now));
    }

    /// What is told is no older than what this worker knows of, nor than what L2 knew of when it was asked.
    pub fn unchanged_since(&self, id: u32, answer: &Answer, head: usize) -> Result<(), String> {
        let stream = &self.streams[&id];
        let (ask, given) = (&stream.ask, self.origin.exchanges[head].at);
        let of_it = |changed: &&Changed| {
            (changed.scheme, &changed.host, &changed.target) == (ask.scheme, &ask.host, &ask.target)
        };
        for changed in self.changes.iter().filter(of_it) {
            let soon = changed.heard + DOUBT;
            let known = changed.alone || changed.banned.is_some_and(|banned| banned < soon) || self.now < soon;
            let here = changed.vm == ask.vm && changed.heard < self.now && known;
            ensure(!here || given >= changed.made, || {
                format!("given at {given}, changed at {}, as heard at {}", changed.made, changed.heard)
            })?;
            let there = answer.state.ends_with("l2") && changed.banned.is_some_and(|banned| banned < stream.looked_at);
            ensure(!there || given >= changed.made, || {
                format!("given at {given}, changed at {}, banned at {:?}", changed.made, changed.banned)
            })?;
        }
        Ok(())
    }
}

/// The target behind a reference, where it is of the same origin.
fn same_origin(ask: &Ask, reference: &str) -> Option<String> {
    let base = format!("{}://{}", ask.scheme, ask.host);
    let target = reference.strip_prefix(&base).unwrap_or(reference);
    target.starts_with('/').then(|| target.to_owned()).filter(|target| !target.starts_with("//"))
}
