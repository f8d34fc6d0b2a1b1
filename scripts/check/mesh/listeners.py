"""What the cache relies on of the listener in front of it, and whether a manifest sets it as envoy/envoy.yaml does."""

import yaml

MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
# What makes `..%2f` another path than a rule's, or none at all.
PATHS = ("normalize_path", "merge_slashes", "path_with_escaped_slashes_action")
HELD = (*PATHS, "common_http_protocol_options.headers_with_underscores_action")
# Here it has to do for services that nobody here knows: longer than their longest silence.
OTHERWISE = "stream_idle_timeout"


class Listener:
    """What one patch of an EnvoyFilter says to a connection manager, and where."""

    def __init__(self, document, patch):
        match = patch["match"]
        self.namespace, self.context = document["metadata"]["namespace"], match.get("context", "ANY")
        self.port = match.get("listener", match.get("waypoint", {})).get("portNumber")
        self.merged = patch["applyTo"] == "NETWORK_FILTER" and patch["patch"]["operation"] == "MERGE"
        self.fields = flat(patch["patch"]["value"]["typed_config"])

    def faults(self, shipped):
        """What it sets otherwise than the shipped Envoy configuration, or not at all."""
        names = sorted({*HELD, *self.fields} - {OTHERWISE, "@type"})
        found = [
            f"{name} is {self.fields.get(name)}, and in envoy/envoy.yaml {shipped.get(name)}"
            for name in names
            if self.fields.get(name) != shipped.get(name)
        ]
        found += [] if OTHERWISE in self.fields else [f"no {OTHERWISE}: a request whose VM died would hang for ever"]
        return found + ([] if self.merged else ["a connection manager is patched by MERGE of a NETWORK_FILTER"])

    def guards(self, plugin):
        """Whether that is the listener which a plugin stands behind."""
        good = self.merged and (self.namespace, self.context) == (plugin.namespace, plugin.context)
        return good and self.port in (None, *plugin.ports)


def of_cache(document):
    """The patches in front of the cache in an object; webdis' sidecar has other ways."""
    ours = document.get("kind") == "EnvoyFilter" and document["metadata"]["name"].startswith("fingerprint-cache")
    patches = document["spec"]["configPatches"] if ours else []
    return [Listener(document, patch) for patch in patches if is_manager(patch["patch"].get("value") or {})]


def is_manager(value):
    """Whether a patch is for a connection manager."""
    return value.get("typed_config", {}).get("@type") == MANAGER


def shipped_manager(path):
    """The fields of the connection manager in the shipped Envoy configuration."""
    with open(path, encoding="utf-8") as file:
        listener = yaml.load(file, Loader=yaml.CSafeLoader)["static_resources"]["listeners"][0]
    return flat(listener["filter_chains"][0]["filters"][0]["typed_config"])


def flat(tree, before=""):
    """The leaves of a tree by their paths."""
    if not isinstance(tree, dict):
        return {before[:-1]: tree}
    return {name: leaf for member, inner in tree.items() for name, leaf in flat(inner, f"{before}{member}.").items()}
