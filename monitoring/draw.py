#!/usr/bin/python3
"""Draws the dashboards from Prometheus' own answers, one picture each, into docs/pictures.

    monitoring/draw.py --live PROGRAMS       of a chain that is started for it, and goes through a story of three and a
                                             half minutes; PROGRAMS is the folder of fpcache and fingerprint-demo
    monitoring/draw.py --from URL --last 30  of the last 30 minutes of any Prometheus that has the rules

    --into FOLDER                            somewhere else
"""
import argparse
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# pylint: disable=wrong-import-position
from monitoring.lab import canvas, events
from monitoring.lab.chain import Chain
from monitoring.lab.dashboards import panels, windowed
from monitoring.lab.load import Load
from monitoring.lab.process import Trouble
from monitoring.lab.prometheus import Prometheus


class Span:
    """What is drawn: from when to when, over which window, with which events."""

    def __init__(self, start, end, scrape, marks=()):
        self.start, self.end, self.marks = start, end, marks
        self.step = max(scrape, (end - start) / 240)
        # As Grafana's $__rate_interval: four scrapes, or one step and a scrape.
        self.window = f"{int(max(4 * scrape, self.step + scrape, 8))}s"


def data(prometheus, panel, span):
    """Legend to series of a panel: points over time, or the last value of what shows only that."""
    found = []
    for target in panel["targets"]:
        query = windowed(target["expr"], span.window)
        if target["instant"]:
            series = [(labels, [(span.end, value)]) for labels, value in prometheus.now(query, span.end)]
        else:
            series = prometheus.over(query, span.start, span.end, span.step)
        found += [(legend(target["legendFormat"], labels), points) for labels, points in series]
    return found


def legend(form, labels):
    """A legend with its labels filled in."""
    for name, value in labels.items():
        form = form.replace("{{" + name + "}}", value)
    return form


def draw(prometheus, span, folder):
    """One picture a dashboard."""
    folder.mkdir(parents=True, exist_ok=True)
    for board in panels():
        drawn = [(panel, data(prometheus, panel, span)) for panel in board.drawn]
        path = folder / f"{board.name}.png"
        canvas.picture(board, drawn, span, path)
        empty = [panel["title"] for panel, series in drawn if not series]
        print(f"{path}: {path.stat().st_size // 1024} KiB" + (f"; no data: {', '.join(empty)}" if empty else ""))


def story(chain, prometheus):
    """A cold start, an invalidation of everything, a failover; the events with their times."""
    marks = []

    def mark(what):
        marks.append((time.time(), what))
        print(what, flush=True)

    mark("cold start")
    # So that the counter of notices is there, and the next one is seen as a step.
    time.sleep(15)
    chain.fpcache("invalidate", "--uri", "/v1/fingerprints/none")
    time.sleep(15)
    events.single_flight(chain, prometheus)
    time.sleep(35)
    mark("invalidate --all")
    chain.fpcache("invalidate", "--all")
    time.sleep(55)
    mark("master killed")
    with events.failover(chain):
        time.sleep(20)
    mark("it is back")
    time.sleep(45)
    return marks


def live(programs, folder):
    """Starts the chain, lets the story happen, and draws it."""
    with Chain(programs, entries=400) as chain:
        prometheus = Prometheus(f"http://{chain.at('prometheus')}")
        time.sleep(5)
        start = time.time()
        # Names instead of ports, which are others each time.
        canvas.NAMES.update({chain.at(name): name.removesuffix("-exporter") for name in chain.ports})
        canvas.NAMES |= {chain.at("admin"): "envoy-0", chain.at("stats"): "haproxy"}
        with Load(chain.ports["envoy"], rate=200, keys=1200) as load:
            time.sleep(3)
            marks = story(chain, prometheus)
            print(load.counts)
        draw(prometheus, Span(start, time.time(), 1, marks), folder)


def main():
    """Reads the command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--live", metavar="PROGRAMS")
    words.add_argument("--from", metavar="URL", dest="url")
    words.add_argument("--last", metavar="MINUTES", type=float, default=30)
    words.add_argument("--into", metavar="FOLDER", type=pathlib.Path, default=ROOT / "docs/pictures")
    asked = words.parse_args()
    if bool(asked.live) == bool(asked.url):
        words.error("say either --live or --from")
    if asked.live:
        live(asked.live, asked.into)
    else:
        now = time.time()
        draw(Prometheus(asked.url), Span(now - asked.last * 60, now, 15), asked.into)


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        sys.exit(f"draw.py: {trouble}")
