"""What must hold of our plugin in a manifest beyond any CRD: its place, its image, and that all forms say the same."""

import json
import re

import yaml

PINNED = re.compile(r"^oci://[a-z0-9][^@\s]*@sha256:[a-f0-9]{64}$")
WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
FLAG = "allow_on_headers_stop_iteration"


class Plugin:
    """Our plugin, whichever kind of object holds it, in one shape."""

    def __init__(self, document):
        self.kind, self.spec = document["kind"], document["spec"]
        self.namespace = document["metadata"]["namespace"]
        # A WasmPlugin cannot say what stands in for a configuration that is refused.
        self.stands_in = True
        own = self.spec.get("wasm", self.spec) if self.kind != "EnvoyFilter" else self._patch()
        self.url, self.fail, self.root = own.get("url"), own.get("failStrategy"), own.get("pluginName")
        self.config, self.bodies = own.get("pluginConfig") or {}, own.get("bodies", False)
        self.gateway = "istio" in self.spec.get("selector", {}).get("matchLabels", {})
        self.context = "WAYPOINT" if "targetRefs" in self.spec else "GATEWAY" if self.gateway else "SIDECAR_INBOUND"
        self.ports = [port["number"] for match in self.spec.get("match", []) for port in match.get("ports", [])]
        if self.kind == "EnvoyFilter":
            self.ports.append(self._first()["match"]["listener"].get("portNumber"))

    def _patch(self):
        values = (patch["patch"].get("value", {}) for patch in self.spec["configPatches"])
        config = next(value["typed_config"]["config"] for value in values if is_wasm(value))
        self.inserted = [patch["patch"]["value"].get("name") for patch in self.spec["configPatches"]]
        discovery = self._first()["patch"]["value"]["config_discovery"]
        self.stands_in = "default_config" in discovery
        code = config["vm_config"]["code"]
        return {
            "url": code.get("remote", {}).get("http_uri", {}).get("uri"),
            "failStrategy": config.get("failure_policy"),
            "pluginName": config.get("root_id"),
            "pluginConfig": json.loads(config["configuration"]["value"]),
            "bodies": config.get(FLAG, False),
        }

    def _first(self):
        return self.spec["configPatches"][0]

    def faults(self, cluster, shipped, listeners):
        """What is wrong, by the cluster that the DestinationRule is for, the rules of envoy/envoy.yaml, and the patches
        of listeners beside it."""
        found = []

        def must(condition, sentence):
            found.extend([] if condition else [sentence])

        must(PINNED.match(self.url or ""), f"the image {self.url} is not pinned: end it in @sha256: and 64 hex digits")
        must(self.fail == "FAIL_OPEN", f"{self.fail}: a broken image would cost requests; write FAIL_OPEN")
        must(self.root == "fingerprint_cache", f"root id {self.root}: write fingerprint_cache")
        redis = self.config.get("redis", {})
        is_l2, host = redis.get("cluster"), redis.get("authority")
        must(is_l2 == cluster, f"redis.cluster is {is_l2}, but the DestinationRule is for {cluster}")
        must(
            host == cluster.split("|")[-1],
            f"redis.authority is {host}: webdis' sidecar answers 400 to any but a host name",
        )
        must(self._after_policies(), "phase AUTHN or AUTHZ answers before AuthorizationPolicy was asked: UNSPECIFIED")
        must(self._in_place(), self.WHERE)
        must(
            self.stands_in, "no default_config: a configuration that the filter refuses would cost 500s after a restart"
        )
        guarded = any(listener.guards(self) for listener in listeners)
        for rule in self.config.get("rules", []):
            same, named = shipped.get(rule["name"], rule), f"rule {rule['name']}"
            must(
                anywhere(rule) == anywhere(same),
                f"{named} differs from that in envoy/envoy.yaml: {rule} is not {same}",
            )
            must(
                not self.gateway or is_for_hosts(rule),
                f"{named} has no hosts: a gateway has those of other services too, whose answers it would store",
            )
            must(
                guarded or not has_wildcard(rule),
                f"{named} has a wildcard, and nothing beside it refuses %2F: patch the listener as listener.yaml does",
            )
            must(
                self.bodies or not keys_on_body(rule),
                f"{named} keys on the body, and {self.kind} cannot let it",
            )
        return found

    def differs(self, other):
        """What two forms of the same do not agree on."""
        parts = {"configuration": "config", "image": "url", "failure strategy": "fail", "root id": "root"}
        found = [what for what, name in parts.items() if getattr(self, name) != getattr(other, name)]
        found += [name for name in ("selector", "match", "priority") if self.spec.get(name) != other.spec.get(name)]
        return [f"they differ in {what}" for what in found]

    WHERE = (
        "the place is wrong: pods of a service take `mode: SERVER` with a port, gateways `mode: CLIENT`, waypoints "
        "`targetRefs` and no ports, an EnvoyFilter SIDECAR_INBOUND with a port, INSERT_BEFORE the router and one name "
        "throughout"
    )

    def _after_policies(self):
        return self.spec.get("phase", "UNSPECIFIED") in ("UNSPECIFIED", "UNSPECIFIED_PHASE")

    def _in_place(self):
        if self.kind == "EnvoyFilter":
            first = self._first()
            after = first["match"]["listener"]["filterChain"]["filter"]["subFilter"]["name"]
            last = after == "envoy.filters.http.router" and first["patch"]["operation"] == "INSERT_BEFORE"
            contexts = {patch["match"].get("context") for patch in self.spec["configPatches"]}
            return last and len(set(self.inserted)) == 1 and contexts == {"SIDECAR_INBOUND"} and all(self.ports)
        for match in self.spec.get("match", []):
            mode, ports = match.get("mode"), match.get("ports")
            if "targetRefs" in self.spec:
                good = mode == "SERVER" and not ports
            else:
                good = mode == "CLIENT" if self.gateway else mode == "SERVER" and ports
            if not good:
                return False
        return bool(self.spec.get("match"))


def is_wasm(value):
    """Whether a patch brings a Wasm filter."""
    return value.get("typed_config", {}).get("@type") == WASM


def is_ours(document):
    """Whether a document holds our plugin."""
    if document.get("kind") in ("WasmPlugin", "TrafficExtension"):
        return "fingerprint-cache" in json.dumps(document["spec"])
    patches = document.get("spec", {}).get("configPatches", []) if document.get("kind") == "EnvoyFilter" else []
    return any(is_wasm(patch.get("patch", {}).get("value") or {}) for patch in patches)


def keys_on_body(rule):
    """Whether a rule needs the request's body."""
    return bool({"json", "body"} & set(rule.get("key", {})))


def anywhere(rule):
    """A rule without the hosts that it is for."""
    kept = {name: value for name, value in rule["match"].items() if name not in ("host", "hosts")}
    return {**rule, "match": kept}


def is_for_hosts(rule):
    """Whether a rule says for which hosts it is, and not for all."""
    hosts = rule["match"].get("hosts", [rule["match"].get("host")])
    return bool(hosts) and None not in hosts and "*" not in hosts


def has_wildcard(rule):
    """Whether a rule's paths take in more than they name: `*` too, as %2F is no slash to it."""
    return any("*" in path for path in [*rule["match"].get("paths", []), rule["match"].get("path", "")])


def shipped_rules(path):
    """The rules of the shipped Envoy configuration, by name."""
    with open(path, encoding="utf-8") as file:
        text = json.dumps(yaml.load(file, Loader=yaml.CSafeLoader)["static_resources"]["listeners"][0])
    value = next(value for value in strings(json.loads(text)) if '"rules"' in value)
    return {rule["name"]: rule for rule in json.loads(value)["rules"]}


def strings(tree):
    """All strings in a tree."""
    if isinstance(tree, str):
        yield tree
    for inner in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else []:
        yield from strings(inner)
