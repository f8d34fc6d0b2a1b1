"""NetworkPolicies: nobody reaches anybody but along the edges of issue.py, and both ends of each agree."""

from . import issue
from .world import at, called, template


def policies(world):
    """All is denied, then allowed edge by edge, at both ends."""
    deny = world.get("NetworkPolicy", "default-deny")
    if at(deny, "spec") != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        yield "there is no NetworkPolicy default-deny that denies both directions to all pods."
    dns = world.get("NetworkPolicy", "dns")
    ports = [port["port"] for rule in at(dns, "spec", "egress", default=[]) for port in rule["ports"]]
    if at(dns, "spec", "podSelector") != {} or ports != [53, 53]:
        yield "there is no NetworkPolicy dns that lets all pods ask for names, and no more."
    apps = {pod["metadata"]["labels"]["app"] for _, pod in world.workloads()}
    for direction in ("ingress", "egress"):
        found = set(_edges(world, direction, apps))
        for edge in sorted(issue.EDGES - found):
            yield f"no {direction} rule lets {edge[0]} reach {edge[1]} at port {edge[2]}."
        for edge in sorted(found - issue.EDGES):
            yield f"an {direction} rule lets {edge[0]} reach {edge[1]} at port {edge[2]}, which nobody needs."
    yield from _scraped(world)
    yield from _foreign(world)
    yield from _open(world)


def _edges(world, direction, apps):
    """(from, to, port) that the rules of one direction allow between pods of the namespace."""
    for policy in world.of("NetworkPolicy"):
        for rule in policy["spec"].get(direction, []):
            for peer in rule.get("from" if direction == "ingress" else "to", []):
                if "podSelector" not in peer or "namespaceSelector" in peer:
                    continue
                for here in _apps(policy["spec"]["podSelector"], apps):
                    for there in _apps(peer["podSelector"], apps):
                        for port in rule.get("ports", [{"port": None}]):
                            edge = (there, here) if direction == "ingress" else (here, there)
                            yield (*edge, port["port"])


def _apps(selector, apps):
    """The apps that a pod selector selects."""
    if not selector:
        return apps
    named = [at(selector, "matchLabels", "app")] if "matchLabels" in selector else []
    for expression in selector.get("matchExpressions", []):
        named += expression["values"] if expression["operator"] == "In" else apps
    return named


def _scraped(world):
    """Prometheus finds each page at its port, and is let in."""
    spec = at(world.get("NetworkPolicy", "metrics"), "spec", default={"podSelector": {}, "ingress": [{"ports": []}]})
    selected, let_in = _apps(spec["podSelector"], set()), {port["port"] for port in spec["ingress"][0]["ports"]}
    for app, name, number in sorted(issue.METRICS):
        ports = [(port["name"], port["containerPort"]) for one in world.selected({"app": app})
                 for container in template(one)["spec"]["containers"] for port in container.get("ports", [])]
        if (name, number) not in ports:
            yield f"{app} has no port {name} {number} to scrape."
        if app not in selected or number not in let_in:
            yield f"NetworkPolicy metrics keeps Prometheus from {app} at port {number}."


def _foreign(world):
    """Other namespaces reach webdis, a variant's choice and Prometheus' pages, by pods that are named; and are reached."""
    for policy in world.of("NetworkPolicy"):
        here = policy["spec"]["podSelector"]
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction, []):
                ports = {port["port"] for port in rule.get("ports", [])}
                for peer in rule.get(peers) or []:
                    if "namespaceSelector" not in peer:
                        continue
                    space = at(peer, "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name")
                    named = bool(peer.get("podSelector")) or space == "monitoring"
                    if direction == "ingress" and space == "monitoring":
                        allowed = issue.PAGES
                    elif direction == "ingress":
                        inwards = issue.INWARDS | issue.VARIANTS.get(world.variant, {})
                        allowed = set.intersection(*(inwards.get(app, set()) for app in _apps(here, ["all"])))
                    else:
                        allowed = issue.OUTWARDS.get(space, set())
                    if not named or not ports <= allowed:
                        yield f"{called(policy)}: {direction}, pods of {space} at {sorted(ports)}: nobody needs that."


def _open(world):
    """Rules without a peer or a port let everybody in, or out to everywhere."""
    for policy in world.of("NetworkPolicy"):
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction, []):
                if not rule.get(peers) or not rule.get("ports"):
                    yield f"{called(policy)} has an {direction} rule without peers or without ports."
                for peer in rule.get(peers) or []:
                    wide = at(peer, "ipBlock", "cidr") == "0.0.0.0/0"
                    if wide and direction == "ingress" and world.name != "demo":
                        yield f"{called(policy)} lets in everybody."
