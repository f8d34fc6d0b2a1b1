# shellcheck shell=bash disable=SC2154
# Step 1: what has to be there before anything is changed.

readonly KEYS='webdis admin replica sentinel operator publisher'

step_prerequisites() {
  check 'kubectl and python3 are here' type -P kubectl python3
  check "k8s/overlays/$overlay builds" build
  pins
  if [ -x .tools/venv/bin/kubernetes-validate ]; then
    check 'schemas and policies hold (scripts/check/k8s.py)' .tools/venv/bin/python scripts/check/k8s.py
  else
    skip 'schemas and policies hold' 'kubernetes-validate is missing: run make setup'
  fi
  [ "$dry" = yes ] || [ "$reachable" = yes ] || stop 'no cluster can be reached.' "$(cat "$work/reach")"
  ask 'the API server is 1.30 or later (jobs by index, native sidecars, ContainerResource)' recent
  storage_class
  if [ "$overlay" = production ]; then
    ask 'three nodes are ready and take pods' nodes 3
    ask 'metrics.k8s.io is served (the autoscaler of webdis)' served v1beta1.metrics.k8s.io
  else
    ask 'a node is ready and takes pods' nodes 1
  fi
  [ "$mesh" = no ] || istio
  # Secrets are made in it before the rest comes.
  change 'make the namespace caching' namespace
  if [ "$overlay" = production ]; then passwords; fi
}

# fit_to_apply STEP: what nothing is applied without, asked by a step that runs alone; else step 1 has asked it.
fit_to_apply() {
  [ -n "$only" ] || return 0
  [ "$dry" = yes ] || [ "$reachable" = yes ] || stop 'no cluster can be reached.' "$(cat "$work/reach")"
  if [ "$1" = mesh ]; then module; return; fi
  registry
  pinned
  if [ "$overlay" = production ]; then passwords; fi
}

# An image is what its digest says. Those that nobody knows yet are asked of the registries.
pins() {
  local file=k8s/overlays/$overlay/kustomization.yaml
  registry
  if grep -q '# REPLACE$' "$file"; then
    change "pin $(grep -c '# REPLACE$' "$file") images in $file (k8s/pin.sh); commit the file" k8s/pin.sh "$file"
    [ "$dry" = no ] || return 0
    build
  fi
  pinned
}

# Whatever the comments say, what was built must not have a digest of zeros.
pinned() {
  must 'no image waits for its digest' lacks '# REPLACE$' "k8s/overlays/$overlay/kustomization.yaml"
  must 'no image that is applied has a digest of zeros' lacks 'sha256:0\{64\}' "$BUILT"
}

# The demo's fpcache is built and loaded into the node by that name.
registry() {
  [ "$overlay" = demo ] || must 'fpcache comes from a registry that exists (newName in the overlay)' \
    lacks 'image: registry[.]example[.]com/' "$BUILT"
}

# lacks PATTERN FILE
lacks() { [ -s "$2" ] && ! grep -n -m 3 "$1" "$2"; }

# What istio/ names is the module that was built, where it was pushed to.
module() {
  must 'the module has its digest, in istio/ (make image prints it)' lacks 'sha256:0\{64\}' "$work/mesh.yaml"
  must 'the module comes from a registry that exists' lacks 'oci://registry[.]example[.]com/' "$work/mesh.yaml"
}

recent() {
  python3 - "$work/version.json" <<'PY'
import json, re, sys
version = json.load(open(sys.argv[1]))
print("it is", version["gitVersion"])
numbers = int(version["major"]), int(re.match(r"\d+", version["minor"])[0])
sys.exit(numbers < (1, 30))
PY
}

# No default is needed where each claim names its own; a claim has one line `accessModes:`.
storage_class() {
  if [ "$(grep -c '^ *storageClassName: [^" ]' "$BUILT")" -eq "$(grep -c '^ *\(- \)\?accessModes:' "$BUILT")" ]; then
    say 'ok: each claim names its StorageClass'
    checked=$((checked + 1))
  else
    ask 'there is a default StorageClass' storage
  fi
}

storage() {
  k get storageclass -o json | python3 -c '
import json, sys
key = "storageclass.kubernetes.io/is-default-class"
found = [one for one in json.load(sys.stdin)["items"] if one["metadata"].get("annotations", {}).get(key) == "true"]
sys.exit(0 if found else "none is marked as default: mark one, or name one in each volumeClaimTemplate and claim (a patch in the overlay).")'
}

nodes() {
  k get nodes -o json | python3 -c '
import json, sys
def fit(node):
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])
    return ready and not any(one["effect"] != "PreferNoSchedule" for one in node["spec"].get("taints", []))
found = sum(map(fit, json.load(sys.stdin)["items"]))
sys.exit(0 if found >= int(sys.argv[1]) else f"{found} of {sys.argv[1]} nodes.")' "$1"
}

served() { k wait --for=condition=Available "apiservice/$1" --timeout=5s; }

istio() {
  check 'istio/ builds' mesh_build
  # A pluginConfig that the filter refuses would show nothing at first: proxies that run go on with the one before.
  if [ -x .tools/venv/bin/python ] && [ -x target/debug/fpcache ]; then
    check 'the filter takes what istio/ says to it (scripts/check/istio.py)' \
      .tools/venv/bin/python scripts/check/istio.py target/debug/fpcache istio
  else
    skip 'the filter takes what istio/ says to it' 'fpcache is missing: run make setup build'
  fi
  module
  ask 'istiod is available' k -n istio-system wait --for=condition=Available deployment -l app=istiod --timeout=5s
  ask 'istiod is 1.24 or later (native sidecars by annotation)' istio_recent
  ask 'Istio has WasmPlugin' k get crd wasmplugins.extensions.istio.io -o name
  ask 'the API is there (Deployment fingerprint-api)' k -n fingerprint-api get deployment fingerprint-api -o name
  # The namespace enforces `restricted`, and that refuses istio-init.
  [ "$overlay" = demo ] || ask "Istio's CNI plugin runs" cni
}

# Of each istiod that runs, as it says itself: version.BuildInfo{Version:"1.24.0", ...
istio_recent() {
  local pod pods said
  pods=$(k -n istio-system get pods -l app=istiod --field-selector=status.phase=Running \
    -o 'jsonpath={.items[*].metadata.name}')
  [ -n "$pods" ] || { echo 'no istiod runs'; return 1; }
  for pod in $pods; do
    said=$(k -n istio-system exec "$pod" -- pilot-discovery version) || return 1
    echo "$pod: $said"
    [[ $said =~ ([0-9]+)[.]([0-9]+) ]] || return 1
    ((BASH_REMATCH[1] > 1 || BASH_REMATCH[1] == 1 && BASH_REMATCH[2] >= 24)) || return 1
  done
}

cni() {
  [ -n "$(k get daemonset -A -l k8s-app=istio-cni-node -o name)" ] ||
    { echo 'no DaemonSet istio-cni-node: install it, or take `enforce: restricted` out of the overlay.'; return 1; }
}

namespace() {
  python3 - "$BUILT" <<'PY' | k apply --server-side --field-manager=fingerprint-cache --force-conflicts -f -
import sys
documents = open(sys.argv[1]).read().split("\n---\n")
print(next(one for one in documents if "\nkind: Namespace\n" in one))
PY
}

# Made by whatever keeps secrets in this cluster; here is only looked whether they are fit.
passwords() {
  must_ask 'the Secret redis-passwords is fit' fit_passwords
  must_ask 'the Secret warm-credentials has an authorization' has warm-credentials authorization
  must_ask 'the Secret backup-storage has an FPC_REMOTE' has backup-storage FPC_REMOTE
}

has() { c get secret "$1" -o json | python3 -c 'import json,sys; json.load(sys.stdin)["data"][sys.argv[1]]' "$2"; }

# No password is printed, nor put where `ps` shows it.
fit_passwords() {
  c get secret redis-passwords -o json >"$work/secret.json" || {
    echo "make it: kubectl create namespace caching; kubectl -n caching create secret generic redis-passwords $(
      for key in $KEYS; do printf -- '--from-literal=%s="$(openssl rand -hex 24)" ' "$key"; done)"
    return 1
  }
  python3 - "$work/secret.json" $KEYS <<'PY'
import base64, json, re, sys
data = {key: base64.b64decode(value).decode() for key, value in json.load(open(sys.argv[1])).get("data", {}).items()}
keys, faults = sys.argv[2:], []
for key in keys:
    word = data.get(key, "")
    if not re.fullmatch(r"[A-Za-z0-9._~-]{16,}", word):
        faults.append(f"{key}: missing, shorter than 16, or with characters other than A-Z a-z 0-9 . _ ~ -")
    if "demo-not-a-secret" in word:
        faults.append(f"{key}: is the demo's")
if len({data.get(key) for key in keys}) < len(keys):
    faults.append("two users have the same password")
sys.exit("\n  ".join(faults) or 0)
PY
}
