"""Checks every Istio object of some folders, and the plugin configuration in them.

    .tools/venv/bin/python scripts/check/istio.py FPCACHE [FOLDER...]
    .tools/venv/bin/python scripts/check/istio.py --self-test

FPCACHE is the built program `fpcache`; FOLDER is istio by default. Istio's CRDs are in ../shared/facts/istio-crds.yaml,
or where ISTIO_CRDS says; without them no object is judged by its schema, and the check says so. `--self-test` breaks good
manifests, one fault at a time, and fails where that goes unnoticed. Exit status: 0 when all is well.
"""

import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from mesh import faults  # noqa: E402
from mesh.crds import Crds  # noqa: E402
from mesh.listeners import of_cache, shipped_manager  # noqa: E402
from mesh.manifests import is_istio, read, zeros  # noqa: E402
from mesh.plugins import Plugin, is_ours, shipped_rules  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CRDS = Path(os.environ.get("ISTIO_CRDS", ROOT / "../shared/facts/istio-crds.yaml"))


class Checks:
    """Prints a line for each file, and remembers whether all were good."""

    def __init__(self, crds, program):
        self.crds, self.program, self.good = crds, program, True
        self.cluster, self.shipped, self.plugins = l2_cluster(), shipped_rules(ROOT / "envoy/envoy.yaml"), {}
        self.manager = shipped_manager(ROOT / "envoy/envoy.yaml")

    def file(self, file):
        """Checks the objects of Istio in a file, and says which others are in it."""
        objects = read(file)
        ours = [one for one in objects if is_istio(one)]
        others = sorted({str(one.get("kind", "values of a chart")) for one in objects if not is_istio(one)})
        if others:
            print(f"not judged here: {short(file)}: {', '.join(others)}")
        if ours:
            found = zeros(file.read_text(encoding="utf-8")) + [
                fault for one in ours for fault in self.object(one, file)
            ]
            found += by_fpcache(self.program, file) if any(map(is_ours, ours)) else []
            self.tell(f"{short(file)}: {', '.join(one['kind'] for one in ours)}", found)

    def object(self, one, file):
        """What is wrong with an object, by its CRD and, where it is our plugin, by what that must hold to."""
        found = self.crds.faults(one) if self.crds else []
        if not found and is_ours(one):
            plugin = self.plugins[short(file)] = Plugin(one)
            found = plugin.faults(self.cluster, self.shipped, beside(file))
        elif not found:
            found = [fault for listener in of_cache(one) for fault in listener.faults(self.manager)]
        return [f"{one['kind']} {one.get('metadata', {}).get('name')}: {fault}" for fault in found]

    def same(self):
        """The two forms of one API must not drift apart."""
        one, other = (self.plugins.get(f"istio/{name}.yaml") for name in ("wasmplugin", "trafficextension"))
        if one and other:
            self.tell("wasmplugin.yaml and trafficextension.yaml say the same", one.differs(other))

    def tell(self, what, found):
        self.good &= not found
        print("\n  ".join([f"FAILED: {what}", *found]) if found else f"ok: {what}", flush=True)


def short(file):
    """A file as one calls it from the repository's root."""
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)


def beside(file):
    """The patches of listeners that go with a file: its own, and listener.yaml of its folder or the one above."""
    files = [file, *(folder / "listener.yaml" for folder in file.parents[:2])]
    return [listener for one in files if one.exists() for document in read(one) for listener in of_cache(document)]


def l2_cluster():
    """The Envoy cluster of webdis, by the DestinationRule for it."""
    rule = next(one for one in read(ROOT / "istio/l2.yaml") if one["kind"] == "DestinationRule")
    return f"outbound|7379||{rule['spec']['host']}"


def by_fpcache(program, file):
    """What the filter's own reader has against the configurations in a file."""
    done = subprocess.run([program, "check", str(file)], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    good = done.returncode == 0 and "will pass every request" not in said
    return [] if good else [f"fpcache check: {said.strip()}"]


def main(arguments):
    """Runs what the arguments ask for, and says whether all was well."""
    crds = Crds(CRDS) if CRDS.exists() else None
    if crds is None:
        print(f"skipped: no object is judged by its schema, as {CRDS} is not there (ISTIO_CRDS names another place)")
    if arguments == ["--self-test"]:
        envoy = ROOT / "envoy/envoy.yaml"
        shipped = faults.Shipped(l2_cluster(), shipped_rules(envoy), shipped_manager(envoy))
        return faults.test(crds, ROOT / "istio", shipped)
    if not arguments or not os.access(arguments[0], os.X_OK):
        print("Usage: istio.py FPCACHE [FOLDER...] (FPCACHE is what `make build` made), or istio.py --self-test")
        return False
    checks = Checks(crds, arguments[0])
    for folder in arguments[1:] or ["istio"]:
        for file in sorted((ROOT / folder).rglob("*.yaml")):
            checks.file(file)
    checks.same()
    return checks.good


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
