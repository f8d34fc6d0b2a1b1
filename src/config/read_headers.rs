//! Reads lists of request headers: those that are part of the key, and those that show who asks.

use super::pattern::is_token_byte;
use super::problem::{Flaw, quote};
use super::section::Field;

/// Headers of one connection (RFC 9110 §7.6.1), which say nothing about the answer.
const HOP_BY_HOP: [&str; 8] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length"];

/// Header names in lower case, each once, by one of the readers below.
pub(super) fn read(field: &Field, name: fn(&str) -> Result<String, Flaw>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for field in field.list().unwrap_or_default() {
        match field.parse(name) {
            Some(name) if names.contains(&name) => {
                field.report(Flaw::new(format!("{name} stands here twice"), "remove one"))
            }
            Some(name) => names.push(name),
            None => {}
        }
    }
    names
}

/// A header that is part of the key.
pub(super) fn of_key(text: &str) -> Result<String, Flaw> {
    let name = text.to_ascii_lowercase();
    let flaw = |wrong: &str, remedy: &str| Err(Flaw::new(format!("{} {wrong}", quote(text)), remedy));
    if matches!(name.as_str(), "authorization" | "proxy-authorization" | "cookie") {
        return flaw(
            "tells users apart, and an answer for one user does not belong in a shared cache",
            "remove it, and write `auth: shared` if the answer does not depend on who asks",
        );
    }
    if of_target(&name) {
        return flaw("is part of every key", "remove it");
    }
    if HOP_BY_HOP.contains(&name.as_str()) {
        return flaw("belongs to one connection, not to the answer", "remove it");
    }
    full_name(text, "accept-language")
}

/// A header that shows who asks.
pub(super) fn credential(text: &str) -> Result<String, Flaw> {
    let name = text.to_ascii_lowercase();
    let flaw = |wrong: &str| Err(Flaw::new(format!("{} {wrong}", quote(text)), "remove it"));
    if of_target(&name) {
        return flaw("is in every request, so it shows nobody");
    }
    if HOP_BY_HOP.contains(&name.as_str()) {
        return flaw("belongs to one connection, not to who asks");
    }
    full_name(text, "x-api-key")
}

/// What names the target of a request, in either version of HTTP.
fn of_target(name: &str) -> bool {
    matches!(name, "host" | ":authority" | ":path" | ":method" | ":scheme")
}

fn full_name(text: &str, example: &str) -> Result<String, Flaw> {
    let flaw = |wrong: &str, remedy: String| Err(Flaw::new(format!("{} {wrong}", quote(text)), remedy));
    if text.contains('*') {
        return flaw("is a pattern", "write each header by its full name".to_owned());
    }
    if text.is_empty() || !text.bytes().all(is_token_byte) {
        return flaw("is not a header name", format!("write a name such as {example}"));
    }
    Ok(text.to_ascii_lowercase())
}
