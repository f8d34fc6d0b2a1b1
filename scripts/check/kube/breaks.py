"""What each policy has to find: the built objects, broken on purpose in one place each."""

import copy

from . import network, rules
from .world import World, template

RULES = [rules.resources, rules.restricted, rules.images, rules.services, rules.budgets, rules.references,
         rules.cronjobs, rules.secrets, rules.probes, rules.api_access, rules.mesh, rules.topology, rules.scaling,
         rules.steps, rules.lists, network.policies]


def _pod(kind, name):
    return lambda world: template(world.get(kind, name))


def _container(kind, name):
    return lambda world: template(world.get(kind, name))["spec"]["containers"][0]


def _object(kind, name):
    return lambda world: world.get(kind, name)


def _spec(kind, name):
    return lambda world: world.get(kind, name)["spec"]


def _service(name):
    return _spec("Service", name)


def _budget(name):
    return _spec("PodDisruptionBudget", name)


def _cron(name):
    return _spec("CronJob", name)


def _policy(name):
    return _spec("NetworkPolicy", name)


def _set(where, *path):
    """Sets what the last but one element of the path names to the last one."""
    def break_it(world):
        one = where(world)
        for step in path[:-2]:
            one = one[step]
        one[path[-2]] = path[-1]
    return break_it


def _cut(where, *path):
    """Takes away what the path names."""
    def break_it(world):
        one = where(world)
        for step in path[:-1]:
            one = one[step]
        del one[path[-1]]
    return break_it


def _drop(kind, name):
    """Takes an object away."""
    return lambda world: world.objects.remove(world.get(kind, name))


def _file(name, text):
    """Adds a ConfigMap with one file."""
    return _add(_named("ConfigMap", "added", data={name: text}))


def _add(one):
    """Adds an object."""
    return lambda world: world.objects.append(copy.deepcopy(one))


def _named(kind, name, **more):
    return {"kind": kind, "metadata": {"name": name, "namespace": "caching",
                                       "labels": {"fingerprint-cache/step": "redis"}}, **more}


redis, webdis = _container("StatefulSet", "redis"), _container("Deployment", "webdis")
scaler = _spec("HorizontalPodAutoscaler", "webdis")
bridge, warm = _container("Deployment", "bridge"), _container("CronJob", "warm-full")

# (policy, what is broken, how); of the production overlay unless another world stands before a colon.
BREAKS = [
    (rules.resources, "a container without a limit", _cut(bridge, "resources", "limits", "memory")),
    (rules.resources, "a container without requests", _cut(webdis, "resources", "requests")),
    (rules.resources, "Redis with 1Gi", _set(redis, "resources", "limits", "memory", "1Gi")),
    (rules.restricted, "a pod as root", _cut(_pod("Deployment", "haproxy"), "spec", "securityContext", "runAsNonRoot")),
    (rules.restricted, "no seccomp profile",
     _cut(_pod("CronJob", "backup"), "spec", "securityContext", "seccompProfile")),
    (rules.restricted, "capabilities kept", _cut(redis, "securityContext", "capabilities")),
    (rules.restricted, "privileges to gain", _cut(warm, "securityContext", "allowPrivilegeEscalation")),
    (rules.restricted, "an image that can be written to", _cut(bridge, "securityContext", "readOnlyRootFilesystem")),
    (rules.restricted, "the host's network", _set(_pod("Deployment", "haproxy"), "spec", "hostNetwork", True)),
    (rules.images, "the image `latest`", _set(webdis, "image", "nicolas/webdis:latest@sha256:" + "a" * 64)),
    (rules.images, "an image without a version", _set(webdis, "image", "nicolas/webdis@sha256:" + "a" * 64)),
    (rules.images, "production without a digest", _set(redis, "image", "redis:7.2.11")),
    (rules.services, "a ClusterIP for all Redis", _cut(_service("redis"), "clusterIP")),
    (rules.services, "redis-master that selects Redis", _set(_service("redis-master"), "selector", {"app": "redis"})),
    (rules.services, "a Service that selects nothing", _set(_service("webdis"), "selector", {"app": "webdiss"})),
    (rules.services, "a port that no container has", _set(_service("bridge"), "ports", 0, "targetPort", "http")),
    (rules.services, "names hidden until ready", _cut(_service("redis-sentinel"), "publishNotReadyAddresses")),
    (rules.services, "a node port in production", _set(_service("redis-master"), "type", "NodePort")),
    (rules.services, "demo: another node port", _set(_service("redis-debug"), "ports", 0, "nodePort", 30380)),
    (rules.budgets, "a budget for nobody", _set(_budget("redis"), "selector", {"matchLabels": {"app": "x"}})),
    (rules.budgets, "a budget of one", _set(_budget("sentinel"), "minAvailable", 1)),
    (rules.budgets, "a budget of all", _set(_budget("bridge"), "minAvailable", 2)),
    (rules.references, "a ConfigMap that is not made", _drop("ConfigMap", "warm-dns")),
    (rules.references, "a key that is not there",
     _set(_pod("CronJob", "warm-full"), "spec", "volumes", 0, "projected", "sources", 0, "configMap", "items", 0, "key",
          "url")),
    (rules.references, "an unknown Secret", _set(bridge, "env", -1, "valueFrom", "secretKeyRef", "name", "passwords")),
    (rules.references, "an unknown key of a Secret",
     _set(bridge, "env", -1, "valueFrom", "secretKeyRef", "key", "root")),
    (rules.references, "a mount of no volume", _set(webdis, "volumeMounts", 0, "name", "nothing")),
    (rules.references, "demo: a Secret that is not made", _drop("Secret", "redis-passwords")),
    (rules.cronjobs, "warm-full at 3", _set(_cron("warm-full"), "schedule", "0 3 * * *")),
    (rules.cronjobs, "a backup twice a day", _set(_cron("backup"), "schedule", "0 */12 * * *")),
    (rules.cronjobs, "another time zone", _cut(_cron("warm-full"), "timeZone")),
    (rules.cronjobs, "two at once", _set(_cron("backup"), "concurrencyPolicy", "Allow")),
    (rules.cronjobs, "no deadline", _cut(_cron("backup"), "jobTemplate", "spec", "activeDeadlineSeconds")),
    (rules.cronjobs, "a longer warm-hot", _set(_cron("warm-hot"), "jobTemplate", "spec", "activeDeadlineSeconds", 900)),
    (rules.cronjobs, "no history limit", _cut(_cron("warm-hot"), "failedJobsHistoryLimit")),
    (rules.cronjobs, "a turn without a list", _set(_cron("warm-full"), "jobTemplate", "spec", "completions", 5)),
    (rules.cronjobs, "a restore by the clock", _cut(_cron("restore"), "suspend")),
    (rules.references, "an unknown volume",
     _set(_pod("CronJob", "restore"), "spec", "volumes", -1, "persistentVolumeClaim", "claimName", "data-redis-3")),
    (rules.secrets, "a Secret in production", _add(_named("Secret", "s", data={}))),
    (rules.secrets, "a password as a value",
     lambda world: bridge(world)["env"].append({"name": "FPCACHE_REDIS_PASSWORD", "value": "x"})),
    (rules.secrets, "a password in a URL", lambda world: bridge(world)["args"].append("--redis=redis://operator:x@h")),
    (rules.secrets, "a password in users.acl", _file("users.acl", "user a on >secret +@all")),
    (rules.secrets, "a password in redis.conf", _file("redis.conf", "masterauth secret")),
    (rules.secrets, "a password in sentinel.conf", _file("s", "sentinel auth-pass fpc secret")),
    (rules.secrets, "a password in webdis.json", _file("w", ' "redis_auth": "secret",')),
    (rules.secrets, "demo: a password that looks real", _add(_named("Secret", "s", data={"k": "czNjcjN0"}))),
    (rules.probes, "no liveness probe", _cut(redis, "livenessProbe")),
    (rules.probes, "no readiness probe", _cut(bridge, "readinessProbe")),
    (rules.probes, "a probe at no port", _set(bridge, "livenessProbe", "httpGet", "port", "http")),
    (rules.probes, "webdis ready without Redis", _set(webdis, "readinessProbe", "httpGet", "path", "/crossdomain.xml")),
    (rules.probes, "webdis killed with Redis", _set(webdis, "livenessProbe", {"httpGet": {"path": "/PING", "port": "http"}})),
    (rules.api_access, "a token", _cut(_pod("StatefulSet", "redis"), "spec", "automountServiceAccountToken")),
    (rules.api_access, "a role", _add(_named("Role", "r"))),
    (rules.mesh, "Redis in the mesh",
     _cut(_pod("StatefulSet", "redis"), "metadata", "labels", "sidecar.istio.io/inject")),
    (rules.mesh, "webdis outside",
     _set(_pod("Deployment", "webdis"), "metadata", "labels", "sidecar.istio.io/inject", "false")),
    (rules.mesh, "a Job that never ends", _cut(_pod("CronJob", "warm-hot"), "metadata", "annotations")),
    (rules.topology, "two Redis", _set(_spec("StatefulSet", "redis"), "replicas", 2)),
    (rules.topology, "Redis on one node", _cut(_pod("StatefulSet", "redis"), "spec", "affinity")),
    (rules.topology, "an ordered start", _cut(_spec("StatefulSet", "redis"), "podManagementPolicy")),
    (rules.topology, "a restart faster than names", _set(_spec("StatefulSet", "sentinel"), "minReadySeconds", 10)),
    (rules.topology, "a small volume",
     _set(_spec("StatefulSet", "redis"), "volumeClaimTemplates", 0, "spec", "resources",
                                         "requests", "storage", "1Gi")),
    (rules.topology, "no handover", _cut(redis, "lifecycle")),
    (rules.topology, "no time for the handover",
     _cut(_pod("StatefulSet", "redis"), "spec", "terminationGracePeriodSeconds")),
    (rules.scaling, "replicas beside the autoscaler", _set(_spec("Deployment", "webdis"), "replicas", 2)),
    (rules.scaling, "an autoscaler of nothing", _set(scaler, "scaleTargetRef", "name", "w")),
    (rules.scaling, "an autoscaler that watches nobody", _set(webdis, "name", "web")),
    (rules.steps, "an object without a step", _cut(_object("Service", "webdis"), "metadata", "labels",
                                                   "fingerprint-cache/step")),
    (rules.steps, "another namespace", _set(_object("Service", "webdis"), "metadata", "namespace", "default")),
    (rules.lists, "a URL in a list", _set(_object("ConfigMap", "warm-hot"), "data", "urls", "http://a/b\n")),
    (rules.lists, "a line twice", _set(_object("ConfigMap", "warm-hot"), "data", "urls", "/a\n/a\n")),
    (network.policies, "nothing denied", _drop("NetworkPolicy", "default-deny")),
    (network.policies, "no names", _drop("NetworkPolicy", "dns")),
    (network.policies, "an edge that is missing", _cut(_policy("sentinel"), "egress", 0)),
    (network.policies, "webdis straight to Redis", _set(_policy("webdis"), "egress", 0, "to", 0, "podSelector",
                                                       "matchLabels", "app", "redis")),
    (network.policies, "a rule for everybody", _cut(_policy("webdis"), "ingress", 0, "from")),
    (network.policies, "a whole namespace at webdis",
     _set(_policy("webdis"), "ingress", 0, "from", 0, "podSelector", {})),
    (network.policies, "the API straight to Redis",
     _set(_policy("redis"), "ingress", 0, "from", 0,
          {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "fingerprint-api"}},
           "podSelector": {"matchLabels": {"app": "fingerprint-api"}}})),
    (network.policies, "another namespace at HAProxy", _add(_named("NetworkPolicy", "p", spec={
        "podSelector": {"matchLabels": {"app": "haproxy"}},
        "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "publishers"}},
                               "podSelector": {"matchLabels": {"a": "b"}}}], "ports": [{"port": 6379}]}]}))),
    (network.policies, "publishers.yaml: a whole namespace",
     _cut(_policy("publishers"), "ingress", 0, "from", 0, "podSelector")),
    (network.policies, "publishers.yaml: Redis itself",
     _set(_policy("publishers"), "podSelector", "matchLabels", "app", "redis")),
    (network.policies, "webdis at another port", _set(_policy("webdis"), "ingress", 0, "ports", 0, "port", 6379)),
    (network.policies, "a way out to anywhere", _set(_policy("warm"), "egress", 0, "to", 0, "namespaceSelector", {})),
    (network.policies, "no way for Prometheus", _cut(_policy("metrics"), "ingress", 0, "ports", 0)),
    (network.policies, "no exporter beside Redis", _cut(_pod("StatefulSet", "redis"), "spec", "containers", 1)),
    (network.policies, "the internet let in", _set(_policy("webdis"), "ingress", 0, "from", 0,
                                                   {"ipBlock": {"cidr": "0.0.0.0/0"}})),
]


def unfound(worlds):
    """Breaks each thing in a copy and returns sentences about policies that did not notice, and the count of breaks."""
    faults = []
    for rule, what, break_it in BREAKS:
        world = worlds[what.partition(":")[0] if ":" in what else "production"]
        broken = World(world.name, copy.deepcopy(world.objects), world.variant)
        break_it(broken)
        if not list(rule(broken)):
            faults.append(f"The policy {rule.__name__} does not notice: {what}.")
    for rule in RULES:
        if rule not in {rule for rule, _, _ in BREAKS}:
            faults.append(f"Nothing shows that the policy {rule.__name__} can fail.")
    return faults, len(BREAKS)
