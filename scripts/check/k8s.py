#!/usr/bin/env python3
"""Checks k8s/ without a cluster: one `ok: ...` line a check, and all faults when one fails.

    .tools/venv/bin/python scripts/check/k8s.py [FPCACHE]

kubectl builds the base and both overlays; kubernetes-validate holds every object against the schemas of the oldest and
the newest Kubernetes that are supported, unknown fields refused; scripts/check/kube/rules.py are our own policies, each
shown to fail first (breaks.py); the scripts are read by their shells, and by shellcheck where it is installed. With the
path of fpcache, that is told what the manifests tell it.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/check"))

FOLDERS = {"base": "k8s/base", "demo": "k8s/overlays/demo", "production": "k8s/overlays/production"}
# backoffLimitPerIndex, native sidecars and ContainerResource need the first; the second is the newest that is known.
VERSIONS = ("1.30", "1.37")

failed = False


def report(what, faults):
    """One line when there is nothing to say, else all of it."""
    global failed
    if faults:
        failed = True
        print(f"FAILED: {what}", *(f"  {fault}" for fault in faults), sep="\n")
    else:
        print(f"ok: {what}")


def build():
    """The three worlds by name; none where kubectl does not build them."""
    from kube.world import World

    worlds = {}
    for name, folder in FOLDERS.items():
        try:
            worlds[name] = World.build(name, str(ROOT / folder))
            report(f"kubectl kustomize {folder}: {len(worlds[name].objects)} objects", [])
        except RuntimeError as error:
            report(f"kubectl kustomize {folder}", [str(error)])
    return worlds


def variants(worlds):
    """What is added by choice: read into the production overlay, of whose objects it has to be right."""
    for path in sorted((ROOT / "k8s/variants").glob("*.yaml")):
        worlds[path.name] = worlds["production"].and_file(path)


def schemas(worlds):
    """Every object against Kubernetes' own schemas."""
    import kubernetes_validate

    from kube.world import called

    # Most are the same in all of them.
    objects = {json.dumps(one): (name, one) for name, world in worlds.items() for one in world.objects}
    for version in VERSIONS:
        faults = []
        for name, one in objects.values():
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = ".".join(str(step) for step in error.path)
                faults.append(f"{name}: {called(one)} {where}: {error.message}")
            # Not to be found is no pass.
            except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.InvalidSchemaError) as error:
                faults.append(f"{name}: {called(one)}: {error}")
        report(f"kubernetes-validate {version} --strict, {len(objects)} objects", faults)
    # That a wrong one is seen.
    broken = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"portz": []}}
    try:
        kubernetes_validate.validate(broken, VERSIONS[1], strict=True)
        report("kubernetes-validate refuses an unknown field", ["it accepts `portz`."])
    except kubernetes_validate.ValidationError:
        report("kubernetes-validate refuses an unknown field", [])


def policies(worlds):
    """Our own policies; before, that each of them can fail."""
    from kube.breaks import RULES, unfound

    faults, count = unfound(worlds)
    report(f"each policy notices what is broken on purpose ({count} times)", faults)
    for rule in RULES:
        # The base has neither Secrets nor pins, and is never applied.
        faults = [f"{name}: {fault}" for name, world in worlds.items() if name != "base" for fault in rule(world)]
        report(f"{rule.__name__}: {rule.__doc__.strip()}", faults)


def pins():
    """A digest that is not known yet says so, in the overlay that needs it."""
    faults = []
    for path in sorted((ROOT / "k8s").rglob("*")):
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search("sha256:0{64}", line) and "REPLACE" not in line:
                faults.append(f"{path.relative_to(ROOT)}:{number} has a zero digest without the word REPLACE.")
    report("digests that are missing say REPLACE", faults)


def scripts():
    """The shells read the scripts; shellcheck judges them where it is installed."""
    faults = []
    names = sorted((ROOT / "k8s").rglob("*.sh"))
    for path in names:
        shell = "bash" if "bash" in path.read_text().partition("\n")[0] else "sh"
        done = subprocess.run([shell, "-n", path], capture_output=True, text=True)
        faults += [done.stderr] if done.returncode else []
    report(f"{len(names)} scripts can be read", faults)
    if not shutil.which("shellcheck"):
        print("skipped: shellcheck, which is not installed.")
        return
    # SC2046, SC2086: where the scripts split words, they mean to.
    judge = ["shellcheck", "-x", "--severity=warning", "--exclude=SC2046,SC2086", "--source-path=SCRIPTDIR"]
    faults = []
    for path in names:
        shell = ["-s", "bash" if "bash" in path.read_text().partition("\n")[0] else "sh"]
        done = subprocess.run([*judge, *shell, path], capture_output=True, text=True)
        faults += done.stdout.splitlines() if done.returncode else []
    report("shellcheck", faults)


def baseline():
    """deploy.sh finds the warmer's summary in a log, whatever else writes JSON there."""
    other = '{"level":"info","msg":"sidecar"}\n'
    whole = '{\n  "warm": true, "hit": 3, "fetched": 0, "seconds": 1.5\n}\n'
    cold = whole.replace("true", "false")
    cases = (("alone", whole, True), ("among JSON", other + "words {\n" + whole + other, True),
             ("the last of two", cold + whole, True), ("not warm", cold, False), ("none", other, False), ("cut off", other + whole[:20], False))
    faults = []
    for what, text, good in cases:
        with tempfile.NamedTemporaryFile("w", suffix=".log") as file:
            file.write(text)
            file.flush()
            command = [sys.executable, ROOT / "k8s/deploy/baseline.py", "tally", file.name, "second"]
            done = subprocess.run(command, capture_output=True, text=True)
        if (done.returncode == 0) != good or "Traceback" in done.stderr:
            faults.append(f"{what}: status {done.returncode} {done.stderr.strip()[-200:]}")
    report("baseline.py tally finds the summary of a warming run", faults)


def told(worlds, program):
    """fpcache takes the arguments, lists and maps that it is given there."""
    from kube import fpcache

    for what in (fpcache.warm, fpcache.bridge):
        report(f"fpcache {what.__name__}: {what.__doc__}", list(what(program, worlds["production"])))


def main():
    scripts()
    pins()
    baseline()
    if not shutil.which("kubectl"):
        print("skipped: kustomize, schemas and policies, as there is no kubectl here.")
        return failed
    worlds = build()
    if len(worlds) == len(FOLDERS):
        variants(worlds)
        try:
            schemas(worlds)
        except ImportError:
            report("kubernetes-validate", ["it is missing: run `make setup`, then this with .tools/venv/bin/python."])
        policies(worlds)
        if len(sys.argv) > 1:
            told(worlds, str(pathlib.Path(sys.argv[1]).resolve()))
    return failed


if __name__ == "__main__":
    sys.exit(main())
