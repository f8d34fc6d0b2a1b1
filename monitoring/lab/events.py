"""What can happen to the chain, good and bad."""
import contextlib
import signal
import time

from .load import ask, burst
from .process import Trouble
from .redis import Redis


def single_flight(chain, prometheus):
    """Many at once for a cold key: some wait for one answer, some wait too long for another."""
    burst(chain.ports["envoy"], "/v1/fingerprints/profiles/chrome_120_win?burst=short", 24, "300ms")
    # Twice: a counter appears with its first count, and of the first alone Prometheus could not see that it grew.
    for size, name in ((4, "long"), (64, "longer")):
        burst(chain.ports["envoy"], f"/v1/fingerprints/profiles/chrome_120_win?burst={name}", size, "1500ms")
        counted = 'fingerprint_cache_leases_total{outcome="timed_out"}'
        until("Prometheus to see who waited too long", lambda: prometheus.now(counted), 20)


def corrupt(chain):
    """Somebody else writes where only the filter should: every entry in Redis is damaged."""
    with chain.master() as redis:
        for key in redis("KEYS", "fpc:*"):
            if redis("TYPE", key) == b"hash" and key != b"fpc:bans":
                for field in redis("HKEYS", key):
                    if field.startswith(b"e:"):
                        redis("HSET", key, field, "damaged")


def unmapped(chain):
    """An event that the bridge's map cannot say."""
    with chain.master() as redis:
        redis("PUBLISH", "cache:invalidate", '{"event_type": "invalidate", "key_pattern": "nobody:knows:this"}')


def flush(chain):
    """Somebody empties Redis, log and all."""
    with chain.master() as redis:
        redis("FLUSHALL")


@contextlib.contextmanager
def full(chain):
    """Redis has no room for more than it holds."""
    with chain.master() as redis:
        redis("CONFIG", "SET", "maxmemory", int(info(redis, "memory")["used_memory"]))
        yield
        redis("CONFIG", "SET", "maxmemory", "256mb")


@contextlib.contextmanager
def frozen(process):
    """A process that stands still: connections stay open, nothing is answered."""
    process.signal(signal.SIGSTOP)
    yield
    process.signal(signal.SIGCONT)


@contextlib.contextmanager
def gone(process, number):
    """A process that was killed, and comes back on its port."""
    process.kill()
    yield
    process.start().listens(number)


@contextlib.contextmanager
def failover(chain):
    """The master is killed. When Sentinel has made another one master, what is in the block; then it comes back."""
    before = chain.master_port()
    killed = next(redis for number, redis in enumerate(chain.redis) if chain.ports[f"redis-{number}"] == before)
    with gone(killed, before):
        until("a failover", lambda: chain.master_port() != before, 25)
        yield
        # As k8s/base/scripts/start-redis.sh does, which asks the Sentinels first.
        killed.words += ["--replicaof", f"127.0.0.1 {chain.master_port()}"]
    until("the old master to follow the new one", lambda: linked(before), 20)


def linked(number):
    """Whether a Redis is a replica with a link to its master."""
    with contextlib.suppress(OSError), Redis(number) as redis:
        return info(redis, "replication").get("master_link_status") == "up"
    return False


def info(redis, section):
    """A section of INFO."""
    lines = redis("INFO", section).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def broken(chain, policy):
    """A VM that dies, under a failure policy."""
    envoy = chain.start_broken(policy)
    # Prometheus has to see it before the requests, and twice after them.
    time.sleep(1.5)
    for number in range(60):
        ask(chain.ports["broken"], f"/v1/fingerprints/profiles?broken={number}")
    time.sleep(2.5)
    envoy.stop()


def until(what, done, limit):
    """Waits for it."""
    deadline = time.monotonic() + limit
    while not done():
        if time.monotonic() > deadline:
            raise Trouble(f"waited {limit} s for {what} in vain.")
        time.sleep(0.1)
