//! The scripts that run inside Redis, and the digests it knows them by.

/// A script.
#[derive(Debug, PartialEq, Eq)]
pub struct Script {
    /// The label of its calls in the metrics.
    pub name: &'static str,
    /// Its text, as shipped.
    pub text: &'static str,
    /// SHA-1 of the text, in hexadecimal: what `EVALSHA` takes.
    pub sha1: &'static str,
}

/// One look into L2; where it finds nothing, it may take the lease.
pub static LOOKUP: Script = Script {
    name: "lookup",
    text: include_str!("scripts/lookup.lua"),
    sha1: "1e7794cf4911abdb0bb56c7f18e41e46600897a0",
};

/// One variant stored, and the lease given back.
pub static FILL: Script =
    Script { name: "fill", text: include_str!("scripts/fill.lua"), sha1: "8695d8fd68e0f6d370e7c24603c2de150554db9d" };

/// A lease renewed, given back or marked.
pub static LEASE: Script =
    Script { name: "lease", text: include_str!("scripts/lease.lua"), sha1: "1fc61d79b6f3b15611526425f0ce1ac139ca76c7" };

/// Notices put into the log.
pub static PUBLISH: Script = Script {
    name: "publish",
    text: include_str!("scripts/publish.lua"),
    sha1: "332b36611dc431c4d925ba17d4ee0f6d9616ffb9",
};

/// The log read on.
pub static SYNC: Script =
    Script { name: "sync", text: include_str!("scripts/sync.lua"), sha1: "9790837f40de6e6bd5b27b82b0ff80bbcdac99f0" };

/// All of them.
pub static ALL: [&Script; 5] = [&LOOKUP, &FILL, &LEASE, &PUBLISH, &SYNC];
