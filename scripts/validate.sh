#!/usr/bin/env bash
# validate.sh FPCACHE: every Envoy configuration in envoy/ is loaded by Envoy, module and plugin configuration included
# (`--mode validate` runs the filter's own check), and every plugin configuration is read by `fpcache check`, also that of
# the conformance tests. Then what scripts/check/ says of the manifests, of Redis' configuration and of the image.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

readonly ENVOY=.tools/bin/envoy FPCACHE=$1
[ -x $ENVOY ] || { echo 'Envoy is missing: run `make setup`.'; exit 1; }

# quietly WHAT COMMAND... : one line when it succeeds, all it says when it fails.
quietly() {
  local said
  if said=$("${@:2}" 2>&1); then echo "ok: $1"; else printf 'FAILED: %s\n%s\n' "$1" "$said"; return 1; fi
}

result=0 found=no
for file in envoy/*.yaml; do
  grep -q '^static_resources:' "$file" || continue
  found=yes
  quietly "envoy --mode validate -c $file" $ENVOY --mode validate --disable-hot-restart -l warn -c "$file" || result=1
  quietly "fpcache check $file" "$FPCACHE" check "$file" || result=1
done
quietly 'fpcache check tests/conformance/standard.json' "$FPCACHE" check tests/conformance/standard.json || result=1
[ $found = yes ] || { echo 'No configuration found.'; exit 1; }

if docker compose version >/dev/null 2>&1; then
  quietly 'docker compose config' docker compose -f envoy/compose.yaml config -q || result=1
fi

# checked COMMAND... : what a check says, as it stands.
checked() {
  printf -- '--- %s\n' "$*"
  "$@" || result=1
}

readonly PYTHON=.tools/venv/bin/python
checked $PYTHON scripts/check/istio.py --self-test
checked $PYTHON scripts/check/istio.py "$FPCACHE" istio k8s
checked $PYTHON scripts/check/k8s.py "$FPCACHE"
checked scripts/check/redis.sh "$FPCACHE"
checked scripts/image.sh plugin
exit $result
