"""Breaks good manifests, one fault at a time: a check that lets one through checks nothing."""

import copy
from typing import NamedTuple

import yaml

from .listeners import of_cache
from .manifests import documents, read, zeros
from .plugins import Plugin

# Into which file of istio/, where, what, and a word of the refusal. `None` takes a member away.
SCHEMA = [
    ("wasmplugin.yaml", "spec.failstrategy", "FAIL_OPEN", "failstrategy"),
    ("wasmplugin.yaml", "spec.match.0.port", 8080, "port"),
    ("wasmplugin.yaml", "spec.failStrategy", "OPEN", "OPEN"),
    ("wasmplugin.yaml", "spec.url", None, "url"),
    ("wasmplugin.yaml", "spec.match.0.ports.0.number", 0, "minimum of 1"),
    ("wasmplugin.yaml", "spec.priority", "high", "high"),
    ("wasmplugin.yaml", "spec.sha256", "abc", "abc"),
    ("wasmplugin.yaml", "kind", "WasmPlug", "no CRD"),
    ("wasmplugin.yaml", "apiVersion", "extensions.istio.io/v1", "no CRD"),
    ("wasmplugin.yaml", "metadata.namespace", None, "namespace"),
    ("wasmplugin.yaml", "spec.targetRefs", [{"kind": "Service", "name": "x"}], "only one of targetRefs or selector"),
    ("wasmplugin.yaml", "spec.url", "ftp://example.com/plugin.wasm", "url must have schema"),
    ("wasmplugin.yaml", "spec.vmConfig", {"env": [{"name": "A", "valueFrom": "HOST", "value": "b"}]}, "INLINE"),
    ("wasmplugin.yaml", "spec.selector.matchLabels.app", "*", "wildcard"),
    ("trafficextension.yaml", "spec.lua", {"inlineCode": "x"}, "valid under each"),
    ("envoyfilter.yaml", "spec.configPatches.0.match.cluster", {}, "valid under each"),
    ("envoyfilter.yaml", "spec.configPatches.0.match.waypoint", {}, "valid under each"),
    ("envoyfilter.yaml", "spec.configPatches.0.match.context", "WAYPOINT", "only support waypointMatch"),
    ("envoyfilter.yaml", "spec.configPatches.0.patch.operation", "INSERT", "INSERT"),
    ("l2.yaml", "spec.trafficPolicy.connectionPool.tcp.connectTimeout", "0s", "valid duration"),
    ("l2.yaml", "spec.trafficPolicy.outlierDetection.consecutive_errors", 1, "consecutive_errors"),
    ("security.yaml", "spec.mtls.mode", "STRONG", "STRONG"),
    ("security.yaml", "spec.portLevelMtls", {"0": {}}, "port"),
    ("telemetry.yaml", "spec.metrics.0.overrides.0.tagOverrides.cache_status.operation", "REMOVE", "must not be set"),
    ("proxyconfig.yaml", "spec.extraStatTags", ["rule"], "extraStatTags"),
]
CONFIG = "spec.configPatches.1.patch.value.typed_config.config"
PLUGIN = [
    ("wasmplugin.yaml", "spec.phase", "AUTHN", "before AuthorizationPolicy"),
    ("wasmplugin.yaml", "spec.failStrategy", "FAIL_CLOSE", "FAIL_OPEN"),
    ("wasmplugin.yaml", "spec.match.0.mode", "CLIENT", "place"),
    ("wasmplugin.yaml", "spec.match", None, "place"),
    ("wasmplugin.yaml", "spec.url", "oci://registry.example.com/fingerprint-cache:1.0.0", "not pinned"),
    ("wasmplugin.yaml", "spec.pluginConfig.redis.cluster", "webdis", "DestinationRule"),
    ("wasmplugin.yaml", "spec.pluginConfig.redis.authority", None, "redis.authority"),
    ("wasmplugin.yaml", "spec.pluginConfig.rules.0.auth", "origin", "differs"),
    ("wasmplugin.yaml", "spec.pluginConfig.rules.1.key", {"body": "whole"}, "keys on the body"),
    ("trafficextension.yaml", "spec.phase", "AUTHZ", "before AuthorizationPolicy"),
    ("envoyfilter.yaml", f"{CONFIG}.allow_on_headers_stop_iteration", None, "keys on the body"),
    ("envoyfilter.yaml", f"{CONFIG}.failure_policy", "FAIL_RELOAD", "FAIL_OPEN"),
    ("envoyfilter.yaml", "spec.configPatches.0.patch.value.config_discovery.default_config", None, "default_config"),
    ("envoyfilter.yaml", "spec.configPatches.1.patch.value.name", "other", "place"),
    ("envoyfilter.yaml", "spec.configPatches.0.patch.operation", "INSERT_FIRST", "place"),
    ("envoyfilter.yaml", "spec.configPatches.0.match.context", "ANY", "place"),
    ("envoyfilter.yaml", "spec.configPatches.0.match.listener.portNumber", None, "place"),
    ("variants/waypoint.yaml#1", "spec.match.0.ports", [{"number": 8080}], "place"),
    ("variants/ingress-gateway.yaml#1", "spec.match.0.mode", "SERVER", "place"),
    ("variants/ingress-gateway.yaml#1", "spec.pluginConfig.rules.0.match.hosts", None, "no hosts"),
    ("variants/ingress-gateway.yaml#1", "spec.pluginConfig.rules.0.match.hosts", ["*"], "no hosts"),
    ("variants/ingress-gateway.yaml#1", "spec.pluginConfig.rules.0.match.path", "/v1/*", "refuses %2F"),
]
PATCHED = "spec.configPatches.0.patch.value.typed_config"
LISTENER = [
    ("listener.yaml", f"{PATCHED}.normalize_path", False, "envoy/envoy.yaml"),
    ("listener.yaml", f"{PATCHED}.merge_slashes", None, "envoy/envoy.yaml"),
    ("listener.yaml", f"{PATCHED}.path_with_escaped_slashes_action", "KEEP_UNCHANGED", "envoy/envoy.yaml"),
    ("listener.yaml", f"{PATCHED}.common_http_protocol_options", None, "envoy/envoy.yaml"),
    ("listener.yaml", f"{PATCHED}.request_timeout", "1s", "envoy/envoy.yaml"),
    ("listener.yaml", f"{PATCHED}.stream_idle_timeout", None, "for ever"),
    ("listener.yaml", "spec.configPatches.0.patch.operation", "ADD", "MERGE"),
    ("variants/waypoint.yaml#2", f"{PATCHED}.path_with_escaped_slashes_action", None, "envoy/envoy.yaml"),
]
# A plugin with what stands in front of it, changed.
UNGUARDED = [
    ("wasmplugin.yaml", "listener.yaml", "spec.configPatches.0.match.listener.portNumber", 8081, "refuses %2F"),
    ("wasmplugin.yaml", "listener.yaml", "metadata.namespace", "other", "refuses %2F"),
    ("variants/waypoint.yaml#1", "variants/waypoint.yaml#2", "metadata.name", "other", "refuses %2F"),
    ("variants/waypoint.yaml#1", "listener.yaml", "metadata.name", "fingerprint-cache-listener", "refuses %2F"),
]
TEXT = [
    ("a member twice", lambda: documents("spec: { url: a, url: b }"), "twice"),
    ("a digest of zeros without a word", lambda: zeros("url: oci://x@sha256:" + "0" * 64), "no REPLACE"),
]


class Shipped(NamedTuple):
    """What manifests are held to: the DestinationRule's cluster, and envoy/envoy.yaml."""

    cluster: str
    rules: dict
    manager: dict


def test(crds, folder, shipped):
    """Tries all of them, prints a line for each, and says whether all were refused. Without CRDs only what needs none."""
    tried = [(fault, lambda one: crds.faults(one)) for fault in SCHEMA] if crds else []
    front = of_cache(read(folder / "listener.yaml")[0])
    tried += [(fault, lambda one: Plugin(one).faults(shipped.cluster, shipped.rules, front)) for fault in PLUGIN]
    tried += [(fault, lambda one: patched(one, shipped.manager)) for fault in LISTENER]
    good = [
        told(f"{file} with {where}: {shown(value)}", judge(broken(folder, file, where, value)), word)
        for (file, where, value, word), judge in tried
    ]
    good += [
        told(
            f"{file} behind {other} with {where}: {value}",
            Plugin(whole(folder, file)).faults(*shipped[:2], of_cache(broken(folder, other, where, value))),
            word,
        )
        for file, other, where, value, word in UNGUARDED
    ]
    return all(good + [told(what, refusal(attempt), word) for what, attempt, word in TEXT])


def patched(document, manager):
    return [fault for listener in of_cache(document) for fault in listener.faults(manager)]


def told(what, found, word):
    refused = any(word in fault for fault in found)
    print(
        f"ok: refused: {what}" if refused else f"FAILED: {what} should be refused with {word!r}, and is so with {found}"
    )
    return refused


def shown(value):
    return "taken away" if value is None else value


def whole(folder, file):
    """The first object of a file, or the one behind #."""
    name, _, index = file.partition("#")
    return read(folder / name)[int(index or 0)]


def broken(folder, file, where, value):
    """An object with one member changed."""
    document = copy.deepcopy(whole(folder, file))
    *path, last = [int(part) if part.isdigit() else part for part in where.split(".")]
    inner = document
    for part in path:
        inner = inner[part]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return document


def refusal(attempt):
    try:
        return attempt()
    except yaml.YAMLError as error:
        return [str(error)]
