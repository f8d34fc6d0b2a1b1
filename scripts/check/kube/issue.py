"""What was asked for, in numbers: the tables that rules.py compares with."""

# container: requests, which for memory are the limits too. The demo overlay may ask for less.
RESOURCES = {
    ("redis", "redis"): ("500m", "2Gi"),
    ("sentinel", "sentinel"): ("100m", "256Mi"),
    ("bridge", "bridge"): ("100m", "128Mi"),
    ("warm-full", "warm"): ("500m", "512Mi"),
    ("warm-hot", "warm"): ("500m", "512Mi"),
}
VOLUMES = {"redis": "10Gi", "sentinel": "1Gi"}
# Seconds for which a name may lead to the address that a pod had before (CoreDNS: 30), and some more.
SETTLED = 40
REPLICAS = {"redis": 3, "sentinel": 3, "bridge": 2}

# CronJob: schedule, and the longest a run may take. None: any schedule every six hours, any limit.
CRON = {
    "warm-full": (r"0 2 \* \* \*", 1800),
    "warm-hot": (r"\d+ \*/6 \* \* \*", 600),
    "backup": (r"\d+ \*/6 \* \* \*", None),
}

# Disruption budgets that keep a majority.
BUDGETS = {"redis": 2, "sentinel": 2}

# app: whether Istio injects a sidecar.
INJECTED = {
    "redis": "false", "sentinel": "false", "haproxy": "false", "bridge": "false", "backup": "false",
    "webdis": "true", "warm": "true",
}

# Who has to reach whom inside of the namespace, and nobody else does.
EDGES = {
    ("redis", "redis", 6379), ("sentinel", "redis", 6379), ("haproxy", "redis", 6379),
    ("bridge", "redis", 6379), ("backup", "redis", 6379),
    ("redis", "sentinel", 26379), ("sentinel", "sentinel", 26379), ("haproxy", "sentinel", 26379),
    ("bridge", "sentinel", 26379), ("backup", "sentinel", 26379),
    ("webdis", "haproxy", 6379),
}

# Whom other namespaces may reach, at which ports: Prometheus the pages, of every app; callers webdis; publishers HAProxy,
# and that only where the variant for them is applied.
PAGES = {9121, 9101, 9464, 15090}
INWARDS = {"webdis": {7379, 15008}}
VARIANTS = {"publishers.yaml": {"haproxy": {6379}}}
# Whom in other namespaces anybody here may reach.
OUTWARDS = {"kube-system": {53}, "istio-system": {15012}, "fingerprint-api": {8080}}

# What monitoring/ scrapes: app, port by name and number.
METRICS = {
    ("redis", "redis-exporter", 9121), ("sentinel", "redis-exporter", 9121), ("haproxy", "stats", 9101),
    ("bridge", "metrics", 9464),
}

# Secrets that come from outside, with the keys that may be asked of them.
SECRETS = {
    "redis-passwords": {"webdis", "admin", "replica", "sentinel", "operator", "publisher"},
    "warm-credentials": {"authorization"},
    "backup-storage": None,
}

STEPS = {"redis", "management"}
SERVICES = {
    "redis": ("redis", 6379), "redis-sentinel": ("sentinel", 26379), "redis-master": ("haproxy", 6379),
    "webdis": ("webdis", 7379), "bridge": ("bridge", 9464),
}
