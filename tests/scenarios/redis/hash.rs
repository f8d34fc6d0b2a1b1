//! The commands on hashes.

use super::keyspace::{Keyspace, Reply, error};

impl Keyspace {
    pub fn hash(&mut self, name: &str, key: &[u8], rest: &[Vec<u8>]) -> Reply {
        match (name, rest) {
            ("HGET", [field]) => self.field(key, field),
            ("HMGET", [_, ..]) => Reply::Array(rest.iter().map(|field| self.field(key, field)).collect()),
            ("HLEN", []) => Reply::Integer(self.hashes.get(key).map_or(0, |hash| hash.fields.len() as i64)),
            ("HGETALL", []) => self.hgetall(key),
            ("HDEL", [_, ..]) => self.hdel(key, rest),
            ("HSET", [_, _, ..]) if rest.len().is_multiple_of(2) => self.hset(key, rest),
            _ => error(&format!("unknown command '{name}' of {} arguments", rest.len() + 1)),
        }
    }

    fn hgetall(&self, key: &[u8]) -> Reply {
        let fields = self.hashes.get(key).into_iter().flat_map(|hash| &hash.fields);
        Reply::Array(fields.flat_map(|(name, value)| [name, value]).cloned().map(Reply::Bulk).collect())
    }

    fn hdel(&mut self, key: &[u8], fields: &[Vec<u8>]) -> Reply {
        let Some(hash) = self.hashes.get_mut(key) else { return Reply::Integer(0) };
        let gone = fields.iter().filter(|field| hash.fields.remove(*field).is_some()).count();
        if hash.fields.is_empty() {
            self.hashes.remove(key);
        }
        Reply::Integer(gone as i64)
    }

    fn field(&self, key: &[u8], field: &[u8]) -> Reply {
        let found = self.hashes.get(key).and_then(|hash| hash.fields.get(field));
        found.map_or(Reply::Nil, |value| Reply::Bulk(value.clone()))
    }

    fn hset(&mut self, key: &[u8], pairs: &[Vec<u8>]) -> Reply {
        let hash = self.hashes.entry(key.to_vec()).or_default();
        let new = pairs.chunks_exact(2).filter(|pair| hash.fields.insert(pair[0].clone(), pair[1].clone()).is_none());
        Reply::Integer(new.count() as i64)
    }
}
