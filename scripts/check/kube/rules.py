"""The policies: each takes a World and yields sentences about what is wrong. breaks.py shows that each can fail."""

import re

from . import issue
from .world import WORKLOADS, at, called, template

FORBIDDEN = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


def resources(world):
    """Every container says what it needs and what it may take, and the ones of the issue what the issue says."""
    for where, container in world.containers():
        for kind in ("requests", "limits"):
            for what in ("cpu", "memory"):
                if not at(container, "resources", kind, what):
                    yield f"{where} has no {kind} of {what}."
    if world.name == "demo":
        return
    for (name, container), (cpu, memory) in issue.RESOURCES.items():
        one = next(one for one in world.of(*WORKLOADS) if one["metadata"]["name"] == name)
        there = next(it for it in template(one)["spec"]["containers"] if it["name"] == container)["resources"]
        found = (there["requests"].get("cpu"), there["requests"].get("memory"), there["limits"].get("memory"))
        if found != (cpu, memory, memory):
            yield f"{called(one)} has {found}, not the {cpu}/{memory} of the issue."


def restricted(world):
    """Every pod would pass the `restricted` Pod Security Standard, and writes to volumes only."""
    for one, pod in world.workloads():
        spec, context = pod["spec"], pod["spec"].get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{called(one)} does not say that it is not root (runAsNonRoot, runAsUser)."
        if at(context, "seccompProfile", "type") != "RuntimeDefault":
            yield f"{called(one)} has no seccompProfile RuntimeDefault."
        if any(spec.get(flag) for flag in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{called(one)} uses a namespace of the host."
        if any("hostPath" in volume for volume in spec.get("volumes", [])):
            yield f"{called(one)} mounts a path of the host."
    for where, container in world.containers():
        context = container.get("securityContext", {})
        if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
            yield f"{where} may gain privileges."
        if at(context, "capabilities", "drop") != ["ALL"] or at(context, "capabilities", "add"):
            yield f"{where} keeps capabilities."
        if context.get("readOnlyRootFilesystem") is not True:
            yield f"{where} can write to its own image."


def images(world):
    """Every image has a version; in production a digest."""
    for where, container in world.containers():
        name, _, digest = container["image"].partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        if tag in ("", "latest"):
            yield f"{where}: {container['image']} names no version."
        if world.name == "production" and not re.fullmatch("sha256:[0-9a-f]{64}", digest):
            yield f"{where}: {container['image']} has no digest."


def services(world):
    """Services lead where they should, and only the headless one selects every Redis."""
    for one in world.of("Service"):
        name, spec = one["metadata"]["name"], one["spec"]
        pods = world.selected(spec.get("selector") or {})
        if len(pods) != 1 or not spec.get("selector"):
            yield f"{called(one)} selects {len(pods)} workloads, not one."
            continue
        target = pods[0]["metadata"]["name"]
        if target in ("redis", "sentinel") and spec.get("clusterIP") != "None":
            yield f"{called(one)} spreads over all pods of {target}: writes would land on replicas."
        if spec.get("clusterIP") == "None" and spec.get("publishNotReadyAddresses") is not True:
            yield f"{called(one)} hides pods that are not ready from those they wait for."
        ports = {port["name"]: port["containerPort"]
                 for container in template(pods[0])["spec"]["containers"] for port in container.get("ports", [])}
        for port in spec["ports"]:
            if ports.get(port["targetPort"]) is None:
                yield f"{called(one)}: no container of {target} has a port {port['targetPort']}."
        if spec.get("type") == "NodePort" and world.name != "demo":
            yield f"{called(one)} opens a port of every node; only the demo may."
    for name, (target, port) in issue.SERVICES.items():
        one = world.get("Service", name)
        pods = [pod["metadata"]["name"] for pod in world.selected(one["spec"]["selector"])] if one else []
        if pods != [target] or [it["port"] for it in one["spec"]["ports"]] != [port]:
            yield f"there is no Service {name} that leads to {target} at port {port}."
    debug = world.get("Service", "redis-debug")
    if world.name == "demo" and at(debug, "spec", "ports", default=[{}])[0].get("nodePort") != 30379:
        yield "the demo has no Service redis-debug at node port 30379."


def budgets(world):
    """Each disruption budget is for one workload and leaves a drain something to take."""
    for one in world.of("PodDisruptionBudget"):
        pods = world.selected(one["spec"]["selector"]["matchLabels"])
        if len(pods) != 1:
            yield f"{called(one)} selects {len(pods)} workloads, not one."
            continue
        least = one["spec"]["minAvailable"]
        scaler = world.get("HorizontalPodAutoscaler", pods[0]["metadata"]["name"])
        replicas = scaler["spec"]["minReplicas"] if scaler else pods[0]["spec"].get("replicas", 1)
        if world.name != "demo" and least >= replicas:
            yield f"{called(one)} lets no node be drained: {least} of {replicas}."
    for name, least in issue.BUDGETS.items():
        if at(world.get("PodDisruptionBudget", name), "spec", "minAvailable") != least:
            yield f"there is no PodDisruptionBudget {name} with minAvailable {least}."


def references(world):
    """What pods refer to exists, key by key; Secrets are those that are known to come from outside."""
    for one, pod in world.workloads():
        for kind, name, keys in _references(pod["spec"]):
            there = world.get(kind, name)
            if kind == "Secret" and world.name != "demo":
                known = name in issue.SECRETS and (issue.SECRETS[name] is None or set(keys) <= issue.SECRETS[name])
            else:
                known = there is not None and set(keys) <= set(there.get("data", {}))
            if not known:
                yield f"{called(one)} refers to {kind} {name} {sorted(keys)}, which nobody makes."
        for volume in pod["spec"].get("volumes", []):
            claim = at(volume, "persistentVolumeClaim", "claimName")
            if claim and world.get("PersistentVolumeClaim", claim) is None and claim not in _claims(world):
                yield f"{called(one)} refers to PersistentVolumeClaim {claim}, which nobody makes."
        volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
        claims = {claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", [])}
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
            mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
            if not mounts <= volumes | claims:
                yield f"{called(one)} mounts {sorted(mounts - volumes - claims)}, which is no volume of it."


def _claims(world):
    """The names of the claims that StatefulSets make."""
    return {f"{claim['metadata']['name']}-{one['metadata']['name']}-{n}" for one in world.of("StatefulSet")
            for claim in one["spec"]["volumeClaimTemplates"] for n in range(one["spec"]["replicas"])}


def _references(spec):
    """(kind, name, keys) of each ConfigMap, Secret and ServiceAccount in a pod."""
    if "serviceAccountName" in spec:
        yield "ServiceAccount", spec["serviceAccountName"], []
    for volume in spec.get("volumes", []):
        for source in [volume] + at(volume, "projected", "sources", default=[]):
            for kind, field, name in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
                if field in source:
                    named = source[field].get(name, source[field].get("name"))
                    yield kind, named, [item["key"] for item in source[field].get("items", [])]
    for container in spec.get("initContainers", []) + spec["containers"]:
        for variable in container.get("env", []):
            for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
                if field in variable.get("valueFrom", {}):
                    yield kind, variable["valueFrom"][field]["name"], [variable["valueFrom"][field]["key"]]
        for source in container.get("envFrom", []):
            for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if field in source:
                    yield kind, source[field]["name"], []


def cronjobs(world):
    """What runs by the clock runs when it should, alone, and not for ever."""
    for name, (schedule, limit) in issue.CRON.items():
        one = world.get("CronJob", name)
        if one is None:
            yield f"there is no CronJob {name}."
            continue
        spec, job = one["spec"], one["spec"]["jobTemplate"]["spec"]
        if not re.fullmatch(schedule, spec["schedule"]) or spec.get("timeZone") != "Etc/UTC":
            yield f"{called(one)} runs at {spec['schedule']!r} of {spec.get('timeZone')}."
        if spec.get("concurrencyPolicy") != "Forbid":
            yield f"{called(one)} may run twice at once."
        if not job.get("activeDeadlineSeconds") or (limit and job["activeDeadlineSeconds"] != limit):
            yield f"{called(one)} may take {job.get('activeDeadlineSeconds')} s."
        if not {"successfulJobsHistoryLimit", "failedJobsHistoryLimit", "startingDeadlineSeconds"} <= spec.keys():
            yield f"{called(one)} lacks a history limit or startingDeadlineSeconds."
        if spec.get("suspend"):
            yield f"{called(one)} is suspended."
        last = job.get("completions", 1) - 1
        lists = {item["path"] for volume in job["template"]["spec"].get("volumes", [])
                 for source in at(volume, "projected", "sources", default=[])
                 for item in at(source, "configMap", "items", default=[])}
        if lists and lists != {str(turn) for turn in range(last + 1)}:
            yield f"{called(one)} has {last + 1} turns and the lists {sorted(lists)}."


    for one in world.of("CronJob"):
        if one["metadata"]["name"] not in issue.CRON and one["spec"].get("suspend") is not True:
            yield f"{called(one)} runs by the clock, and nobody asked for it."


def secrets(world):
    """Passwords are in Secrets and nowhere else, and only the demo makes Secrets."""
    made = world.of("Secret")
    if world.name != "demo":
        for one in made:
            yield f"{called(one)} is made here; outside of the demo Secrets come from outside."
    else:
        for one in made:
            for key, value in one["data"].items():
                if "demo-not-a-secret" not in _decoded(value):
                    yield f"{called(one)} key {key} does not look like the made-up password that it has to be."
    for where, container in world.containers():
        for variable in container.get("env", []):
            if re.search("PASSWORD|AUTH|TOKEN|SECRET|ACCESS_KEY", variable["name"]) and "value" in variable:
                # A path to a file is no password.
                if not variable["value"].startswith("/"):
                    yield f"{where} has {variable['name']} in the clear: take it from a Secret."
        text = " ".join(container.get("command", []) + container.get("args", []))
        if re.search(r"redis://[^ @]*:[^ @]+@|demo-not-a-secret", text):
            yield f"{where} has a password among its arguments."
    literal = re.compile(
        r'(?m)^\s*(?:user \S+ .*>(?!\$\{)\S|(?:requirepass|masterauth)\s+(?!\$\{)\S'
        r'|sentinel (?:auth-pass \S+|sentinel-pass)\s+(?!\$\{)\S|"redis_auth":\s*"(?!\$[A-Z])|.*demo-not-a-secret)')
    for one in world.of("ConfigMap"):
        for file, text in one.get("data", {}).items():
            for line in literal.findall(text):
                yield f"{called(one)} file {file} has a password in the clear: {line.strip()[:20]}…"


def _decoded(value):
    import base64
    return base64.b64decode(value).decode()


def probes(world):
    """What runs for long is asked whether it lives and whether it is ready, at ports that it has."""
    for one, pod in world.workloads():
        if one["kind"] == "CronJob":
            continue
        for container in pod["spec"]["containers"]:
            ports = {port["name"] for port in container.get("ports", [])}
            for kind in ("livenessProbe", "readinessProbe"):
                probe = container.get(kind)
                if probe is None:
                    yield f"{called(one)} container {container['name']} has no {kind}."
                elif at(probe, "httpGet", "port", default=next(iter(ports), None)) not in ports:
                    yield f"{called(one)} container {container['name']}: {kind} asks a port that it has not."
    webdis = template(world.get("Deployment", "webdis"))["spec"]["containers"][0]
    if at(webdis, "readinessProbe", "httpGet", "path") != "/PING":
        yield "webdis is not asked /PING for whether it is ready."
    if at(webdis, "livenessProbe", "httpGet", "path") == "/PING":
        yield "webdis would be restarted whenever Redis is away (livenessProbe /PING)."


def api_access(world):
    """Nobody here needs the API server, so nobody gets a token for it."""
    for one, pod in world.workloads():
        if pod["spec"].get("automountServiceAccountToken") is not False:
            yield f"{called(one)} mounts a token for the API server."
    for one in world.of(*FORBIDDEN):
        yield f"{called(one)} gives rights in the API server; nothing here needs any."


def mesh(world):
    """Istio injects where identities matter, and stays away from Redis' own protocol."""
    for one, pod in world.workloads():
        labels = pod["metadata"]["labels"]
        if labels.get("sidecar.istio.io/inject") != issue.INJECTED.get(labels.get("app")):
            yield f"{called(one)} has sidecar.istio.io/inject {labels.get('sidecar.istio.io/inject')!r}."
        job = one["kind"] == "CronJob" and labels.get("sidecar.istio.io/inject") == "true"
        if job and at(pod, "metadata", "annotations", "sidecar.istio.io/nativeSidecar") != "true":
            yield f"{called(one)}: a sidecar that is not native would keep its Job from ending."


def topology(world):
    """Three of each, apart from each other, restarted in an order that cannot stall, with a handover before the end."""
    for name, replicas in issue.REPLICAS.items():
        one = world.get("StatefulSet", name) or world.get("Deployment", name)
        if one["spec"].get("replicas") != replicas:
            yield f"{called(one)} has {one['spec'].get('replicas')} replicas, not {replicas}."
    for one in world.of("StatefulSet"):
        spec = one["spec"]
        affinity = at(spec, "template", "spec", "affinity", "podAntiAffinity", default={})
        rule = "preferred" if world.name == "demo" else "required"
        if f"{rule}DuringSchedulingIgnoredDuringExecution" not in affinity or len(affinity) != 1:
            yield f"{called(one)}: its pods are not {rule} to be on different nodes."
        if spec.get("podManagementPolicy") != "Parallel":
            yield f"{called(one)} starts one after the other, and the first may wait for the last for ever."
        if spec.get("minReadySeconds", 0) < issue.SETTLED:
            yield f"{called(one)}: the next pod is restarted before everybody finds this one at its new address."
        claim = spec["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
        if claim != issue.VOLUMES[one["metadata"]["name"]]:
            yield f"{called(one)} has a volume of {claim}."
        if at(world.get("Service", spec["serviceName"]), "spec", "clusterIP") != "None":
            yield f"{called(one)}: {spec['serviceName']} is no headless Service, so its pods have no names."
    redis = template(world.get("StatefulSet", "redis"))["spec"]
    handover = "preStop" in redis["containers"][0].get("lifecycle", {})
    if not handover or redis.get("terminationGracePeriodSeconds", 30) < 60:
        yield "redis has no preStop handover, or too little time for it."


def scaling(world):
    """Autoscalers name a container that exists, and own the number of replicas."""
    for one in world.of("HorizontalPodAutoscaler"):
        target = world.get(one["spec"]["scaleTargetRef"]["kind"], one["spec"]["scaleTargetRef"]["name"])
        if target is None:
            yield f"{called(one)} scales nothing."
            continue
        if "replicas" in target["spec"]:
            yield f"{called(target)} has `replicas`, which each apply would set back."
        names = {container["name"] for container in template(target)["spec"]["containers"]}
        for metric in one["spec"]["metrics"]:
            if metric["containerResource"]["container"] not in names:
                yield f"{called(one)} watches a container that {called(target)} has not."
    if world.get("HorizontalPodAutoscaler", "webdis") is None:
        yield "there is no HorizontalPodAutoscaler webdis."


def steps(world):
    """deploy.sh finds every object by its step, and all are in the namespace."""
    for one in world.objects:
        if at(one, "metadata", "labels", "fingerprint-cache/step") not in issue.STEPS:
            yield f"{called(one)} belongs to no step of deploy.sh (label fingerprint-cache/step)."
        if one["kind"] != "Namespace" and one["metadata"].get("namespace") != "caching":
            yield f"{called(one)} is not in the namespace caching."


def lists(world):
    """What is warmed are paths, each once."""
    for one in world.of("ConfigMap"):
        if not one["metadata"]["name"].startswith("warm-"):
            continue
        lines = [line for line in one["data"]["urls"].splitlines() if line and not line.startswith("#")]
        for line in lines:
            if not re.fullmatch(r"/[!-~]*", line):
                yield f"{called(one)}: {line!r} is no path."
        if len(set(lines)) != len(lines):
            yield f"{called(one)} has a line twice."
        if not lines and one["metadata"]["name"] != "warm-dns":
            yield f"{called(one)} is empty."
