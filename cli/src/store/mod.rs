//! What the filter keeps in Redis, read by someone who is no filter. Nothing here writes.
//!
//! - [`Name`]: the name of a primary key's hash.
//! - [`Variant`]: one stored response.
//! - [`walk`]: all of them, a page at a time.
//! - [`known`]: the bans in force.

mod bans;
mod name;
mod variant;
mod walk;

pub use bans::{Known, known};
pub use name::{Name, is_key};
pub use variant::Variant;
pub use walk::{Variants, Walk, variants, variants_of};
