//! Streams, as far as the log needs them.

use super::keyspace::{Keyspace, Reply, error, number};
use std::collections::VecDeque;

/// An event: its id (milliseconds, and a number within them), its fields and values in turn.
pub type Event = ((u64, u64), Vec<Vec<u8>>);

/// A stream: its events, and how many there ever were.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub events: VecDeque<Event>,
    pub added: u64,
    pub last: (u64, u64),
    /// The time of its end, in milliseconds of Redis' clock.
    pub ends: Option<i64>,
}

impl Keyspace {
    /// Appends an event, whoever does that: `XADD key * field value ..`.
    pub fn append(&mut self, key: &[u8], pairs: &[Vec<u8>]) -> Reply {
        let now = u64::try_from(self.clock / 1000).unwrap_or_default();
        let stream = self.streams.entry(key.to_vec()).or_default();
        stream.last =
            if now > stream.last.0 || stream.added == 0 { (now, 0) } else { (stream.last.0, stream.last.1 + 1) };
        stream.added += 1;
        stream.events.push_back((stream.last, pairs.to_vec()));
        id(stream.last)
    }

    /// `XTRIM key MAXLEN n`: how many were there stays known.
    pub fn trim(&mut self, key: &[u8], most: usize) {
        if let Some(stream) = self.streams.get_mut(key) {
            stream.events.drain(..stream.events.len().saturating_sub(most));
        }
    }

    /// `MAXLEN ~ n * field value ..`. What is trimmed "nearly exactly" leaves by whole nodes of 100.
    pub fn xadd(&mut self, key: &[u8], rest: &[Vec<u8>]) -> Reply {
        let [maxlen, about, most, star, fields @ ..] = rest else { return error("syntax error") };
        let most = number(most).and_then(|most| usize::try_from(most).ok());
        let (true, Some(most)) = (maxlen == b"MAXLEN" && about == b"~" && star == b"*", most) else {
            return error("syntax error");
        };
        if fields.is_empty() || !fields.len().is_multiple_of(2) {
            return error("wrong number of arguments for 'xadd' command");
        }
        let id = self.append(key, fields);
        let length = self.streams[key].events.len();
        self.trim(key, length - length.saturating_sub(most) / 100 * 100);
        id
    }

    /// `last-id ENTRIESADDED n`, with the id that is the last one.
    pub fn xsetid(&mut self, key: &[u8], last: &[u8], added: &[u8]) -> Reply {
        let Some(stream) = self.streams.get_mut(key) else { return error("no such key") };
        let known = matches!(id(stream.last), Reply::Bulk(known) if known == last);
        match number(added).and_then(|added| u64::try_from(added).ok()) {
            Some(added) if known && added >= stream.events.len() as u64 => {
                stream.added = added;
                Reply::Status("OK")
            }
            _ => error("wrong arguments for 'xsetid' command"),
        }
    }

    pub fn xinfo(&self, key: &[u8]) -> Reply {
        let Some(stream) = self.streams.get(key) else { return error("no such key") };
        let name = |text: &str| Reply::Bulk(text.as_bytes().to_vec());
        let edge = |event: Option<&Event>| event.map_or(Reply::Nil, entry);
        Reply::Array(vec![
            name("length"),
            Reply::Integer(stream.events.len() as i64),
            name("last-generated-id"),
            id(stream.last),
            name("max-deleted-entry-id"),
            name("0-0"),
            name("entries-added"),
            Reply::Integer(stream.added as i64),
            name("groups"),
            Reply::Integer(0),
            name("first-entry"),
            edge(stream.events.front()),
            name("last-entry"),
            edge(stream.events.back()),
        ])
    }

    /// `+ - COUNT n`: the last ones, the newest first.
    pub fn xrevrange(&self, key: &[u8], range: [&Vec<u8>; 2], most: &[u8]) -> Reply {
        let most = number(most).and_then(|most| usize::try_from(most).ok());
        let (true, Some(most)) = (range == [b"+", b"-"], most) else { return error("syntax error") };
        let events = self.streams.get(key).into_iter().flat_map(|stream| stream.events.iter().rev());
        Reply::Array(events.take(most).map(entry).collect())
    }
}

fn id((ms, number): (u64, u64)) -> Reply {
    Reply::Bulk(format!("{ms}-{number}").into_bytes())
}

fn entry((at, fields): &Event) -> Reply {
    Reply::Array(vec![id(*at), Reply::Array(fields.iter().cloned().map(Reply::Bulk).collect())])
}
