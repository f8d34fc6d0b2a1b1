# shellcheck shell=bash disable=SC2154
# Step 3: the bridge, the warmers, the backup.

step_management() {
  [ -s "$BUILT" ] || build
  fit_to_apply management
  apply management
  # Ready is whose /healthz says so: it hears the channels and can write the log.
  result 'both bridges hear and can write' rolled_out deployment/bridge
  local one
  for one in warm-full warm-hot backup; do result "the CronJob $one waits for its time" waits "$one"; done
  result 'a backup can be made' run_job backup 600
}

waits() { [ "$(c get cronjob "$1" -o 'jsonpath={.spec.suspend}')" = false ]; }

# run_job CRONJOB SECONDS [CONTAINER]: runs it once, now; its log, of that container or of all, is left in
# $work/CRONJOB.log. The cluster keeps the job if it fails.
run_job() {
  local name=$1-deploy state until=$((SECONDS + $2)) from=--all-containers
  [ $# -lt 3 ] || from=--container=$3
  # Of an earlier run.
  c delete job "$name" --ignore-not-found --wait --timeout=60s --request-timeout=70s || return 1
  c create job "$name" --from="cronjob/$1" || return 1
  # `kubectl wait` waits for one end, and a job has two.
  until state=$(c get job "$name" -o 'jsonpath={range .status.conditions[?(@.status=="True")]}{.type} {end}') &&
    [[ $state == *Complete* || $state == *Failed* ]]; do
    [ $SECONDS -lt $until ] || { echo "the job $name has not ended in $2 s"; return 1; }
    sleep 2
  done
  c logs "job/$name" "$from" >"$work/$1.log" || return 1
  cat "$work/$1.log"
  [[ $state == *Complete* ]] && c delete job "$name" --wait=false
}
