//! What pilot and the agent make of a plugin and of a policy.

use std::path::Path;

use serde_json::{Value, json};

use super::manifest::{at, kind, list, text};

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const RBAC: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
const RESOURCE: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

/// A filter whose configuration comes by extension discovery.
#[derive(Clone, Debug, PartialEq)]
pub struct Extension {
    /// The name of filter and resource.
    pub name: String,
    /// The types that it may have.
    pub types: Value,
    /// What is discovered: a Wasm filter, or what the agent puts in its place.
    pub config: Value,
    /// What there is before anything is discovered, and where it is refused.
    pub default: Option<Value>,
    /// Whether its phase puts it before the policies.
    pub early: bool,
}

impl Extension {
    /// Our plugin, whichever of these documents has it.
    ///
    /// # Errors
    /// A sentence, when none has, or something is missing in it.
    pub fn of(documents: &[Value]) -> Result<Self, String> {
        let found = documents.iter().find_map(|document| match kind(document) {
            "WasmPlugin" => Some(Self::plugin(document, at(document, "/spec").ok()?, "wasmplugin")),
            "TrafficExtension" => Some(Self::plugin(document, at(document, "/spec/wasm").ok()?, "trafficextension")),
            "EnvoyFilter" => Self::patched(document),
            _ => None,
        });
        found.unwrap_or_else(|| Err("no document has the plugin".to_owned())).map(unhurried)
    }

    /// As pilot writes it: root id, failure policy, the configuration as JSON in a StringValue; no VM id, and no
    /// `allow_on_headers_stop_iteration`. The variables that it adds are for the agent, which takes them out again.
    fn plugin(document: &Value, spec: &Value, api: &str) -> Result<Self, String> {
        let name = format!("{}.{}", text(document, "/metadata/namespace")?, text(document, "/metadata/name")?);
        let phase = text(document, "/spec/phase")?;
        let none = Vec::new();
        let variables = spec.pointer("/vmConfig/env").and_then(Value::as_array).unwrap_or(&none);
        let variables = variables.iter().map(|one| Ok((text(one, "/name")?.to_owned(), at(one, "/value")?.clone())));
        let variables = variables.collect::<Result<serde_json::Map<_, _>, String>>()?;
        let config = json!({
            "name": name,
            "root_id": text(spec, "/pluginName")?,
            "failure_policy": text(spec, "/failStrategy")?,
            "vm_config": {
                "runtime": "envoy.wasm.runtime.v8",
                "code": {},
                "environment_variables": { "key_values": variables },
            },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": at(spec, "/pluginConfig")?.to_string(),
            },
        });
        Ok(Self {
            name: format!("extensions.istio.io/{api}/{name}"),
            types: json!([WASM, RBAC]),
            config: json!({ "@type": WASM, "config": config }),
            default: None,
            early: phase == "AUTHN" || phase == "AUTHZ",
        })
    }

    /// What an EnvoyFilter inserts and what it adds to extension discovery, where these belong together.
    fn patched(document: &Value) -> Option<Result<Self, String>> {
        let value = |kind: &str| {
            let patch =
                list(document, "/spec/configPatches").find(|patch| patch.get("applyTo").is_some_and(|is| is == kind));
            patch.and_then(|patch| patch.pointer("/patch/value")).cloned()
        };
        let (filter, resource) = (value("HTTP_FILTER")?, value("EXTENSION_CONFIG")?);
        if filter.get("name") != resource.get("name") {
            return Some(Err("the filter has one name and its configuration another".to_owned()));
        }
        let parts = || {
            Ok(Self {
                name: text(&filter, "/name")?.to_owned(),
                types: at(&filter, "/config_discovery/type_urls")?.clone(),
                config: at(&resource, "/typed_config")?.clone(),
                default: filter.pointer("/config_discovery/default_config").cloned(),
                early: false,
            })
        };
        Some(parts())
    }

    /// The plugin's configuration.
    pub fn plugin_config(&self) -> Value {
        let text = self.config.pointer("/config/configuration/value").and_then(Value::as_str);
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Replaces the plugin's configuration.
    pub fn set_plugin_config(&mut self, plugin: &Value) {
        if let Some(value) = self.config.pointer_mut("/config/configuration/value") {
            *value = plugin.to_string().into();
        }
    }

    /// What the agent gives Envoy when it cannot fetch the module, and the policy is FAIL_OPEN.
    pub fn not_fetched(&mut self) {
        self.config = json!({ "@type": RBAC, "rules_stat_prefix": "wasm-default-allow" });
    }

    /// Leaves out the variables of the manifest.
    pub fn without_variables(&mut self) {
        if let Some(vm) = self.config.pointer_mut("/config/vm_config").and_then(Value::as_object_mut) {
            vm.remove("environment_variables");
        }
    }

    /// The filter as it stands in the connection manager.
    pub fn filter(&self, resource: &Path) -> Value {
        let mut discovery = json!({
            "config_source": {
                "path_config_source": { "path": resource },
                "initial_fetch_timeout": "0s",
                "resource_api_version": "V3",
            },
            "type_urls": self.types,
        });
        if let Some(default) = &self.default {
            crate::settings::set(&mut discovery, "/default_config", default.clone());
        }
        json!({ "name": self.name, "config_discovery": discovery })
    }

    /// The resource that is discovered, after the agent has put the fetched `module` in.
    pub fn resource(&self, module: &Path) -> Value {
        let mut config = self.config.clone();
        if let Some(code) = config.pointer_mut("/config/vm_config/code") {
            *code = json!({ "local": { "filename": module } });
        }
        json!({
            "version_info": "0",
            "resources": [{ "@type": RESOURCE, "name": self.name, "typed_config": config }],
        })
    }
}

/// The same with patience for a busy machine, and without requests that refresh early by chance.
fn unhurried(mut extension: Extension) -> Extension {
    let mut plugin = extension.plugin_config();
    crate::settings::set(&mut plugin, "/redis/timeout", json!("2s"));
    for rule in plugin.pointer_mut("/rules").and_then(Value::as_array_mut).into_iter().flatten() {
        crate::settings::set(rule, "/freshness/early_refresh", json!(false));
    }
    extension.set_plugin_config(&plugin);
    extension
}

/// An ALLOW policy as a filter: a policy of its own for each rule; of a rule, all parts must hold, and of a part, any value.
pub fn policy(document: &Value) -> Value {
    let name = |pointer: &str| text(document, pointer).unwrap_or_default();
    let (namespace, name) = (name("/metadata/namespace"), name("/metadata/name"));
    let rules = list(document, "/spec/rules").enumerate().map(|(index, rule)| {
        let allowed = json!({ "permissions": [{ "and_rules": { "rules": permissions(rule) } }],
                              "principals": [{ "and_ids": { "ids": principals(rule) } }] });
        (format!("ns[{namespace}]-policy[{name}]-rule[{index}]"), allowed)
    });
    let policies: serde_json::Map<String, Value> = rules.collect();
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": { "@type": RBAC, "rules": { "action": "ALLOW", "policies": policies } },
    })
}

/// Ports are left out: those of a test are its own.
fn permissions(rule: &Value) -> Vec<Value> {
    let method = |method: &Value| json!({ "header": { "name": ":method", "string_match": { "exact": method } } });
    let path = |path: &Value| json!({ "url_path": { "path": matcher(path) } });
    let mut all: Vec<Value> = vec![];
    for (place, render) in [("methods", &method as &dyn Fn(&Value) -> Value), ("paths", &path)] {
        let values: Vec<_> = list(rule, &format!("/to/0/operation/{place}")).map(render).collect();
        all.extend((!values.is_empty()).then(|| json!({ "or_rules": { "rules": values } })));
    }
    if all.is_empty() { vec![json!({ "any": true })] } else { all }
}

/// Identities need mTLS, which a test has not: who calls is told by a header there, `source` is taken for met.
fn principals(rule: &Value) -> Vec<Value> {
    let whens = list(rule, "/when").filter_map(|when| {
        let header = text(when, "/key").ok()?.strip_prefix("request.headers[")?.strip_suffix(']')?;
        let values =
            list(when, "/values").map(|value| json!({ "header": { "name": header, "string_match": matcher(value) } }));
        Some(json!({ "or_ids": { "ids": values.collect::<Vec<_>>() } }))
    });
    let all: Vec<_> = whens.collect();
    if all.is_empty() { vec![json!({ "any": true })] } else { all }
}

fn matcher(value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    text.strip_suffix('*').map_or_else(|| json!({ "exact": text }), |prefix| json!({ "prefix": prefix }))
}
