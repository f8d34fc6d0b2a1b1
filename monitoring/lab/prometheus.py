"""What Prometheus answers."""
import json
import math
import urllib.error
import urllib.parse
import urllib.request


class Refused(Exception):
    """Prometheus cannot read or answer a query: its sentence."""


class Prometheus:
    """Its HTTP interface."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def get(self, path, **words):
        """The data of one call."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(words)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise Refused(json.load(error).get("error", str(error))) from error

    def now(self, query, time=None):
        """Labels and value of each series, NaN left out."""
        words = {"query": query} | ({"time": time} if time else {})
        data = self.get("query", **words)
        result = data["result"]
        if data["resultType"] == "scalar":
            result = [{"metric": {}, "value": result}]
        found = [(series["metric"], float(series["value"][1])) for series in result]
        return [(labels, value) for labels, value in found if not math.isnan(value)]

    def over(self, query, start, end, step):
        """Labels, times and values of each series."""
        data = self.get("query_range", query=query, start=start, end=end, step=step)
        return [(series["metric"], [(float(when), float(value)) for when, value in series["values"]])
                for series in data["result"]]

    def read(self, query):
        """That it can be parsed: its canonical form."""
        return self.get("format_query", query=query)
