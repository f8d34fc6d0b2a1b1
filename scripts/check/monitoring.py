#!/usr/bin/env python3
"""monitoring.py PROGRAMS: holds monitoring/ to what it says. PROGRAMS is the folder of fpcache and fingerprint-demo.

Rules and their tests by promtool; dashboards and the operator's objects as written; then a real chain of processes
under load and faults, where every query of every rule, alert and panel has to bring data, and the faults to wake their
alerts.
"""
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

try:
    import yaml
except ImportError:
    sys.exit("PyYAML is missing: run `make setup`, then this with .tools/venv/bin/python.")

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
# pylint: disable=wrong-import-position
from monitoring import generate
from monitoring.lab import events
from monitoring.lab.chain import Chain
from monitoring.lab.dashboards import panels, queries
from monitoring.lab.load import Load
from monitoring.lab.process import Trouble, program
from monitoring.lab.prometheus import Prometheus, Refused

# What is not well until the cache is warm, and what the burst of requests is to wake.
HARMLESS = {"CacheHitRateLow", "LockContentionHigh"}
# What the faults below have to wake: pending is enough, as most alerts wait for minutes before they fire.
WOKEN = {
    "RedisDown", "RedisHighMemory", "RedisReplicationLag", "LockContentionHigh", "CacheBreakerOpen",
    "CacheLogUnreadable", "CacheLogDiscontinuous", "CacheCorruptEntries", "CacheOriginFailing", "BridgeUnmapped",
    "CacheFilterBypassed", "CacheVmFailed",
}
# Fields that monitors.yaml may use, of the many that the operator knows: a typing error is not among them.
MONITOR = {
    "apiVersion", "kind", "metadata", "name", "namespace", "spec", "selector", "matchLabels", "app",
    "namespaceSelector", "matchNames", "podMetricsEndpoints", "port", "path", "interval", "relabelings",
    "metricRelabelings", "targetLabel", "replacement", "sourceLabels", "regex", "action",
}


class Faults(list):
    """What is wrong, as sentences."""

    def __call__(self, *sentences):
        self.extend(sentences)

    def tell(self, what):
        """One line when nothing is wrong, all when something is; then forgets."""
        print(f"ok: {what}" if not self else f"FAILED: {what}\n" + "\n".join(self), flush=True)
        bad = bool(self)
        self.clear()
        return bad


def promtool(faults):
    """Rules, their tests, and the configuration."""
    tool = program("promtool", "prometheus")
    for words in ("check rules rules.yaml", "test rules rules.test.yaml", "check config prometheus.yaml"):
        command = [tool, *words.split()]
        done = subprocess.run(command, cwd=ROOT / "monitoring", capture_output=True, text=True, check=False)
        if done.returncode:
            faults(f"promtool {words}:\n{done.stdout}{done.stderr}")
    return faults.tell("promtool check rules, test rules, check config")


def alerts(faults):
    """Each alert has all that it needs, and a test that sees it fire, and one that sees it silent."""
    tests = yaml.safe_load((ROOT / "monitoring/rules.test.yaml").read_text())["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", [])]
    runbook = ROOT / "docs/operations.md"
    headings = re.findall(r"(?m)^#+ +`?(\w+)`?\s*$", runbook.read_text()) if runbook.exists() else None
    rules = [rule for group in generate.rules() for rule in group["rules"] if "alert" in rule]
    for rule in rules:
        name, notes = rule["alert"], rule["annotations"]
        if rule["labels"].get("severity") not in ("critical", "warning"):
            faults(f"{name}: severity is neither critical nor warning.")
        if set(notes) != {"summary", "description", "runbook"} or "$value" not in notes["description"]:
            faults(f"{name}: wants summary, description (with the value) and runbook.")
        if notes.get("runbook") != f"docs/operations.md#{name.lower()}":
            faults(f"{name}: its runbook is not docs/operations.md#{name.lower()}.")
        if f"| `{name}` |" not in generate.DOCUMENT.read_text():
            faults(f"{name}: docs/monitoring.md does not list it.")
        if headings is not None and name not in headings:
            faults(f"{name}: docs/operations.md has no heading for it.")
        fires = {bool(case.get("exp_alerts")) for case in cases if case["alertname"] == name}
        if fires != {True, False}:
            faults(f"{name}: rules.test.yaml has to see it fire, and silent.")
    unknown = {case["alertname"] for case in cases} - {rule["alert"] for rule in rules}
    faults(*(f"rules.test.yaml tests {name}, which rules.yaml does not have." for name in unknown))
    return faults.tell("every alert has severity, texts, runbook and tests")


def files(faults):
    """What is generated is up to date, dashboards are well formed, and monitors name only known fields."""
    stale = subprocess.run([sys.executable, ROOT / "monitoring/generate.py", "--check"], capture_output=True, text=True, check=False)
    faults(*stale.stdout.splitlines(), *stale.stderr.splitlines())
    uids = []
    for board in panels():
        uids.append(board.uid)
        ids = [panel["id"] for panel in board.panels]
        if len(set(ids)) != len(ids):
            faults(f"{board.name}: two panels have one id.")
        if [variable["name"] for variable in board.variables] != ["datasource"]:
            faults(f"{board.name}: wants one variable, datasource.")
        for panel in board.drawn:
            if not panel["description"] or "Bad:" not in panel["description"]:
                faults(f"{board.name}, {panel['title']}: does not say what a bad picture looks like.")
            if not panel["fieldConfig"]["defaults"].get("unit"):
                faults(f"{board.name}, {panel['title']}: has no unit.")
            if any(target["datasource"]["uid"] != "${datasource}" for target in panel["targets"]):
                faults(f"{board.name}, {panel['title']}: does not ask the chosen datasource.")
    if len(set(uids)) != len(uids):
        faults("two dashboards have one uid.")
    for monitor in yaml.safe_load_all((ROOT / "monitoring/monitors.yaml").read_text()):
        name = monitor["metadata"]["name"]
        faults(*(f"monitors.yaml, {name}: unknown field {field}." for field in fields(monitor) - MONITOR))
    kubectl = shutil.which("kubectl")
    if kubectl:
        built = subprocess.run([kubectl, "kustomize", ROOT / "monitoring"], capture_output=True, text=True, check=False)
        if built.returncode:
            faults(f"kubectl kustomize monitoring: {built.stderr}")
    return faults.tell(f"generated files, dashboards, monitors, kustomize{'' if kubectl else ' (skipped: no kubectl)'}")


def fields(value):
    """All member names in a tree."""
    if isinstance(value, dict):
        return set(value).union(*map(fields, value.values()))
    return set().union(*map(fields, value)) if isinstance(value, list) else set()


def story(chain, prometheus, faults):
    """Load, then one fault after the other."""
    events.single_flight(chain, prometheus)
    chain.fpcache("invalidate", "--tag", "profile")
    chain.fpcache("refresh", "--all")
    time.sleep(6)
    # Three seconds of five: on a busy machine Prometheus may wait in vain for one page.
    awake = {labels["alertname"] for labels, _ in prometheus.now("count_over_time(ALERTS[5s]) > 2")} - HARMLESS
    faults(*(f"{name} is awake although nothing is wrong." for name in sorted(awake)))
    events.corrupt(chain)
    events.unmapped(chain)
    with events.full(chain):
        time.sleep(4)
    chain.fpcache("refresh", "--all")
    with events.gone(chain.demo, chain.ports["demo"]):
        time.sleep(4)
    events.flush(chain)
    time.sleep(1)
    with events.frozen(chain.webdis):
        time.sleep(8)
    with events.failover(chain):
        time.sleep(2)
    events.broken(chain, "FAIL_OPEN")
    events.broken(chain, "FAIL_RELOAD")
    time.sleep(3)


def answers(prometheus, faults):
    """Every query brings data, but those that silent.yaml names."""
    silent = {entry["query"]: entry["why"] for entry in yaml.safe_load((ROOT / "monitoring/silent.yaml").read_text())}
    known = set()
    asked = queries()
    for place, query in asked:
        known.add(query)
        try:
            prometheus.read(query)
            data = prometheus.now(query)
        except Refused as refused:
            faults(f"{place}: {refused}\n  {query}")
            continue
        if not data and query not in silent:
            faults(f"{place}: no data.\n  {query}")
        if data and query in silent:
            faults(f"{place}: has data ({data[0][1]}), so it does not belong into silent.yaml.\n  {query}")
    faults(*(f"silent.yaml names what nobody asks: {query}" for query in silent if query not in known))
    what = "queries of rules, alerts and panels bring data from a real Prometheus"
    return faults.tell(f"{len(asked)} {what}; {len(silent)} of them may be silent")


def woken(prometheus, faults):
    """Every fault has woken its alert."""
    seen = {labels["alertname"] for labels, _ in prometheus.now("count by (alertname) (count_over_time(ALERTS[10m]))")}
    faults(*(f"{name} has not been awake." for name in sorted(WOKEN - seen)))
    return faults.tell(f"{len(WOKEN)} alerts woken by real faults: {', '.join(sorted(WOKEN))}")


def live(programs, faults):
    """The real chain."""
    began = time.monotonic()
    with Chain(programs, entries=300) as chain, Load(chain.ports["envoy"], rate=150) as load:
        prometheus = Prometheus(f"http://{chain.at('prometheus')}")
        story(chain, prometheus, faults)
        counts = load.counts
        bad = faults.tell(f"a healthy chain under load wakes no alert ({sum(counts.values())} requests, {counts})")
        bad |= answers(prometheus, faults)
        bad |= woken(prometheus, faults)
    print(f"(the live part took {time.monotonic() - began:.0f} s)")
    return bad


def main():
    """All checks, in order."""
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    faults = Faults()
    # So that the chain is taken down in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        bad = promtool(faults) | alerts(faults) | files(faults)
        return 1 if bad | live(sys.argv[1], faults) else 0
    except Trouble as trouble:
        print(f"FAILED: {trouble}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
