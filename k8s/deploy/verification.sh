# shellcheck shell=bash disable=SC2154
# Step 5: the cache caches, and how fast it was on the day that it began.

step_verification() {
  if [ "$mesh" = no ]; then skip 'what was asked for once comes from the cache' '--without-mesh'; return; fi
  result 'the hot list can be had through the cache' warm first
  result 'asked for again, all of it is in the cache' warm second
  if [ "$dry" = yes ]; then say "would: write the baseline to $REPORT"; return; fi
  check "the baseline is in $REPORT" baseline
  say "$(cat "$REPORT")"
}

# warm RUN: the second must find everything there.
warm() {
  # Its sidecar writes JSON too, where Istio is told so.
  run_job warm-hot 600 warm >"$work/warm.out" || { cat "$work/warm.out"; return 1; }
  python3 k8s/deploy/baseline.py tally "$work/warm-hot.log" "$1" >"$work/warm-$1.json" ||
    { cat "$work/warm-$1.json"; return 1; }
}

# Figures to compare the next deployment with, from what is there anyway: the two runs, Redis, and the filter's own
# clock.
baseline() {
  local master
  roles >/dev/null && master=$(cat "$work/master") || return 1
  c exec "$master" -c redis -- redis-cli --user probe --pass - --no-auth-warning --raw --latency -i 1 \
    >"$work/latency" || return 1
  c get pods -o json >"$work/pods.json" || return 1
  lines 'stats?filter=fingerprint_cache_(l2|lookup)' P >"$work/histograms" || return 1
  mkdir -p "$(dirname "$REPORT")"
  python3 k8s/deploy/baseline.py report "$work" "$overlay" "$master" >"$REPORT"
}
