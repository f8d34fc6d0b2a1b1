//! The routes of the service that are asked something: in a query, or in a body.

use crate::callers::Ask;
use crate::routes::{Terms, quoted, user};
use serde_json::Value;

/// The parameters that count, sorted by name, those of one name in their order.
pub fn search(ask: &Ask) -> String {
    let query = ask.target.split_once('?').map_or("", |(_, query)| query);
    let mut kept: Vec<&str> = query.split('&').filter(|part| !part.starts_with("utm_")).collect();
    kept.sort_by_key(|part| part.split('=').next().unwrap());
    format!("{}?{}", ask.host, kept.join("&"))
}

/// Says again what it was asked, and the session in many ways, by the mode in `tls_data`.
pub fn identify(ask: &Ask, terms: &mut Terms) {
    let body: Value = serde_json::from_slice(ask.body.as_deref().unwrap_or_default()).unwrap_or_default();
    let mode = body["tls_data"].as_str().unwrap_or("none").to_owned();
    let session = body.get("session_id").map(Value::to_string);
    terms.depends.push(("tls", body["tls_data"].to_string()));
    terms.depends.push(("headers", body["http_headers"].to_string()));
    if ask.body.as_deref().is_some_and(|body| body.windows(7).any(|part| part == b"unknown")) {
        terms.depends.push(("unknown", body["unknown"].to_string()));
    }
    match (mode.as_str(), &session) {
        ("twice", Some(session)) => terms.depends.push(("again", session.clone())),
        ("inside", Some(session)) => {
            terms.depends.push(("inside", quoted(&format!("<{}>", session.trim_matches('"')))))
        }
        ("shout", Some(session)) => terms.depends.push(("shout", session.to_uppercase())),
        ("header", Some(session)) => terms.add("x-session", session.trim_matches('"')),
        ("invent", None) => terms.depends.push(("session_id", user(ask))),
        _ => {}
    }
    terms.depends.extend(session.map(|session| ("session_id", session)));
}
