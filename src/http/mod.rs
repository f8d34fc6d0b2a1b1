//! What HTTP says, without any caching: header lines, lists, directives, dates, entity tags, ranges and the names of groups.
//!
//! Every reader here takes bytes that someone else wrote and is total: whatever they are, it returns,
//! and what it cannot read never makes an answer more reusable than it would be without it.

pub mod date;
mod directive;
mod directives;
pub mod etag;
mod headers;
pub(crate) mod list;
pub mod path;
pub mod range;
pub mod tags;
mod targeted;

pub use directives::{MAX_DELTA_SECONDS, RequestDirectives, ResponseDirectives, delta_seconds, withheld_fields};
pub use headers::Headers;
pub use list::{is_token, members, trim};
