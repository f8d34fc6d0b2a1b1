//! What the workers of one Envoy share.

use fingerprint_cache::shared::{Conflict, Shared};
use std::collections::BTreeMap;

/// Envoy's shared data: versions count, a set of a name that is not there succeeds whatever version it names.
#[derive(Default)]
pub struct SharedData(BTreeMap<String, (Vec<u8>, u32)>);

impl Shared for SharedData {
    fn get(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        self.0.get(name).map(|(bytes, version)| (bytes.clone(), Some(*version)))
    }

    fn set(&mut self, name: &str, bytes: &[u8], version: Option<u32>) -> Result<(), Conflict> {
        let current = self.0.get(name).map(|(_, version)| *version);
        if let (Some(current), Some(version)) = (current, version)
            && current != version
        {
            return Err(Conflict);
        }
        self.0.insert(name.to_owned(), (bytes.to_vec(), current.unwrap_or(0) + 1));
        Ok(())
    }
}
