//! Envoy as each case needs it: the shipped configuration with other filters, and without its access log.

use std::path::Path;

use serde_json::{Value, json};
use stack::bootstrap::Bootstrap;
use stack::{Envoy, Options};

use crate::answer;
use crate::case::Way;
use crate::cpu::Cores;
use crate::ground::Ground;

const FLOOR: &str = "a StringValue with the kind of floor";

/// An Envoy for cases of this way; [`Envoy::start`] starts it.
///
/// # Errors
/// A sentence, when the shipped configuration has no place for a change.
pub fn envoy(way: Way, ground: &Ground, cores: Cores, folder: &Path) -> Result<Envoy, String> {
    let bootstrap = configuration(way, ground)?;
    let options = Options { workers: 1, log_level: "warn".to_owned(), prefix: cores.prefix() };
    Envoy::changed(bootstrap, folder, options)
}

fn configuration(way: Way, ground: &Ground) -> Result<Bootstrap, String> {
    let mut bootstrap = Bootstrap::shipped()?;
    bootstrap.send_to("fingerprint-api", ground.origin)?;
    bootstrap.send_to("webdis", ground.webdis())?;
    bootstrap.load(&ground.plugin)?;
    // Each case would write the same lines; without them the differences show more clearly.
    if let Some(manager) = bootstrap.connection_manager()?.as_object_mut() {
        manager.remove("access_log");
    }
    change(&mut bootstrap, way, &ground.floors)?;
    Ok(bootstrap)
}

fn change(bootstrap: &mut Bootstrap, way: Way, floors: &Path) -> Result<(), String> {
    match way {
        Way::Cache => edit(bootstrap, None),
        Way::TinyL1 => edit(bootstrap, Some(json!({ "max_entries": 1, "max_bytes": "64KiB" }))),
        Way::Floor(kind) => {
            bootstrap.load(floors)?;
            set(bootstrap.filter()?, "/typed_config/config/configuration/value", kind.into())
                .map_err(|error| format!("{error} ({FLOOR})"))
        }
        Way::Direct => {
            remove_filter(bootstrap)?;
            set(bootstrap.connection_manager()?, "/route_config/virtual_hosts/0/routes", direct())
        }
        Way::Native => {
            *bootstrap.filter()? = native();
            Ok(())
        }
    }
}

/// The cache's own configuration with another L1, and with more patience: on a busy machine a lookup that is given up
/// would turn a hit into a miss, and how long one may wait costs nothing.
fn edit(bootstrap: &mut Bootstrap, memory: Option<Value>) -> Result<(), String> {
    let mut plugin = bootstrap.plugin()?;
    set(&mut plugin, "/redis/timeout", "5s".into())?;
    if let Some(memory) = memory {
        set(&mut plugin, "/memory", memory)?;
    }
    bootstrap.set_plugin(&plugin)
}

fn set(tree: &mut Value, pointer: &str, value: Value) -> Result<(), String> {
    let place = tree.pointer_mut(pointer).ok_or_else(|| format!("the configuration has nothing at {pointer}"))?;
    *place = value;
    Ok(())
}

fn remove_filter(bootstrap: &mut Bootstrap) -> Result<(), String> {
    let name = bootstrap.filter()?.get("name").cloned();
    let filters = bootstrap.connection_manager()?.pointer_mut("/http_filters").and_then(Value::as_array_mut);
    filters.ok_or("the configuration has no filters")?.retain(|filter| filter.get("name") != name.as_ref());
    Ok(())
}

/// Routes that answer by themselves.
fn direct() -> Value {
    let headers = answer::HEADERS.into_iter().chain([("date", answer::DATE)]).chain(answer::ADDED);
    let add = |(key, value): (&str, &str)| {
        json!({
            "header": { "key": key, "value": value }, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        })
    };
    json!([{
        "match": { "prefix": "/" },
        "direct_response": { "status": 200, "body": { "inline_string": answer::BODY } },
        "response_headers_to_add": headers.map(add).collect::<Vec<_>>(),
    }])
}

/// Envoy's own cache filter.
fn native() -> Value {
    json!({
        "name": "envoy.filters.http.cache",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.cache.v3.CacheConfig",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig",
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::CASES;
    use std::path::PathBuf;

    #[test]
    fn every_case_finds_its_place_in_the_shipped_configuration() {
        for case in CASES {
            let mut bootstrap = Bootstrap::shipped().unwrap();
            change(&mut bootstrap, case.way, &PathBuf::from("floors.wasm")).unwrap();
            let text = bootstrap.tree().to_string();
            assert_eq!(text.contains("floors.wasm"), matches!(case.way, Way::Floor(_)), "{}", case.name);
            assert_eq!(text.contains("direct_response"), case.way == Way::Direct, "{}", case.name);
        }
    }
}
