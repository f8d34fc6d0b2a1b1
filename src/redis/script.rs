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
    sha1: "2a52ad565393a22584d2299dd5f8ee92c4ec1070",
};

/// One variant stored.
pub static FILL: Script =
    Script { name: "fill", text: include_str!("scripts/fill.lua"), sha1: "cb195f5d82374a04602d55a45b1cfa04a8114356" };
