//! `fpcache bridge`.
mod event;
mod glob;
mod map;
mod notice;
mod timestamp;
