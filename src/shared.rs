//! What the workers of one Envoy know together: a few bytes under fixed names, changed by compare-and-set.

/// The host's shared data. Names are never deleted, so only a fixed set may be used; and a set of a name that does
/// not exist succeeds whatever version it names, so creation is not atomic.
pub trait Shared {
    /// The bytes under `name` with the version to name in [`Shared::set`]; `None` where there are none.
    fn get(&self, name: &str) -> Option<(Vec<u8>, Option<u32>)>;

    /// Replaces the bytes if they are still of `version`, or whatever they are if it is `None`.
    ///
    /// # Errors
    /// [`Conflict`] when somebody else was faster.
    fn set(&mut self, name: &str, bytes: &[u8], version: Option<u32>) -> Result<(), Conflict>;
}

/// Somebody else changed the bytes since they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict;

/// What a worker shares that is the only one, as in a bench: nothing.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Shared for Alone {
    fn get(&self, _name: &str) -> Option<(Vec<u8>, Option<u32>)> {
        None
    }

    fn set(&mut self, _name: &str, _bytes: &[u8], _version: Option<u32>) -> Result<(), Conflict> {
        Ok(())
    }
}
