# shellcheck shell=bash disable=SC2154
# What the steps have in common: how something is checked, changed, waited for, and said.

checked=0 unchecked=0 changed=0 stops=0 reachable=no step_number=0

say() { printf '%s\n' "$*"; }
begin() { step_number=$((step_number + 1)); printf '\n=== %s\n' "$1"; }
# stop SENTENCE [WHAT-TO-DO]: the end.
stop() {
  printf 'STOP: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  %s\n' "${@:2}" >&2
  exit 1
}

k() { kubectl ${context:+--context "$context"} --request-timeout=20s "$@"; }
c() { k -n caching "$@"; }

# reach: whether there is a cluster to ask.
reach() {
  if type -P kubectl >/dev/null && k get --raw /version >"$work/version.json" 2>"$work/reach"; then reachable=yes; fi
  readonly reachable
}

# check SENTENCE COMMAND... : true or the end.
check() {
  local said
  if said=$("${@:2}" 2>&1); then
    say "ok: $1"
    checked=$((checked + 1))
  else
    stop "not true: $1" "$said"
  fi
}

# ask SENTENCE COMMAND... : as check, of the cluster; named and left where a dry run has none.
ask() {
  if [ $reachable = yes ]; then check "$@"; else skip "$1" 'no cluster can be reached'; fi
}

# must SENTENCE COMMAND... : as check, of what nothing is applied without; a dry run says where it would stop, and goes on.
must() {
  local said
  if [ "$dry" = no ]; then check "$@"; return; fi
  if said=$("${@:2}" 2>&1); then
    say "ok: $1"
    checked=$((checked + 1))
  else
    say "would stop: not true: $1"
    say "  ${said//$'\n'/$'\n'  }"
    stops=$((stops + 1))
  fi
}

# must_ask SENTENCE COMMAND... : as must, of the cluster.
must_ask() {
  if [ $reachable = yes ]; then must "$@"; else skip "$1" 'no cluster can be reached'; fi
}

# result SENTENCE COMMAND... : as check, of what this step has just made; a dry run has not made it.
result() {
  if [ "$dry" = no ]; then check "$@"; else skip "$1" 'nothing was changed'; fi
}

# await SECONDS SENTENCE COMMAND... : asks once a second until it is true.
await() {
  if [ "$dry" = yes ]; then skip "$2" 'nothing was changed'; return; fi
  local until=$((SECONDS + $1)) said
  until said=$("${@:3}" 2>&1); do
    [ $SECONDS -lt $until ] || stop "not true within $1 s: $2" "$said"
    sleep 1
  done
  say "ok: $2"
  checked=$((checked + 1))
}

skip() {
  say "not checked: $1 ($2)"
  unchecked=$((unchecked + 1))
}

# change SENTENCE COMMAND... : does it, or says that it would.
change() {
  if [ "$dry" = yes ]; then say "would: $1"; return; fi
  local said
  said=$("${@:2}" 2>&1) || stop "could not: $1" "$said"
  say "done: $1"
  changed=$((changed + 1))
}

# apply STEP: the objects of that step.
apply() { apply_file "the objects of step $1 ($(count "$1"))" "$BUILT" -l "fingerprint-cache/step=$1"; }

# apply_file WHAT FILE [ARGUMENT...]: a dry run asks the API server what it would say. A field that somebody else has
# changed by hand is set back.
apply_file() {
  local arguments=(apply --server-side --field-manager=fingerprint-cache --force-conflicts -f "${@:2}")
  if [ "$dry" = no ]; then change "apply $1" k "${arguments[@]}"; return; fi
  say "would: apply $1"
  if [ $reachable = no ] || k get namespace caching >/dev/null 2>&1; then
    ask 'the API server would take them' k "${arguments[@]}" --dry-run=server
  else
    skip 'the API server would take them' 'it refuses all while there is no namespace caching'
  fi
}

# count STEP: how many objects that are.
count() { grep -c "^    fingerprint-cache/step: $1\$" "$BUILT" || true; }

# build: what the overlay is made of, with the digests that are pinned now.
build() { kubectl kustomize "k8s/overlays/$overlay" >"$BUILT"; }

# rolled_out OBJECT: of the StatefulSets the pods follow one another, and each may take a handover, the reading of its
# files and minReadySeconds.
rolled_out() {
  local limit=300
  [[ $1 != statefulset/* ]] || limit=900
  c rollout status "$1" --timeout=${limit}s --request-timeout=$((limit + 10))s
}

# first APP: the name of a running pod of that app.
first() { c get pods -l "app=$1" --field-selector=status.phase=Running -o 'jsonpath={.items[0].metadata.name}'; }

finish() {
  printf '\n%d true, %d changed, %d not checked\n' "$checked" "$changed" "$unchecked"
  [ $stops -eq 0 ] || { printf '%d would stop it\n' $stops; exit 1; }
}
