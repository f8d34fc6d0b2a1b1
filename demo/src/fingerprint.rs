//! A fingerprint as a client sends it: reading and validating it, and what can be
//! told from it alone.

use crate::seed::Seed;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Likenesses are counted in ten-thousandths.
pub const SAME: u64 = 10_000;

/// A fingerprint as a client sends it.
pub struct Fingerprint {
    tls: Vec<u8>,
    /// Names in lower case: header names compare without case.
    headers: BTreeMap<String, String>,
}

impl Fingerprint {
    /// Reads `{tls_data, http_headers}`; the error is a sentence, in which `at`
    /// stands before the member's name.
    pub fn read(request: &Value, at: &str) -> Result<Self, String> {
        Ok(Self { tls: tls_data(request, at)?, headers: http_headers(request, at)? })
    }

    /// A sequence that belongs to this fingerprint and `purpose`.
    pub fn seed(&self, purpose: &[u8]) -> Seed {
        let headers = self.headers.iter();
        let texts = headers.flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        let parts: Vec<&[u8]> = [purpose, &self.tls].into_iter().chain(texts).collect();
        Seed::of(&parts)
    }

    /// The browser and the version that the user agent claims; empty where it
    /// claims none. Edge and Chrome name those they descend from too, so the
    /// youngest name is looked for first.
    pub fn claim(&self) -> (&'static str, &str) {
        let marks = [("Edg/", "edge"), ("Firefox/", "firefox"), ("Chrome/", "chrome"), ("Version/", "safari")];
        let agent = self.headers.get("user-agent").map_or("", String::as_str);
        let claim = |(mark, browser): (&str, _)| Some((browser, agent.split_once(mark)?.1));
        let Some((browser, rest)) = marks.into_iter().find_map(claim) else {
            return ("", "");
        };
        let version = rest.split(|one: char| !one.is_ascii_digit()).next();
        (browser, version.unwrap_or(""))
    }

    /// How much of the hello is alike, byte by byte, from 0 to [`SAME`].
    pub fn tls_likeness(&self, other: &Self) -> u64 {
        let pairs = self.tls.iter().zip(&other.tls);
        let equal = pairs.filter(|(one, other)| one == other).count();
        ratio(equal, self.tls.len().max(other.tls.len()))
    }

    /// How many headers are alike, from 0 to [`SAME`].
    pub fn http_likeness(&self, other: &Self) -> u64 {
        let shared = |(name, value): &(&String, &String)| other.headers.get(*name) == Some(value);
        let equal = self.headers.iter().filter(shared).count();
        ratio(equal, self.headers.len().max(other.headers.len()))
    }
}

fn tls_data(request: &Value, at: &str) -> Result<Vec<u8>, String> {
    let Some(text) = request.get("tls_data").and_then(Value::as_str) else {
        return Err(format!("{at}tls_data is missing: send the hello as base64 text."));
    };
    match STANDARD.decode(text) {
        Ok(bytes) if bytes.is_empty() => Err(format!("{at}tls_data is empty: send the hello as base64 text.")),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(format!("{at}tls_data is not base64 with padding: {error}.")),
    }
}

fn http_headers(request: &Value, at: &str) -> Result<BTreeMap<String, String>, String> {
    let Some(members) = request.get("http_headers").and_then(Value::as_object) else {
        return Err(format!("{at}http_headers is missing: send a map of names to text."));
    };
    lower_case(members, at)
}

fn lower_case(members: &Map<String, Value>, at: &str) -> Result<BTreeMap<String, String>, String> {
    let mut headers = BTreeMap::new();
    for (name, value) in members {
        let Some(value) = value.as_str() else {
            return Err(format!("{at}http_headers.{name} is not text: send one text for each name."));
        };
        let before = headers.insert(name.to_ascii_lowercase(), value.to_owned());
        if before.is_some() {
            return Err(format!("{at}http_headers has {name} twice, in different case: send it once."));
        }
    }
    Ok(headers)
}

/// `part` of `whole` in ten-thousandths; nothing of nothing is the same.
fn ratio(part: usize, whole: usize) -> u64 {
    let scaled = (part as u64).saturating_mul(SAME);
    scaled.checked_div(whole as u64).unwrap_or(SAME)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with_agent(agent: &str) -> Fingerprint {
        let request = json!({"tls_data": "AAECAw==", "http_headers": {"User-Agent": agent}});
        Fingerprint::read(&request, "").unwrap()
    }

    #[test]
    fn the_user_agent_claims_a_browser() {
        let table = [
            ("Gecko/20100101 Firefox/133.0", ("firefox", "133")),
            ("Chrome/126.0.0.0 Safari/537.36 Edg/126.0.1", ("edge", "126")),
            ("Chrome/120.0.0.0 Safari/537.36", ("chrome", "120")),
            ("Version/17.4 Safari/605.1.15", ("safari", "17")),
            ("Chrome/", ("chrome", "")),
            ("curl/8.5.0", ("", "")),
        ];
        for (agent, claim) in table {
            assert_eq!(with_agent(agent).claim(), claim, "{agent}");
        }
    }

    #[test]
    fn likeness_goes_from_nothing_to_the_same() {
        let (one, other) = (with_agent("a"), with_agent("b"));
        assert_eq!((one.tls_likeness(&one), one.http_likeness(&one)), (SAME, SAME));
        assert_eq!((one.tls_likeness(&other), one.http_likeness(&other)), (SAME, 0));
        let longer = Fingerprint { tls: vec![0, 1, 9, 9, 9, 9, 9, 9], headers: BTreeMap::new() };
        assert_eq!(one.tls_likeness(&longer), SAME / 4);
    }
}
