//! The shipped Envoy configuration, read and changed where a test needs it otherwise.

use std::path::Path;

use serde_json::{Value, json};

use crate::paths;

/// The name of the filter in the shipped configuration.
const FILTER: &str = "fingerprint_cache";
/// Where the listener with TLS is.
const EDGE: &str = "/static_resources/listeners/1";
/// Where a listener has its filters: an alias in the file, so the same in both.
const FILTERS: &str = "/filter_chains/0/filters";
/// The type of a listener, as a file for dynamic configuration names it.
const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";

/// An Envoy bootstrap: one listener, and on demand the one with TLS, which has the same filters.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    tree: Value,
    edge: bool,
}

impl Bootstrap {
    /// The shipped `envoy/envoy.yaml`.
    ///
    /// # Errors
    /// A sentence, when it is not what this module expects.
    pub fn shipped() -> Result<Self, String> {
        let file = paths::shipped("envoy.yaml");
        let tree = serde_yaml_ng::from_str(&paths::read(&file)?);
        let tree = tree.map_err(|error| format!("{} is not YAML: {error}", file.display()))?;
        Ok(Self { tree, edge: false })
    }

    /// The whole tree, for changes that have no function here.
    pub fn tree(&mut self) -> &mut Value {
        &mut self.tree
    }

    /// The listener without TLS.
    ///
    /// # Errors
    /// A sentence, when there is none.
    pub fn listener(&mut self) -> Result<&mut Value, String> {
        place(&mut self.tree, "/static_resources/listeners/0")
    }

    /// Keeps the listener with TLS too, with whatever filters the other has in the end.
    pub fn keep_edge(&mut self) {
        self.edge = true;
    }

    /// Whether the listener with TLS is kept.
    pub fn has_edge(&self) -> bool {
        self.edge
    }

    /// The one connection manager.
    ///
    /// # Errors
    /// A sentence, when there is none.
    pub fn connection_manager(&mut self) -> Result<&mut Value, String> {
        place(self.listener()?, "/filter_chains/0/filters/0/typed_config")
    }

    /// The filter's entry among the HTTP filters.
    ///
    /// # Errors
    /// A sentence, when there is none.
    pub fn filter(&mut self) -> Result<&mut Value, String> {
        named(place(self.connection_manager()?, "/http_filters")?, FILTER)
    }

    /// Puts listener and admin page on these ports.
    ///
    /// # Errors
    /// A sentence, when the configuration has no place for it; so below.
    pub fn listen(&mut self, listener: u16, admin: u16) -> Result<(), String> {
        *place(self.listener()?, "/address/socket_address/port_value")? = listener.into();
        *place(&mut self.tree, "/admin/address/socket_address/port_value")? = admin.into();
        Ok(())
    }

    /// Puts the listener with TLS on this port.
    ///
    /// # Errors
    /// As [`Bootstrap::listen`].
    pub fn listen_with_tls(&mut self, port: u16) -> Result<(), String> {
        *place(&mut self.tree, &format!("{EDGE}/address/socket_address/port_value"))? = port.into();
        Ok(())
    }

    /// Sends what goes to a cluster to this port of 127.0.0.1.
    ///
    /// # Errors
    /// As [`Bootstrap::listen`].
    pub fn send_to(&mut self, cluster: &str, port: u16) -> Result<(), String> {
        let cluster = named(place(&mut self.tree, "/static_resources/clusters")?, cluster)?;
        let endpoint = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value";
        *place(cluster, endpoint)? = port.into();
        Ok(())
    }

    /// Loads this Wasm module.
    ///
    /// # Errors
    /// As [`Bootstrap::listen`].
    pub fn load(&mut self, module: &Path) -> Result<(), String> {
        let file = place(self.filter()?, "/typed_config/config/vm_config/code/local/filename")?;
        *file = module.to_string_lossy().into_owned().into();
        Ok(())
    }

    /// The plugin configuration, as JSON.
    ///
    /// # Errors
    /// As [`Bootstrap::listen`], or when it is not JSON.
    pub fn plugin(&mut self) -> Result<Value, String> {
        let text = place(self.filter()?, "/typed_config/config/configuration/value")?;
        let text = text.as_str().ok_or("the plugin configuration is not a string")?;
        serde_json::from_str(text).map_err(|error| format!("the plugin configuration is not JSON: {error}"))
    }

    /// Replaces the plugin configuration.
    ///
    /// # Errors
    /// As [`Bootstrap::listen`].
    pub fn set_plugin(&mut self, plugin: &Value) -> Result<(), String> {
        *place(self.filter()?, "/typed_config/config/configuration/value")? = plugin.to_string().into();
        Ok(())
    }

    /// The listeners as a file of dynamic configuration; `version` is told in Envoy's log.
    ///
    /// # Errors
    /// As [`Bootstrap::listen`].
    pub fn listener_file(&mut self, version: usize) -> Result<Value, String> {
        let mut listeners = vec![self.listener()?.clone()];
        if self.edge {
            let filters = place(self.listener()?, FILTERS)?.clone();
            let mut edge = place(&mut self.tree, EDGE)?.clone();
            *place(&mut edge, FILTERS)? = filters;
            listeners.push(edge);
        }
        for listener in &mut listeners {
            *at(listener, "@type")? = LISTENER.into();
        }
        Ok(json!({ "version_info": version.to_string(), "resources": listeners }))
    }

    /// The bootstrap with the listeners taken from that file, which Envoy reads again when another is moved there.
    ///
    /// # Errors
    /// As [`Bootstrap::listen`].
    pub fn with_listener_from(&self, file: &Path) -> Result<Value, String> {
        let mut tree = self.tree.clone();
        *place(&mut tree, "/static_resources/listeners")? = json!([]);
        let source = json!({ "path_config_source": { "path": file }, "resource_api_version": "V3" });
        *at(&mut tree, "dynamic_resources")? = json!({ "lds_config": source });
        Ok(tree)
    }
}

fn place<'a>(tree: &'a mut Value, pointer: &str) -> Result<&'a mut Value, String> {
    tree.pointer_mut(pointer).ok_or_else(|| format!("envoy.yaml has nothing at {pointer}"))
}

fn at<'a>(tree: &'a mut Value, member: &str) -> Result<&'a mut Value, String> {
    let map = tree.as_object_mut().ok_or("envoy.yaml has something else where a map belongs")?;
    Ok(map.entry(member).or_insert(Value::Null))
}

fn named<'a>(list: &'a mut Value, name: &str) -> Result<&'a mut Value, String> {
    let mut members = list.as_array_mut().into_iter().flatten();
    let found = members.find(|member| member.get("name").is_some_and(|is| is == name));
    found.ok_or_else(|| format!("envoy.yaml names no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_has_all_the_places() {
        let mut bootstrap = Bootstrap::shipped().unwrap();
        bootstrap.listen(1, 2).unwrap();
        bootstrap.send_to("fingerprint-api", 3).unwrap();
        bootstrap.send_to("webdis", 4).unwrap();
        bootstrap.load(Path::new("/m.wasm")).unwrap();
        let mut plugin = bootstrap.plugin().unwrap();
        plugin["name"] = "other".into();
        bootstrap.set_plugin(&plugin).unwrap();
        assert_eq!(bootstrap.plugin().unwrap()["name"], "other");
        let text = bootstrap.tree().to_string();
        for changed in ["\"port_value\":1}", "\"port_value\":2}", "\"port_value\":3}", "\"port_value\":4}", "/m.wasm"] {
            assert!(text.contains(changed), "{changed}");
        }
        assert!(bootstrap.send_to("nobody", 5).unwrap_err().contains("nobody"));
    }

    #[test]
    fn the_listener_with_tls_comes_when_it_is_kept_with_the_filters_of_the_other() {
        let mut bootstrap = Bootstrap::shipped().unwrap();
        bootstrap.listen_with_tls(7).unwrap();
        bootstrap.load(Path::new("/m.wasm")).unwrap();
        assert_eq!(bootstrap.listener_file(0).unwrap()["resources"].as_array().unwrap().len(), 1);
        bootstrap.keep_edge();
        let file = bootstrap.listener_file(0).unwrap();
        let [plain, edge] = &file["resources"].as_array().unwrap()[..] else { panic!("{file}") };
        assert_eq!(edge["address"]["socket_address"]["port_value"], 7);
        assert!(edge["filter_chains"][0]["transport_socket"].is_object() && edge["@type"] == LISTENER);
        assert_eq!(plain["filter_chains"][0]["filters"], edge["filter_chains"][0]["filters"]);
        assert!(edge.to_string().contains("/m.wasm"));
    }

    #[test]
    fn the_listener_moves_into_its_own_file() {
        let mut bootstrap = Bootstrap::shipped().unwrap();
        let file = bootstrap.listener_file(7).unwrap();
        assert_eq!(file["resources"][0]["@type"], LISTENER);
        let tree = bootstrap.with_listener_from(Path::new("/l.json")).unwrap();
        assert_eq!(tree["static_resources"]["listeners"], json!([]));
        assert_eq!(tree["dynamic_resources"]["lds_config"]["path_config_source"]["path"], "/l.json");
    }
}
