//! The rest of a sidecar: statistics, the cluster of webdis, listener and access log, as Istio has them.

use serde_json::{Map, Value, json};
use stack::bootstrap::Bootstrap;

use super::manifest::{at, first, list, pod_annotation, text};

/// What Istio calls the cluster of webdis.
pub const WEBDIS: &str = "outbound|7379||webdis.caching.svc.cluster.local";
/// Some of the names that Istio takes labels out of, by itself: traps for names of metrics that look like them.
const TAGS: [(&str, &str); 7] = [
    ("cluster_name", r"^cluster\.((.+?(\..+?\.svc\.cluster\.local)?)\.)"),
    ("response_code", r"(response_code=\.=(.+?);\.;)|_rq(_(\.d{3}))$"),
    ("reporter", r"(reporter=\.=(.*?);\.;)"),
    ("cache", r"(cache\.(.+?)\.)"),
    ("component", r"(component\.(.+?)\.)"),
    ("tag", r"(tag\.(.+?);\.)"),
    ("wasm_filter", r"(wasm_filter\.(.+?)\.)"),
];
/// What of Envoy's statistics Istio has in any case.
const INCLUDED: [&str; 8] =
    ["cluster_manager", "listener_manager", "server", "cluster.xds-grpc", "wasm", "reporter=", "component", "istio"];

/// Makes a sidecar of the shipped bootstrap: these filters before the router, L2 and the service on these ports.
///
/// # Errors
/// A sentence, when a manifest or the bootstrap is not what it should be.
pub fn sidecar(bootstrap: &mut Bootstrap, filters: Vec<Value>, l2: u16, service: u16) -> Result<(), String> {
    bootstrap.send_to("webdis", l2)?;
    bootstrap.send_to("fingerprint-api", service)?;
    let statistics = statistics()?;
    let tree = bootstrap.tree();
    crate::settings::set(tree, "/stats_config", statistics);
    let clusters = tree.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut).into_iter().flatten();
    for cluster in clusters {
        if cluster.get("name").is_some_and(|name| name == "webdis") {
            *cluster = l2_cluster(cluster)?;
        }
        crate::settings::set(cluster, "/connect_timeout", json!("1s"));
    }
    *bootstrap.connection_manager()? = manager(filters)?;
    Ok(())
}

/// Statistics by the annotations in `pod.yaml`.
fn statistics() -> Result<Value, String> {
    let proxy = pod_annotation("proxy.istio.io/config")?;
    let own = list(&proxy, "/extraStatTags").filter_map(Value::as_str);
    let own = own.map(|name| json!({ "tag_name": name, "regex": format!("({name}=\\.=(.*?);\\.;)") }));
    let tags: Vec<_> =
        TAGS.iter().map(|(name, regex)| json!({ "tag_name": name, "regex": regex })).chain(own).collect();
    let more = list(&proxy, "/proxyStatsMatcher/inclusionPrefixes").cloned();
    let prefixes: Vec<_> = INCLUDED
        .iter()
        .map(|&prefix| prefix.into())
        .chain(more)
        .map(|prefix: Value| json!({ "prefix": prefix }))
        .collect();
    let buckets = pod_annotation("sidecar.istio.io/statsHistogramBuckets")?;
    let buckets = buckets.as_object().into_iter().flatten();
    let buckets: Vec<_> =
        buckets.map(|(prefix, list)| json!({ "match": { "prefix": prefix }, "buckets": list })).collect();
    Ok(json!({
        "stats_tags": tags,
        "use_all_default_tags": false,
        "stats_matcher": { "inclusion_list": { "patterns": prefixes } },
        "histogram_bucket_settings": buckets,
    }))
}

/// The cluster of webdis by the DestinationRule in `l2.yaml`, at the address that `cluster` has.
fn l2_cluster(cluster: &Value) -> Result<Value, String> {
    let rule = first("l2.yaml")?;
    let (pool, outliers) =
        (at(&rule, "/spec/trafficPolicy/connectionPool")?, at(&rule, "/spec/trafficPolicy/outlierDetection")?);
    let mut endpoints = at(cluster, "/load_assignment")?.clone();
    crate::settings::set(&mut endpoints, "/cluster_name", json!(WEBDIS));
    Ok(json!({
        "name": WEBDIS,
        "type": "STATIC",
        "lb_policy": text(&rule, "/spec/trafficPolicy/loadBalancer/simple")?,
        "circuit_breakers": { "thresholds": [{
            "max_connections": at(pool, "/tcp/maxConnections")?,
            "max_pending_requests": at(pool, "/http/http1MaxPendingRequests")?,
            "max_requests": at(pool, "/http/http2MaxRequests")?,
        }] },
        "outlier_detection": {
            "split_external_local_origin_errors": at(outliers, "/splitExternalLocalOriginErrors")?,
            "consecutive_local_origin_failure": at(outliers, "/consecutiveLocalOriginFailures")?,
            "consecutive_gateway_failure": at(outliers, "/consecutiveGatewayErrors")?,
            "enforcing_consecutive_5xx": 0,
            "interval": at(outliers, "/interval")?,
            "base_ejection_time": at(outliers, "/baseEjectionTime")?,
            "max_ejection_percent": at(outliers, "/maxEjectionPercent")?,
        },
        "load_assignment": endpoints,
    }))
}

/// The connection manager of an inbound port, with the mesh's default path normalisation (BASE).
fn manager(mut filters: Vec<Value>) -> Result<Value, String> {
    for (name, kind) in [("fault", "HTTPFault"), ("cors", "Cors"), ("router", "Router")] {
        let kind = format!("type.googleapis.com/envoy.extensions.filters.http.{name}.v3.{kind}");
        filters.push(json!({ "name": format!("envoy.filters.http.{name}"), "typed_config": { "@type": kind } }));
    }
    let route = json!({ "match": { "prefix": "/" }, "route": { "cluster": "fingerprint-api", "timeout": "0s" } });
    Ok(json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "inbound_0.0.0.0_8080",
        "normalize_path": true,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "route_config": {
            "name": "inbound|8080||",
            "virtual_hosts": [{ "name": "inbound|http|8080", "domains": ["*"], "routes": [route] }],
        },
        "http_filters": filters,
        "access_log": [access_log()?],
    }))
}

/// The access log of `telemetry.yaml` in the format of `mesh.yaml`, and in it what the metrics' new tag would be.
fn access_log() -> Result<Value, String> {
    let (telemetry, mesh) = (first("telemetry.yaml")?, first("mesh.yaml")?);
    let mut labels = at(&mesh, "/meshConfig/extensionProviders/0/envoyFileAccessLog/logFormat/labels")?.clone();
    let tag = text(&telemetry, "/spec/metrics/0/overrides/0/tagOverrides/cache_status/value")?;
    crate::settings::set(&mut labels, "/tag", json!(format!("%CEL({tag})%")));
    let cel = json!({
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        "expression": text(&telemetry, "/spec/accessLogging/0/filter/expression")?,
    });
    Ok(json!({
        "name": "envoy.access_loggers.file",
        "filter": { "extension_filter": { "name": "envoy.access_loggers.extension_filters.cel", "typed_config": cel } },
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": "/dev/stdout",
            "log_format": { "json_format": labels },
        },
    }))
}

/// Carries out the patches of an EnvoyFilter that are about listener, connection manager and HTTP filters.
///
/// # Errors
/// A sentence, when one is of a kind that is not known here.
pub fn patch(bootstrap: &mut Bootstrap, document: &Value) -> Result<(), String> {
    for patch in list(document, "/spec/configPatches") {
        let value = at(patch, "/patch/value")?;
        match (text(patch, "/applyTo")?, text(patch, "/patch/operation")?) {
            ("NETWORK_FILTER", "MERGE") => merge(bootstrap.connection_manager()?, at(value, "/typed_config")?),
            ("LISTENER_FILTER", "REPLACE") => {
                crate::settings::set(bootstrap.listener()?, "/listener_filters", json!([value]));
            }
            ("HTTP_FILTER", "INSERT_FIRST") => {
                let filters =
                    bootstrap.connection_manager()?.pointer_mut("/http_filters").and_then(Value::as_array_mut);
                filters.ok_or("no filters")?.insert(0, value.clone());
            }
            (what, how) => return Err(format!("{how} of {what} is not known here")),
        }
    }
    Ok(())
}

/// Puts the members of `patch` into `tree`, those of objects within one by one.
pub fn merge(tree: &mut Value, patch: &Value) {
    match (tree, patch) {
        (Value::Object(tree), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(tree.entry(name).or_insert_with(|| Value::Object(Map::new())), value);
            }
        }
        (tree, patch) => *tree = patch.clone(),
    }
}
