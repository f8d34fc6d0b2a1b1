//! `fpcache` on a real Redis: what it publishes, finds and counts there, and what it says when it cannot.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod inspect;
mod keys;
mod publish;
mod reach;
mod scene;

const CHROME: &str = "https://api.example/v1/profiles/chrome";
const FIREFOX: &str = "https://api.example/v1/profiles/firefox?os=win";
