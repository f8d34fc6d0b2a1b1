"""What the manifests tell fpcache to do, told to the real fpcache."""

import os
import pathlib
import signal
import subprocess
import tempfile
import time

from .world import at, template


def warm(fpcache, world):
    """The arguments of the warmers and every list, as far as `--dry-run` goes: it prints each URL."""
    for name in ("warm-full", "warm-hot"):
        spec = template(world.get("CronJob", name))["spec"]
        _, _, *arguments = spec["containers"][0]["args"]
        for config in _lists(spec["volumes"][0]):
            text = world.get("ConfigMap", config)["data"]["urls"]
            wanted = sum(bool(line) and not line.startswith("#") for line in text.splitlines())
            with tempfile.NamedTemporaryFile("w", suffix=".urls") as file:
                file.write(text)
                file.flush()
                command = [fpcache, "warm", file.name, *arguments, "--dry-run"]
                done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0 or len(done.stdout.splitlines()) != wanted:
                said = (done.stderr or done.stdout).strip()
                yield f"{name} with {config}: {wanted} URLs were to be read; it says: {said}"


def _lists(volume):
    """The names of the ConfigMaps in a volume."""
    sources = at(volume, "projected", "sources", default=[volume])
    return [source["configMap"]["name"] for source in sources]


def bridge(fpcache, world):
    """The arguments of the bridge and its map: it listens, tries to reach Redis, and ends when told to."""
    container = template(world.get("Deployment", "bridge"))["spec"]["containers"][0]
    maps = next(one for one in world.of("ConfigMap") if one["metadata"]["name"].startswith("bridge-map"))
    # Nothing listens at port 1, so it stays alone here.
    environment = {"FPCACHE_REDIS_PASSWORD": "none", **os.environ}
    for variable in container["env"]:
        if "value" in variable:
            environment[variable["name"]] = variable["value"]
    environment["FPCACHE_SENTINEL"] = "127.0.0.1:1"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "bridge.map")
        path.write_text(maps["data"]["bridge.map"])
        arguments = [str(path) if one == "/etc/fpc/bridge.map" else one for one in container["args"]]
        arguments = ["127.0.0.1:0" if one == "0.0.0.0:9464" else one for one in arguments]
        process = subprocess.Popen([fpcache, *arguments], env=environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    if process.returncode != 0 or '"listens"' not in said:
        yield f"fpcache {' '.join(container['args'])}: status {process.returncode}, and it says: {said.strip()}"
