//! The caching standard as pure functions, a file a section, its sentence above each clause.
//!
//! What may be stored ([`storage`], RFC 9111 §3), for which requests ([`selection`], §4.1), for how long
//! ([`freshness`], §4.2), how the origin is asked whether it still holds ([`validation`], §4.3) and what a client that asks
//! is told ([`precondition`], §4.3.2), which part of it a request gets ([`range`], RFC 9110 §14), what makes it doubtful
//! ([`invalidation`], §4.4), and how all that is told ([`cache_status`], RFC 9211). Nothing here knows rules, tiers or
//! clocks: times come in as arguments.
//!
//! The cache is a shared one. Where the standard leaves a choice, the answer that goes to the origin is taken.

pub mod cache_status;
pub mod freshness;
pub mod invalidation;
pub mod precondition;
pub mod range;
pub mod selection;
pub mod storage;
pub mod validation;
