#!/usr/bin/env python3
"""The baseline that deploy.sh writes, out of what it has collected.

    baseline.py tally LOG first|second     the summary that `fpcache warm --json` left in a job's log, judged
    baseline.py report FOLDER OVERLAY MASTER
"""

import datetime
import json
import pathlib
import re
import sys


def summary(text):
    """The last object in a log, beginning a line, that is a summary; others may write JSON there too. None without."""
    last = None
    for begin in re.finditer(r"^\{", text, re.MULTILINE):
        try:
            found, _ = json.JSONDecoder().raw_decode(text[begin.start():])
        except ValueError:
            continue
        if {"warm", "hit", "fetched", "seconds"} <= found.keys():
            last = found
    return last


def tally(log, run):
    """Prints the summary; exit 1 unless the cache has all of it, the second time without asking the service."""
    text = pathlib.Path(log).read_text()
    found = summary(text)
    if found is None:
        sys.exit(f"There is no summary in the log:\n{text}")
    print(json.dumps(found))
    asked = found["hit"] + found["fetched"]
    return not (found["warm"] and asked > 0 and (run == "first" or found["fetched"] == 0))


def run(path):
    """One warming run in figures."""
    found = json.loads(path.read_text())
    asked = found["hit"] + found["fetched"]
    return {"urls": asked, "hits": found["hit"], "seconds": found["seconds"],
            "requests_per_second": round(asked / max(found["seconds"], 1e-3), 1)}


def report(folder, overlay, master):
    """Prints the baseline."""
    folder = pathlib.Path(folder)
    least, most, average, samples = (float(word) for word in folder.joinpath("latency").read_text().split()[:4])
    pods = json.loads(folder.joinpath("pods.json").read_text())["items"]
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
    print(json.dumps({
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "overlay": overlay,
        "kubernetes": json.loads(folder.joinpath("version.json").read_text())["gitVersion"],
        "master": master,
        "warm": {name: run(folder / f"warm-{name}.json") for name in ("first", "second")},
        "redis_ping_ms": {"min": least, "max": most, "average": average, "samples": int(samples)},
        # As Envoy writes them: P50(last interval, since the start) and so on.
        "filter_histograms": folder.joinpath("histograms").read_text().splitlines(),
        "images": sorted({f"{status['image']} {status['imageID']}" for status in statuses}),
    }, indent=2))


if __name__ == "__main__":
    sys.exit({"tally": tally, "report": report}[sys.argv[1]](*sys.argv[2:]))
