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

/// One look into L2.
pub static LOOKUP: Script = Script {
    name: "lookup",
    text: include_str!("scripts/lookup.lua"),
    sha1: "edb89444048d5796001123ce501ccde3f2e39ee8",
};

/// One variant stored.
pub static FILL: Script =
    Script { name: "fill", text: include_str!("scripts/fill.lua"), sha1: "818572f6e6759eb29a5de42b9cdd62bfdf1bd0b4" };

/// All that was fetched for some URIs banned.
pub static INVALIDATE: Script = Script {
    name: "invalidate",
    text: include_str!("scripts/invalidate.lua"),
    sha1: "d6b56a625d1dfcc3aa1e2f65a665420bb191c491",
};
