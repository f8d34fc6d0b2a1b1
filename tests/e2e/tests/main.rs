//! The end-to-end tests: real Envoy with two workers, real Redis, real webdis, a scripted origin.
//!
//! - `tiers`: who answers, and what the answer, the metrics and the access log say of it.
//! - `theft`, `sessions`: one caller's answer never goes to another, by the head and by the body of a request.
//! - `outages`, `garbage`: L2 fails, or holds what the filter did not write; what its user may do in Redis.
//! - `origins`, `validation`: what of the origin's answers is stored, and how it is confirmed.
//! - `conditions`, `stale`: 304, 206 and 416 from the cache; stale answers from it.
//! - `invalidation`: what unsafe requests drop, in memory and in Redis.
//! - `options`: what rules and clients may ask for, what the origin says to us alone, interim answers.
//! - `clients`, `bodies`, `bytes`: clients that leave or are slow, request bodies, bytes that are no text.
//! - `single_flight`, `fleet`: two Envoys: one fetch for all who ask, and what is published reaches every worker.
//! - `istio`: the shipped Istio manifests, rendered as pilot does.
//! - `edge`: clients told apart by their TLS hello, and HTTP/2.
//! - `configuration`, `volume`: changes while requests come, more keys than fit.
//! - `operations`: the troubles in docs/operations.md, with what its commands print.

mod bodies;
mod bytes;
mod clients;
mod conditions;
mod configuration;
mod edge;
mod fleet;
mod garbage;
mod invalidation;
mod istio;
mod operations;
mod options;
mod origins;
mod outages;
mod sessions;
mod single_flight;
mod stale;
mod theft;
mod tiers;
mod validation;
mod volume;
