#!/usr/bin/env python3
"""What one Redis group carries: the filter's own scripts on a real Redis, directly and through a real webdis.

    bench/scale.py [--seconds N]     each row three times for about N seconds (default 1); prints the tables of docs/scale.md

Two cores: the first for Redis, the second for who asks it, both for webdis. CPU time a call, the least of the three, is what
compares between machines; calls a second say what this one did while it also made the load. Nothing but Python, Redis,
webdis and wrk.
"""

import argparse
import hashlib
import json
import os
import pathlib
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "src/redis/scripts"
ADMIN, ADMIN_PASSWORD = "admin", "fpc-local-admin"
# A key as the filter writes it; the last 12 digits are drawn by redis-benchmark (`__rand_int__`) and scale.lua.
KEY = "fpc:3.1:profiles:00000000000000000000"
LEASE, FIELD, VARY = ":l:0", "e:" + "0" * 32, "v:"
TOKEN = "00000000000000ab"
# How many entries a run reads from and writes to.
KEYS = 20_000
# What an entry of the demo service has besides the answer (key, headers, times, checksum), seen by HSTRLEN.
HEAD = 545
ROUNDS = 3
SIZES = {"1 KiB": 1024 + HEAD, "8 KiB": 8192 + HEAD}


class Resp:
    """One connection to Redis, for what is set up and read: no load."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.file = self.socket.makefile("rb")
        self.ask("AUTH", ADMIN, ADMIN_PASSWORD)

    def ask(self, *words: object) -> object:
        self.send(*words)
        return self.read()

    def send(self, *words: object) -> None:
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        lines = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(b"*%d\r\n%s" % (len(parts), lines))

    def read(self) -> object:
        line = self.file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RuntimeError(f"Redis says: {rest.decode()}")
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest.decode()

    def info(self, field: str) -> str:
        text = self.ask("INFO", "everything").decode()
        return next(line.split(":", 1)[1] for line in text.splitlines() if line.startswith(field + ":"))


class Process:
    """A program on some cores, ended with this one."""

    alive: list["Process"] = []

    def __init__(self, folder: pathlib.Path, name: str, cores: str, *command: object) -> None:
        log = open(folder / f"{name}.log", "wb")
        words = ["taskset", "-c", cores, *map(str, command)]
        self.child = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder)
        Process.alive.append(self)

    def cpu(self) -> float:
        """CPU seconds of all its threads, by the scheduler."""
        tasks = pathlib.Path(f"/proc/{self.child.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def end(self) -> None:
        # Redis forgets a SIGTERM that comes while it writes its first AOF, and nothing here is to last.
        self.child.kill()
        self.child.wait()
        Process.alive.remove(self)


class Ground:
    """A Redis with the log begun, and the scripts loaded."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process = self.redis("redis", self.port)
        self.resp = until(lambda: Resp(self.port))
        self.sha = {}
        for name in ("lookup", "fill", "publish", "sync", "lease"):
            self.sha[name] = self.resp.ask("SCRIPT", "LOAD", (SCRIPTS / f"{name}.lua").read_bytes()).decode()
        self.resp.ask("EVALSHA", self.sha["sync"], 2, "fpc:log", "fpc:bans", "-", 1000)
        self.begin_replication()

    def redis(self, name: str, port: int, *more: object) -> Process:
        (self.folder / name).mkdir()
        shipped = [ROOT / "envoy/redis.conf", "--port", port, "--dir", self.folder / name, "--aclfile", ROOT / "envoy/users.acl"]
        # As in the cluster: an AOF, synced every second. No eviction: it would hide what entries take. No -BUSY: how long
        # the longest script takes is among the figures.
        durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory", "0", "--busy-reply-threshold", "0"]
        return Process(self.folder, name, "0", "redis-server", *shipped, *durable, *more)

    def begin_replication(self) -> None:
        """Once a replica was there, Redis keeps a backlog: its offset counts what replicas would be sent."""
        login = ("--masteruser", ADMIN, "--masterauth", ADMIN_PASSWORD)
        self.resp.ask("CONFIG", "SET", "repl-diskless-sync-delay", 0)
        replica = self.redis("replica", free_port(), "--replicaof", f"127.0.0.1 {self.port}", *login)
        until(lambda: "state=online" in self.resp.info("slave0"))
        replica.end()

    def position(self) -> str:
        reply = self.resp.ask("EVALSHA", self.sha["sync"], 2, "fpc:log", "fpc:bans", "-", 1000)
        return reply[1:].split(b"|", 1)[0].decode()

    def fill(self, number: int, size: int) -> None:
        """As the filter does: anybody may fill under a lease that is marked."""
        self.resp.send("EVALSHA", self.sha["fill"], 3, f"{KEY}{number:012d}", "fpc:marked", "fpc:log", VARY, FIELD,
                       1_800_000, self.at, TOKEN, entry(size))

    def fill_all(self, size: int) -> None:
        self.resp.ask("SET", "fpc:marked", "U", "PX", 3_600_000)
        self.at = self.position()
        for first in range(0, KEYS, 100):
            for number in range(first, first + 100):
                self.fill(number, size)
            if {self.resp.read() for _ in range(100)} != {b"S"}:
                raise RuntimeError("a fill was refused")

    def empty(self) -> None:
        """All but log and bans."""
        self.resp.ask("EVAL", "for i = 0, %d do redis.call('UNLINK', string.format('%s%%012d', i)) end" % (KEYS, KEY), 0)
        until(lambda: self.resp.info("lazyfree_pending_objects") == "0")


def entry(size: int) -> bytes:
    """So many bytes that LZF cannot shorten, as bodies that are compressed already."""
    digits = hashlib.shake_128(b"entry").hexdigest(size // 2 + 1)
    return digits[:size].encode()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(what, seconds: float = 10):
    """What `what` returns, as soon as that is something and no error."""
    end = time.monotonic() + seconds
    while True:
        try:
            if found := what():
                return found
        except (OSError, RuntimeError, StopIteration):
            if time.monotonic() > end:
                raise
        if time.monotonic() > end:
            raise RuntimeError(f"waited {seconds} s in vain")
        time.sleep(0.05)


def listens(port: int) -> bool:
    socket.create_connection(("127.0.0.1", port)).close()
    return True


# --- Redis alone -------------------------------------------------------------------------------------------------------


def benchmark(ground: Ground, seconds: float, *command: object, least: int = 0, draws: int = KEYS) -> dict:
    """A command from 32 connections, one at a time on each: calls a second, CPU of Redis and bytes to a replica a call."""
    def run(count: int) -> float:
        words = ["redis-benchmark", "-p", ground.port, "--user", ADMIN, "-a", ADMIN_PASSWORD, "-c", 32, "-r", draws, "-n", count,
                 "-q", "--csv", *command]
        begun = time.monotonic()
        done = subprocess.run(["taskset", "-c", "1", *map(str, words)], capture_output=True, text=True, timeout=120)
        if done.returncode != 0 or "rror" in done.stdout + done.stderr.replace("using a password with '-a'", ""):
            raise RuntimeError(f"redis-benchmark: {done.stdout}{done.stderr}")
        return time.monotonic() - begun

    count = max(int(2000 / max(run(2000), 0.02) * seconds), least)
    seen = []
    for _ in range(ROUNDS):
        cpu, offset = ground.process.cpu(), int(ground.resp.info("master_repl_offset"))
        took = run(count)
        sent = (int(ground.resp.info("master_repl_offset")) - offset) / count
        seen.append(((ground.process.cpu() - cpu) / count * 1e6, count / took, sent))
    cpus, rates, sent = zip(*seen)
    return {"cpu": min(cpus), "rate": max(rates), "sent": min(sent)}


def commands(ground: Ground, size: int) -> dict:
    key, sha = KEY + "__rand_int__", ground.sha
    lookup = ("EVALSHA", sha["lookup"], 3)
    return {
        "lookup, found": (*lookup, key, key + LEASE, "fpc:log", VARY, FIELD, TOKEN, 3000, "-"),
        "fill": ("EVALSHA", sha["fill"], 3, key, "fpc:marked", "fpc:log", VARY, FIELD, 1_800_000, ground.at, TOKEN,
                 entry(size).decode()),
    }


def redis_alone(ground: Ground, seconds: float) -> None:
    rows, sha = [], ground.sha
    for name, size in SIZES.items():
        ground.fill_all(size)
        ground.resp.ask("EVAL", "for i = 0, %d do redis.call('SET', string.format('plain:%%012d', i), ARGV[1]) end"
                        % (KEYS - 1), 0, entry(size))
        rows.append((f"GET, {name}", benchmark(ground, seconds, "GET", "plain:__rand_int__")))
        rows += [(f"{what}, {name}", benchmark(ground, seconds, *command)) for what, command in commands(ground, size).items()]
    ground.empty()
    missing = KEY + "__rand_int__"
    lookup = ("EVALSHA", sha["lookup"], 3, missing, missing + LEASE, "fpc:log", VARY, FIELD, TOKEN, 3000, "-")
    rows.append(("lookup, nothing (takes the lease)", benchmark(ground, seconds, *lookup)))
    sync = ("EVALSHA", sha["sync"], 2, "fpc:log", "fpc:bans", ground.position(), 1000)
    rows.append(("sync, nothing new", benchmark(ground, seconds, *sync)))
    publish = ("EVALSHA", sha["publish"], 2, "fpc:log", "fpc:bans", 691_200_000, "invalidate", "tag")
    rows.append(("publish, the same tag", benchmark(ground, seconds, *publish, "profile")))
    # Full of bans, so that making room for more is part of it: the oldest half goes, every 5,000 of them.
    many = ground.resp.ask(*publish[:6], *(word for number in range(11_000) for word in ("invalidate", "tag", f"old-{number}")))
    if not many.startswith(b"P"):
        raise RuntimeError(f"publish says {many!r}")
    ground.resp.ask("SLOWLOG", "RESET")
    rows.append(("publish, always another tag", benchmark(ground, seconds, *publish, "tag-__rand_int__", least=11_000, draws=10**9)))
    longest = min((entry[2] for entry in ground.resp.ask("SLOWLOG", "GET", 64) if entry[2] > 5000), default=0) / 1000
    floor = rows[0][1]["cpu"]
    print("| one Redis | CPU, µs a call | against a GET of 1 KiB | calls/s a core is good for | seen here | bytes to a replica |\n"
          "|---|---|---|---|---|---|")
    for name, row in rows:
        print(f"| {name} | {row['cpu']:.1f} | {row['cpu'] / floor:.1f} | {1e6 / row['cpu']:,.0f} | {row['rate']:,.0f} | {row['sent']:,.0f} |")
    print(f"\nOf the last row every 5,000th call takes {longest:.0f} ms: it makes room among the bans, and nobody else is answered.")


# --- Through webdis ----------------------------------------------------------------------------------------------------


def webdis(ground: Ground, threads: int) -> tuple[Process, int]:
    port = free_port()
    settings = json.loads((ROOT / "envoy/webdis.json").read_text())
    settings |= {"redis_port": ground.port, "http_port": port, "threads": threads}
    file = ground.folder / f"webdis-{threads}.json"
    file.write_text(json.dumps(settings))
    process = Process(ground.folder, f"webdis-{threads}", "0,1", "webdis", file)
    until(lambda: listens(port))
    return process, port


def ask_once(port: int, path: str) -> None:
    """Errors of Redis come with status 200 too, and wrk reads no answers: so one is read here."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        said = answer.read(100)
    if b"\r\nH" not in said:
        raise RuntimeError(f"no entry through webdis: {said!r}")


def lookups(ground: Ground, threads: int, seconds: float) -> list[float]:
    """CPU of webdis and of Redis a lookup, in µs; lookups a second; the times of half of them and of 99 of a hundred, in ms."""
    process, port = webdis(ground, threads)
    escaped = KEY.replace(".", "%2E")
    before = f"/EVALSHA/{ground.sha['lookup']}/3/{escaped}"
    after = f"/fpc:none/fpc:log/{VARY}/{FIELD}/-/3000/-.raw"
    ask_once(port, f"{before}{1:012d}{after}")
    words = ["wrk", "--threads", "1", "--connections", "32", "--duration", f"{max(round(seconds), 1)}s", "--script",
             ROOT / "bench/scale.lua", f"http://127.0.0.1:{port}/", "--", before, after, KEYS]
    cpu = (process.cpu(), ground.process.cpu())
    done = subprocess.run(["taskset", "-c", "1", *map(str, words)], capture_output=True, text=True, timeout=120)
    used = (process.cpu() - cpu[0], ground.process.cpu() - cpu[1])
    process.end()
    count, took, failed, p50, p99 = map(int, done.stdout.splitlines()[-1].split())
    if failed or not count:
        raise RuntimeError(f"{failed} of {count} lookups through webdis failed: {done.stdout}{done.stderr}")
    return [*(value / count * 1e6 for value in used), count / took * 1e6, p50 / 1000, p99 / 1000]


def through_webdis(ground: Ground, seconds: float) -> None:
    print("\n| lookups through webdis | CPU of webdis, µs a call | CPU of Redis, µs a call | seen here, calls/s | p50, ms | p99, ms |\n"
          "|---|---|---|---|---|---|")
    for name, size in SIZES.items():
        ground.fill_all(size)
        for threads in (1, 2, 4):
            best = min((lookups(ground, threads, seconds) for _ in range(ROUNDS)), key=lambda seen: seen[0] + seen[1])
            print(f"| {name}, {threads} thread{'s'[:threads - 1]} | {best[0]:.1f} | {best[1]:.1f} | {best[2]:,.0f} | {best[3]:.2f} | {best[4]:.2f} |")


# --- Memory ------------------------------------------------------------------------------------------------------------


def memory(ground: Ground) -> None:
    print("\n| memory | bytes an entry | of them not the answer | 100,000 entries |\n|---|---|---|---|")
    for name, size in SIZES.items():
        ground.empty()
        before = int(ground.resp.info("used_memory"))
        ground.fill_all(size)
        each = (int(ground.resp.info("used_memory")) - before) / KEYS
        body = size - HEAD
        print(f"| answer of {name} | {each:,.0f} | {each - body:,.0f} | {each * 1e5 / 2**20:,.0f} MiB |")
    for key, counted in (("fpc:log", "XLEN"), ("fpc:bans", "HLEN")):
        each = ground.resp.ask("MEMORY", "USAGE", key, "SAMPLES", 0) / ground.resp.ask(counted, key)
        print(f"| {key}: 10,000 at most, {each:,.0f} bytes each | | | {each * 1e4 / 2**20:,.1f} MiB |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1)
    seconds = parser.parse_args().seconds
    for program in ("redis-server", "redis-benchmark", "webdis", "wrk", "taskset"):
        if not shutil.which(program):
            sys.exit(f"{program} is missing: run `make setup`.")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("It needs two cores: one for Redis, one for who asks.")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="scale."))
    try:
        ground = Ground(folder)
        print(f"Redis {ground.resp.info('redis_version')}, {os.cpu_count()} cores, {platform.machine()}\n")
        redis_alone(ground, seconds)
        through_webdis(ground, seconds)
        memory(ground)
    finally:
        for process in list(Process.alive):
            process.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
