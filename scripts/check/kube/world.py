"""What an overlay builds, and how its parts are found. No opinion here: those are in rules.py."""

import subprocess

import yaml

WORKLOADS = ("Deployment", "StatefulSet", "CronJob")


class World:
    """All objects that one folder builds."""

    def __init__(self, name, objects, variant=None):
        self.name = name
        self.objects = objects
        # The file of k8s/variants that was added to it.
        self.variant = variant

    @classmethod
    def build(cls, name, folder):
        """Builds a kustomize folder; raises RuntimeError with what kubectl says."""
        done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
        if done.returncode != 0 or done.stderr:
            raise RuntimeError(done.stderr.strip())
        return cls(name, [one for one in yaml.safe_load_all(done.stdout) if one])

    def and_file(self, path):
        """The same with the objects of a file, which belong to no step of deploy.sh."""
        added = list(yaml.safe_load_all(path.read_text()))
        for one in added:
            one["metadata"].setdefault("labels", {"fingerprint-cache/step": "redis"})
        return World(self.name, self.objects + added, path.name)

    def of(self, *kinds):
        """The objects of these kinds."""
        return [one for one in self.objects if one["kind"] in kinds]

    def get(self, kind, name):
        """The object of that name, or None."""
        return next((one for one in self.of(kind) if one["metadata"]["name"] == name), None)

    def workloads(self):
        """(object, pod template) of all that makes pods."""
        return [(one, template(one)) for one in self.of(*WORKLOADS)]

    def selected(self, labels):
        """The workloads whose pods have these labels."""
        return [one for one, pod in self.workloads() if labels.items() <= pod["metadata"]["labels"].items()]

    def containers(self):
        """(where, container) of all containers."""
        for one, pod in self.workloads():
            for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
                yield f"{called(one)} container {container['name']}", container


def template(workload):
    """The pod template of a workload."""
    spec = workload["spec"]
    return spec["jobTemplate"]["spec"]["template"] if workload["kind"] == "CronJob" else spec["template"]


def called(one):
    """Kind and name."""
    return f"{one['kind']} {one['metadata']['name']}"


def at(tree, *path, default=None):
    """What stands at the path, or the default."""
    for step in path:
        if not isinstance(tree, dict) or step not in tree:
            return default
        tree = tree[step]
    return tree
