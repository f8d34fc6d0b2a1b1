//! What the fuzz targets share: messages written as text, so that inputs can be read, and a world around a worker.

pub mod message;
pub mod redis;
pub mod script;
pub mod world;
