"""The chain: started from the shipped files, with other ports and folders."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.request

import yaml

from .process import Process, Trouble, port, program
from .redis import Redis
from .trap import module

ROOT = pathlib.Path(__file__).resolve().parents[2]
ADMIN = {"FPCACHE_REDIS_PASSWORD": "fpc-local-admin"}
# What redis-exporter needs of Redis, and no more: no key, no CONFIG.
EXPORTER = ("exporter", "fpc-local-exporter", "resetkeys resetchannels -@all +ping +info +client|setname +slowlog|len"
            " +slowlog|get +latency|latest +latency|histogram")
HAPROXY = """
global
  maxconn 1000
defaults
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout check 1s
frontend redis
  mode tcp
  bind 127.0.0.1:{front}
  default_backend master
backend master
  mode tcp
  option tcp-check
  tcp-check send AUTH\\ admin\\ fpc-local-admin\\r\\n
  tcp-check expect string +OK
  tcp-check send info\\ replication\\r\\n
  tcp-check expect string role:master
  default-server check inter 500ms fall 1 rise 1 on-marked-down shutdown-sessions
{servers}
frontend stats
  mode http
  bind 127.0.0.1:{stats}
  http-request use-service prometheus-exporter if {{ path /metrics }}
"""
SENTINEL = """
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor fpc 127.0.0.1 {master} 2
sentinel auth-user fpc admin
sentinel auth-pass fpc fpc-local-admin
sentinel down-after-milliseconds fpc 1500
sentinel failover-timeout fpc 6000
"""


class Chain:
    """Everything, running. `programs` is the folder of fpcache and fingerprint-demo."""

    def __init__(self, programs, entries=10_000, interval="1s"):
        self.programs, self.entries, self.interval = pathlib.Path(programs).resolve(), entries, interval
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fpc-monitoring-"))
        self.all = []
        names = ["front", "stats", "webdis", "demo", "envoy", "admin", "bridge", "prometheus", "broken", "broken-admin"]
        for number in range(3):
            for kind in ("redis", "sentinel"):
                names += [f"{kind}-{number}", f"{kind}-{number}-exporter"]
        self.ports = {name: port() for name in names}

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.all):
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        """Starts all, each when what it needs is there."""
        self.redis = [self.start_redis(number) for number in range(3)]
        self.sentinels = [self.start_sentinel(number) for number in range(3)]
        self.haproxy = self.start_haproxy()
        self.webdis = self.start_webdis()
        demo = [self.programs / "fingerprint-demo", "--listen", self.at("demo"), "--delay", "20ms"]
        self.demo = self.run("demo", demo).listens(self.ports["demo"])
        for number in range(3):
            self.start_exporter(f"redis-{number}")
            self.start_exporter(f"sentinel-{number}")
        self.bridge = self.run("bridge", [self.programs / "fpcache", "bridge", "--listen", self.at("bridge"),
                                          "--sample-interval", "5s"], env=self.operator())
        self.bridge.listens(self.ports["bridge"])
        self.prometheus = self.start_prometheus()
        self.envoy = self.start_envoy("envoy", "admin")

    def at(self, name):
        """Address and port."""
        return f"127.0.0.1:{self.ports[name]}"

    def run(self, name, words, env=None):
        """Starts a process that ends with the chain."""
        process = Process(name, words, self.folder, cwd=ROOT, env=env)
        self.all.append(process)
        return process.start()

    def write(self, name, text):
        """A file in the chain's folder."""
        path = self.folder / name
        path.write_text(text)
        return path

    def operator(self):
        """The environment in which fpcache finds the master."""
        return {**ADMIN, "FPCACHE_REDIS": f"redis://admin@{self.at('redis-0')}", "FPCACHE_MASTER": "fpc",
                "FPCACHE_SENTINEL": ",".join(self.at(f"sentinel-{number}") for number in range(3))}

    def fpcache(self, *words):
        """Runs fpcache to its end."""
        done = subprocess.run([self.programs / "fpcache", *words], cwd=ROOT, env={**os.environ, **self.operator()},
                              capture_output=True, text=True, timeout=20, check=False)
        if done.returncode not in (0, 3):
            raise Trouble(f"fpcache {' '.join(words)}: {done.returncode} {done.stderr}{done.stdout}")

    def master(self):
        """A connection to the Redis that is master."""
        return Redis(self.master_port())

    def master_port(self):
        """The port of the master, as a Sentinel says."""
        with Redis(self.ports["sentinel-0"], user=None) as sentinel:
            return int(sentinel("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "fpc")[1])

    def start_redis(self, number):
        """A Redis of the shipped configuration: a copy, since Sentinel makes Redis rewrite its file."""
        own = self.folder / f"redis-{number}"
        own.mkdir()
        user, password, rights = EXPORTER
        acl = (ROOT / "envoy/users.acl").read_text().rstrip() + f"\nuser {user} on >{password} {rights}\n"
        shutil.copy(ROOT / "envoy/redis.conf", own)
        (own / "users.acl").write_text(acl)
        words = [program("redis-server", "redis-server"), own / "redis.conf", "--port", self.ports[f"redis-{number}"],
                 "--dir", own, "--aclfile", own / "users.acl", "--masteruser", "admin", "--masterauth",
                 "fpc-local-admin", "--repl-diskless-sync-delay", "0"]
        if number:
            words += ["--replicaof", f"127.0.0.1 {self.ports['redis-0']}"]
        process = self.run(f"redis-{number}", words)
        return process.listens(self.ports[f"redis-{number}"])

    def start_sentinel(self, number):
        """A Sentinel of three, with a quorum of two."""
        name = f"sentinel-{number}"
        file = self.write(f"{name}.conf", SENTINEL.format(
            port=self.ports[name], folder=self.folder, master=self.ports["redis-0"]))
        return self.run(name, [program("redis-server", "redis-server"), file, "--sentinel"]).listens(self.ports[name])

    def start_haproxy(self):
        """HAProxy, which leads to the master."""
        file = self.write("haproxy.cfg", HAPROXY.format(
            front=self.ports["front"], stats=self.ports["stats"],
            servers="\n".join(f"  server redis-{number} {self.at(f'redis-{number}')}" for number in range(3))))
        return self.run("haproxy", [program("haproxy", "haproxy"), "-db", "-f", file]).listens(self.ports["stats"])

    def start_webdis(self):
        """webdis, before HAProxy."""
        settings = json.loads((ROOT / "envoy/webdis.json").read_text())
        settings |= {"redis_port": self.ports["front"], "http_port": self.ports["webdis"]}
        file = self.write("webdis.json", json.dumps(settings))
        return self.run("webdis", [program("webdis", "webdis"), file]).listens(self.ports["webdis"])

    def start_exporter(self, target):
        """redis-exporter, as the user who may only what it needs; Sentinel knows no users."""
        name, env = f"{target}-exporter", {"REDIS_EXPORTER_CONFIG_COMMAND": "-"}
        if target.startswith("redis"):
            env |= {"REDIS_USER": EXPORTER[0], "REDIS_PASSWORD": EXPORTER[1]}
        words = [program("prometheus-redis-exporter", "prometheus-redis-exporter"), "-redis.addr",
                 f"redis://{self.at(target)}", "-web.listen-address", self.at(name)]
        return self.run(name, words, env=env).listens(self.ports[name])

    def start_prometheus(self):
        """Prometheus with the shipped jobs and rules, and those of a cluster."""
        settings = yaml.safe_load((ROOT / "monitoring/prometheus.yaml").read_text())
        settings["global"] = {"scrape_interval": self.interval, "evaluation_interval": self.interval}
        settings["rule_files"] = [str(ROOT / "monitoring" / name) for name in settings["rule_files"]]
        settings["scrape_configs"] += [{"job_name": f"fingerprint-cache-{kind}"} for kind in ("sentinel", "haproxy")]
        targets = {"fingerprint-cache": ["admin", "broken-admin"], "fingerprint-cache-haproxy": ["stats"],
                   "fingerprint-cache-bridge": ["bridge"]}
        for kind in ("redis", "sentinel"):
            targets[f"fingerprint-cache-{kind}"] = [f"{kind}-{number}-exporter" for number in range(3)]
        for job in settings["scrape_configs"]:
            job["static_configs"] = [{"targets": [self.at(name) for name in targets[job["job_name"]]]}]
        file = self.write("prometheus.yaml", yaml.safe_dump(settings))
        words = [program("prometheus", "prometheus"), f"--config.file={file}", "--log.level=warn",
                 f"--web.listen-address={self.at('prometheus')}", f"--storage.tsdb.path={self.folder / 'tsdb'}"]
        return self.run("prometheus", words).listens(self.ports["prometheus"])

    def start_broken(self, policy):
        """An Envoy whose module dies with its first request, under a failure policy."""
        (self.folder / "trap.wasm").write_bytes(module())

        def spoil(filter_config):
            filter_config["failure_policy"] = policy
            filter_config["vm_config"]["code"]["local"]["filename"] = str(self.folder / "trap.wasm")
            if policy != "FAIL_RELOAD":
                del filter_config["reload_config"]
        return self.start_envoy("broken", "broken-admin", spoil)

    def start_envoy(self, name, admin, change=None):
        """Envoy with the filter; the shipped configuration but for ports, L1's size and the patience with Redis."""
        settings = yaml.safe_load((ROOT / "envoy/envoy.yaml").read_text())
        # The one without TLS, which has the same filters.
        listener = settings["static_resources"]["listeners"][0]
        settings["static_resources"]["listeners"] = [listener]
        listener["address"]["socket_address"]["port_value"] = self.ports[name]
        settings["admin"]["address"]["socket_address"]["port_value"] = self.ports[admin]
        for cluster, there in zip(settings["static_resources"]["clusters"], ("demo", "webdis"), strict=True):
            endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
            endpoint["address"]["socket_address"]["port_value"] = self.ports[there]
        filters = listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
        config = next(one for one in filters if one["name"] == "fingerprint_cache")["typed_config"]["config"]
        plugin = json.loads(config["configuration"]["value"])
        plugin["memory"]["max_entries"] = self.entries
        # On a busy machine calls would end at 50 ms, and webdis before 0.1.20 (Debian's) then gives their replies to
        # others (webdis #212): damaged ones, to the filter. Nothing is to be wrong before something is made wrong.
        plugin["redis"]["timeout"] = "400ms"
        config["configuration"]["value"] = json.dumps(plugin)
        if change:
            change(config)
        file = self.write(f"{name}.json", json.dumps(settings))
        envoy = self.run(name, [ROOT / ".tools/bin/envoy", "-c", file, "--concurrency", "2", "--disable-hot-restart",
                                "--log-level", "warn"])

        def ready():
            with urllib.request.urlopen(f"http://{self.at(admin)}/ready", timeout=1) as answer:
                return answer.read().startswith(b"LIVE")
        return envoy.until(ready, "readiness")
