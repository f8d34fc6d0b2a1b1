#!/usr/bin/env bash
# Deploys an overlay in five steps, and stops at the first thing that is not true.
#
#   k8s/deploy.sh demo|production [--dry-run] [--context NAME] [--only STEP] [--without-mesh] [--report FILE]
#
#   1 prerequisites   tools, cluster, nodes, Istio, images, passwords
#   2 redis           Redis, Sentinel, HAProxy, webdis; one master, and everybody agrees on it
#   3 management      bridge, warmers, backup; a first backup is made
#   4 mesh            istio/; the filter is loaded beside the API
#   5 verification    a list is asked for twice, the second time the cache has all of it; writes the baseline
#
# Each step applies what is there and checks what came of it, so that it may be run again at any time. --dry-run changes
# nothing: what can be checked is checked, against the cluster too where one can be reached (`apply --dry-run=server`),
# what cannot is named, and where it would stop it says so and ends with 1. --only runs one step by its name, which then
# asks for itself what may not be missing (digests, passwords). The report is JSON, by default target/k8s/OVERLAY.json.
#
# Exit status: 0 all that was checked is true; 1 it is not; 2 wrong usage.
# shellcheck disable=SC2034 # the parts use them
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,/^# Exit/s/^# \{0,1\}//p' "$0" >&2; exit 2; }

overlay='' dry=no context='' only='' mesh=yes report=''
while [ $# -gt 0 ]; do
  case $1 in
  demo | production) overlay=$1 ;;
  --dry-run) dry=yes ;;
  --without-mesh) mesh=no ;;
  --context | --only | --report)
    [ $# -gt 1 ] || usage
    declare "${1#--}=$2"
    shift
    ;;
  *) usage ;;
  esac
  shift
done
[ -n "$overlay" ] || usage
case $only in '' | prerequisites | redis | management | mesh | verification) ;; *) usage ;; esac
readonly overlay dry context only mesh
readonly REPORT=${report:-target/k8s/$overlay.json}

for part in lib prerequisites redis management mesh verification; do
  # shellcheck source=/dev/null
  . "k8s/deploy/$part.sh"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
readonly work BUILT=$work/built.yaml

reach
for step in prerequisites redis management mesh verification; do
  [ -z "$only" ] || [ "$only" = $step ] || continue
  begin $step
  "step_$step"
done
finish
