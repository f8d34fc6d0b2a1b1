//! What the tests go through: Envoy with the filter, Redis and webdis.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use stack::bootstrap::Bootstrap;
use stack::{Stack, paths};

/// A lookup waits for no connection: what the tests ask at once, and as many fills.
const CONNECTIONS: u32 = 1024;

/// Starts it before an origin on this port.
///
/// There is one worker: an unsafe method invalidates in its own worker at once, and the others hear of it by the log, which
/// takes longer than the tests wait.
///
/// # Errors
/// A sentence with the end of the log of what did not start.
pub fn start(plugin: &Path, origin: u16) -> Result<Stack, String> {
    let text = paths::read(plugin)?;
    let plugin = serde_json::from_str(&text).map_err(|error| format!("{} is not JSON: {error}", plugin.display()))?;
    let stack = Stack::builder().service(origin).workers(1).plugin(plugin).change(change).start()?;
    follows(&stack)?;
    Ok(stack)
}

/// Waits until both workers, that of the main thread too, have read the log for the first time.
fn follows(stack: &Stack) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while stack.metrics()?.sum("fingerprint_cache_log_discontinuities_total", &[("reason", "start")]) < 2.0 {
        if Instant::now() > deadline {
            return Err("the filter does not read the log".to_owned());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// That L2 took part.
///
/// # Errors
/// A sentence, when it did not.
pub fn used_redis(stack: &Stack) -> Result<(), String> {
    let fills = stack.metrics()?.sum("fingerprint_cache_l2_calls_total", &[("op", "fill"), ("outcome", "ok")]);
    if fills > 0.0 { Ok(()) } else { Err("nothing was stored in Redis".to_owned()) }
}

fn change(bootstrap: &mut Bootstrap) -> Result<(), String> {
    let manager = bootstrap.connection_manager()?;
    // Otherwise Envoy answers `Expect: 100-continue` by itself, and keeps the origin's 1xx from the client.
    put(manager, &["proxy_100_continue"], json!(true));
    // Otherwise Envoy refuses M-SEARCH, which has to invalidate like any method that is not known to be safe.
    put(manager, &["http_protocol_options", "allow_custom_methods"], json!(true));
    // A second request would be one that the client did not send.
    let route = manager.pointer_mut("/route_config/virtual_hosts/0/routes/0/route").and_then(Value::as_object_mut);
    route.ok_or("the shipped configuration has no route")?.remove("retry_policy");
    let clusters = bootstrap.tree().pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
    for cluster in clusters.ok_or("the shipped configuration has no clusters")? {
        roomy(cluster);
    }
    Ok(())
}

/// Time and room for many tests at once on a busy machine.
fn roomy(cluster: &mut Value) {
    put(cluster, &["connect_timeout"], json!("1s"));
    let thresholds = json!([{
        "max_connections": CONNECTIONS, "max_pending_requests": CONNECTIONS, "max_requests": CONNECTIONS,
    }]);
    put(cluster, &["circuit_breakers", "thresholds"], thresholds);
    // The server of the suite closes idle connections after five seconds, sometimes just when a request is on its way.
    let options = ["typed_extension_protocol_options", "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
    let place = |last: &'static [&'static str]| [&options[..], last].concat();
    let kind = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    put(cluster, &place(&["@type"]), json!(kind));
    put(cluster, &place(&["common_http_protocol_options", "idle_timeout"]), json!("2s"));
    put(cluster, &place(&["explicit_http_config", "http_protocol_options"]), json!({}));
}

/// Puts `value` at a path of members, and makes those that are not there.
fn put(tree: &mut Value, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else { return *tree = value };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    if let Some(members) = tree.as_object_mut() {
        put(members.entry(*first).or_insert(Value::Null), rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_configuration_is_changed_and_keeps_the_rest() {
        let mut bootstrap = Bootstrap::shipped().unwrap();
        change(&mut bootstrap).unwrap();
        let manager = bootstrap.connection_manager().unwrap();
        assert_eq!(manager["proxy_100_continue"], true);
        assert_eq!(manager["http_protocol_options"]["allow_custom_methods"], true);
        assert_eq!(manager["merge_slashes"], true);
        assert!(!manager.to_string().contains("retry_on"));
        let clusters = bootstrap.tree()["static_resources"]["clusters"].as_array().unwrap();
        for cluster in clusters {
            let text = cluster.to_string();
            assert!(text.contains("\"idle_timeout\":\"2s\"") && text.contains("\"max_requests\":1024"), "{text}");
        }
    }
}
