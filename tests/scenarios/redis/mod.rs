//! A double of Redis 7 behind webdis: [`webdis`] reads the URL, [`server`] runs scripts by [`lua`] over [`keyspace`], and
//! only what the shipped [`acl`] lets them do.

mod acl;
mod hash;
mod keyspace;
mod lua;
mod server;
mod sha1;
mod stream;
mod webdis;

pub use keyspace::{Hash, Keyspace};
pub use server::Server;
pub use webdis::command;
