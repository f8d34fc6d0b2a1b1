//! Finds the configurations of fingerprint-cache in a document, whatever it is wrapped in.
//!
//! Known wrappings: Envoy's `PluginConfig` anywhere in a tree (bootstrap, LDS, EnvoyFilter patches),
//! Istio's WasmPlugin and TrafficExtension, Kubernetes lists of them. What looks like none of these is
//! taken for a plain configuration.

use fingerprint_cache::config::Problem;
use serde_json::{Map, Value};

/// Fields that only a configuration of ours has at its root.
const OURS: [&str; 6] = ["schema_version", "memory", "redis", "rules", "fill", "sync"];
/// Fields at the root of what is certainly something else.
const FOREIGN: [&str; 8] =
    ["apiVersion", "kind", "static_resources", "dynamic_resources", "resources", "admin", "node", "@type"];

/// A configuration and what is known about its place.
#[derive(Debug, PartialEq)]
pub struct Found {
    /// Where in the document, as in `spec.pluginConfig`; empty for the document itself.
    pub place: String,
    /// The configuration as the filter would be given it.
    pub text: String,
    /// Faults of the wrapping.
    pub faults: Vec<Problem>,
    /// Why rules that key on a request body cannot work here, if they cannot.
    pub no_bodies: Option<&'static str>,
}

/// What a document has.
#[derive(Debug, Default, PartialEq)]
pub struct Findings {
    /// Configurations of ours. One that stands in several places, as YAML's aliases make it, is there once.
    pub found: Vec<Found>,
    /// Places of configurations that belong to other filters.
    pub skipped: Vec<String>,
}

impl Findings {
    fn take(&mut self, found: Found) {
        let is = |other: &Found| {
            (&other.text, &other.faults, other.no_bodies) == (&found.text, &found.faults, found.no_bodies)
        };
        match self.found.iter_mut().find(|other| is(other)) {
            Some(same) => {
                same.place.push_str(", ");
                same.place.push_str(&found.place);
            }
            None => self.found.push(found),
        }
    }
}

const STRING_VALUE: &str = "write { \"@type\": type.googleapis.com/google.protobuf.StringValue, value: '{...}' } with the configuration as JSON";
const NO_FLAG: &str = "its PluginConfig does not say `allow_on_headers_stop_iteration: true`: add it there";
const NO_FLAG_IN_ISTIO: &str =
    "this kind cannot set `allow_on_headers_stop_iteration`: insert the filter by an EnvoyFilter";

/// Looks through one document.
pub fn find(document: &Value) -> Findings {
    let mut findings = Findings::default();
    kubernetes(document, "", &mut findings);
    let empty = findings.found.is_empty() && findings.skipped.is_empty();
    if let (true, Some(members)) = (empty, document.as_object())
        && !FOREIGN.iter().any(|name| members.contains_key(*name))
    {
        findings.take(plain(document, String::new(), None));
    }
    findings
}

/// Takes a Kubernetes resource by its kind; anything else is searched as a tree of Envoy's.
fn kubernetes(document: &Value, path: &str, findings: &mut Findings) {
    let member = |path: &str| document.pointer(path);
    match document.get("kind").and_then(Value::as_str) {
        Some("WasmPlugin") => istio(member("/spec/pluginConfig"), named(document, path, "spec.pluginConfig"), findings),
        Some("TrafficExtension") => {
            istio(member("/spec/wasm/pluginConfig"), named(document, path, "spec.wasm.pluginConfig"), findings);
        }
        Some("List") => {
            for (index, entry) in member("/items").and_then(Value::as_array).into_iter().flatten().enumerate() {
                kubernetes(entry, &format!("items[{index}]"), findings);
            }
        }
        Some(_) => envoy(document, &named(document, path, ""), findings),
        None => envoy(document, path, findings),
    }
}

/// `below`, preceded by which Kubernetes resource it is in.
fn named(document: &Value, path: &str, below: &str) -> String {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or("unnamed");
    let separator = if path.is_empty() { "" } else { ", " };
    format!("{path}{separator}{} {}: {below}", text("/kind"), text("/metadata/name"))
}

/// Takes the configuration of a WasmPlugin or TrafficExtension, which Istio hands over as JSON.
fn istio(configuration: Option<&Value>, place: String, findings: &mut Findings) {
    match configuration {
        Some(tree) if is_ours(tree) => findings.take(plain(tree, place, Some(NO_FLAG_IN_ISTIO))),
        Some(_) => findings.skipped.push(place),
        None => {}
    }
}

fn plain(tree: &Value, place: String, no_bodies: Option<&'static str>) -> Found {
    Found { place, text: tree.to_string(), faults: vec![], no_bodies }
}

/// Goes through a tree of Envoy's and takes every `configuration`.
fn envoy(tree: &Value, path: &str, findings: &mut Findings) {
    match tree {
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                envoy(value, &format!("{path}[{index}]"), findings);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                let path = join(path, name);
                match (name.as_str(), value) {
                    ("configuration", Value::Object(wrapped)) => wrapping(members, wrapped, path, findings),
                    _ => envoy(value, &path, findings),
                }
            }
        }
        _ => {}
    }
}

/// Takes the configuration out of the `Any` that a PluginConfig holds.
fn wrapping(plugin: &Map<String, Value>, wrapped: &Map<String, Value>, place: String, findings: &mut Findings) {
    let kind = wrapped.get("@type").and_then(Value::as_str).and_then(|url| url.rsplit('/').next()).unwrap_or_default();
    let value = wrapped.get("value").unwrap_or(&Value::Null);
    let whole = Value::Object(wrapped.iter().filter(|(name, _)| *name != "@type").map(own).collect());
    let (text, wrong) = match (kind, value) {
        ("google.protobuf.StringValue", Value::String(text)) if text_is_ours(text) => (text.clone(), None),
        ("google.protobuf.Struct", tree) if is_ours(tree) => {
            (tree.to_string(), Some("is a google.protobuf.Struct, which Envoy hands to the filter as protobuf bytes"))
        }
        ("google.protobuf.Struct", _) if is_ours(&whole) => {
            (whole.to_string(), Some("is a google.protobuf.Struct, which Envoy hands to the filter as protobuf bytes"))
        }
        ("", _) if is_ours(&whole) => (whole.to_string(), Some("has no \"@type\", without which Envoy refuses it")),
        _ => return findings.skipped.push(place),
    };
    let fault = |wrong: &str| Problem { path: String::new(), wrong: wrong.to_owned(), remedy: STRING_VALUE.to_owned() };
    let allowed = plugin.get("allow_on_headers_stop_iteration") == Some(&Value::Bool(true));
    let no_bodies = if allowed { None } else { Some(NO_FLAG) };
    findings.take(Found { place, text, faults: wrong.map(fault).into_iter().collect(), no_bodies });
}

fn own((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn is_ours(tree: &Value) -> bool {
    OURS.iter().any(|name| tree.get(name).is_some())
}

/// The text of a StringValue may be broken JSON, or YAML that ought to be JSON, and yet ours.
fn text_is_ours(text: &str) -> bool {
    match crate::document::read(text) {
        Ok(documents) => documents.is_empty() || documents.iter().any(|(_, tree)| is_ours(tree)),
        Err(_) => OURS.iter().any(|name| text.contains(name)),
    }
}

fn join(path: &str, name: &str) -> String {
    let separator = if path.is_empty() || path.ends_with(' ') { "" } else { "." };
    format!("{path}{separator}{name}")
}
