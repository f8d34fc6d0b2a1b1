//! The one answer of every case: a JSON body of 1 KiB with ten headers.
//!
//! The floors are compiled with this very file, so that nobody answers anything else.
#![allow(dead_code)] // The floors and the bench each use a part of it.

/// The body: a profile, 1,024 bytes.
pub const BODY: &str = include_str!("answer.json");

/// Nine of the ten headers; the tenth is `date`.
pub const HEADERS: [(&str, &str); 9] = [
    ("content-type", "application/json"),
    ("cache-control", "public, max-age=3600"),
    ("etag", "\"5d8c72a5edda8d6a\""),
    ("last-modified", "Sun, 01 Nov 2026 12:00:00 GMT"),
    ("content-language", "en"),
    ("x-api-version", "2026-10-15"),
    ("x-model-version", "fingerprint-7.2.1"),
    ("x-content-type-options", "nosniff"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
];

/// A date for answers that are made up on the spot. The origin says the true one: an age is reckoned from it.
pub const DATE: &str = "Mon, 23 Nov 2026 12:00:00 GMT";

/// What the cache adds to a hit; the floors add the same.
pub const ADDED: [(&str, &str); 2] = [("age", "7"), ("cache-status", "fingerprint-cache; hit; ttl=3593; detail=l1")];

/// The key of the body in Redis, for the one plain GET of a floor.
pub const KEY: &str = "fpc:floor";

/// That GET as webdis reads it.
pub const CALL: &str = "/GET/fpc:floor.raw";
