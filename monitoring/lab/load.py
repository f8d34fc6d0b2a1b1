"""Requests as clients send them: profiles by a Zipf law, identifications, features, and some that pass."""
import base64
import http.client
import json
import random
import threading
import time

BROWSERS = [f"chrome_{version}_{system}" for version in range(120, 134) for system in ("win", "mac", "linux")]
TOKEN = {"authorization": "Bearer lab"}


class Load:
    """`rate` requests a second from `threads` connections, until it is ended."""

    def __init__(self, number, rate, keys=1500, threads=8, seed=1):
        self.port, self.pause, self.keys = number, threads / rate, keys
        self.weights = [1 / (rank + 1) ** 0.9 for rank in range(keys)]
        self.over, self.counts, self.lock = threading.Event(), {}, threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(random.Random(seed * 100 + at),), daemon=True)
                        for at in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(10)

    def run(self, dice):
        """One client."""
        connection, due = None, time.monotonic() + dice.random() * self.pause
        while not self.over.is_set():
            time.sleep(max(0, due - time.monotonic()))
            due = max(due + self.pause, time.monotonic() - 1)
            # Now and then a new connection, so that each worker has some.
            if connection is None or dice.random() < 0.02:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                connection.request(*self.request(dice))
                answer = connection.getresponse()
                answer.read()
                self.count(answer.status)
            except (OSError, http.client.HTTPException):
                self.count("lost")
                connection = None

    def request(self, dice):
        """Method, path, body, headers."""
        rank, kind = dice.choices(range(self.keys), self.weights)[0], dice.random()
        if kind < 0.10:
            return "POST", "/api/v1/fingerprint/identify", identification(rank % 200), TOKEN
        if kind < 0.12:
            return "GET", "/api/v1/models/features", None, TOKEN
        if kind < 0.13:
            return "GET", profile(rank), None, {**TOKEN, "cache-control": "no-store"}
        if kind < 0.14:
            return "GET", f"/v1/fingerprints/profiles/unknown_{rank % 50}", None, TOKEN
        return "GET", profile(rank), None, TOKEN

    def count(self, outcome):
        """Counts one answer."""
        with self.lock:
            self.counts[outcome] = self.counts.get(outcome, 0) + 1


def profile(rank):
    """The path of a profile; a parameter that the service ignores makes many of the few."""
    return f"/v1/fingerprints/profiles/{BROWSERS[rank % len(BROWSERS)]}?sample={rank // len(BROWSERS)}"


def identification(number):
    """The body of an identification."""
    hello = base64.b64encode(f"hello {number}".encode()).decode()
    headers = {"user-agent": f"browser {number}"}
    return json.dumps({"tls_data": hello, "http_headers": headers, "session_id": f"session-{number:06}"})


def ask(number, path, delay=None):
    """One request on a connection of its own, whatever becomes of it."""
    connection = http.client.HTTPConnection("127.0.0.1", number, timeout=10)
    try:
        connection.request("GET", path, None, {**TOKEN, **({"x-demo-delay": delay} if delay else {})})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


def burst(number, path, size, delay):
    """`size` requests at once for one cold path; the service takes `delay` for it."""
    threads = [threading.Thread(target=ask, args=(number, path, delay), daemon=True) for _ in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
