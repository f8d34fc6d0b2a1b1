"""What rules and dashboards ask Prometheus for."""
import json
import pathlib
import re

import yaml

HERE = pathlib.Path(__file__).resolve().parents[1]
# Between the series of an alert: set operators, with what they match on.
BETWEEN = re.compile(r"\s+(?:and|or|unless)\s+(?:(?:on|ignoring)\s*\([^)]*\)\s*)?")
# What an alert does with each: compares it with a number.
COMPARED = re.compile(r"(.+?)\s*(?:[<>]=?|==|!=)\s*[-0-9.]+$", re.DOTALL)


class Board:
    """One dashboard."""

    def __init__(self, path):
        tree = json.loads(path.read_text())
        self.name, self.uid, self.title = path.stem, tree["uid"], tree["title"]
        self.variables, self.panels = tree["templating"]["list"], tree["panels"]
        self.drawn = [panel for panel in self.panels if panel["type"] != "row"]


def panels():
    """The dashboards."""
    return [Board(path) for path in sorted((HERE / "dashboards").glob("*.json"))]


def windowed(query, window):
    """A panel's query over a window of its own."""
    return query.replace("$__rate_interval", window)


def sides(query):
    """The series that an alert compares with numbers."""
    found = [COMPARED.fullmatch(part.strip()) for part in BETWEEN.split(query)]
    if not all(found):
        raise ValueError(f"An alert compares recorded series with numbers, joined by and, or, unless: {query}")
    return [match.group(1) for match in found]


def queries(window="1m"):
    """All queries, each with its place: rules whole, of alerts the sides that are compared, panels."""
    asked = []
    for group in yaml.safe_load((HERE / "rules.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                asked += [(f"alert {rule['alert']}", side) for side in sides(rule["expr"])]
            else:
                asked.append((f"record {rule['record']}", rule["expr"]))
    for board in panels():
        for panel in board.drawn:
            asked += [(f"{board.title}, {panel['title']}, {target['legendFormat']}", windowed(target["expr"], window))
                      for target in panel["targets"]]
    return asked
