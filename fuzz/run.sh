#!/usr/bin/env bash
# Builds all fuzz targets once and runs each for EACH (20) seconds, JOBS (2) at a time; fails on any finding. `make fuzz` calls it.
#
#   fuzz/run.sh [TARGET...]
#
# New inputs go to fuzz/scratch, what fails to fuzz/artifacts; neither is committed. The corpus is only read.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

readonly EACH=${EACH:-20} JOBS=${JOBS:-2}
PATH=$PWD/.tools/bin:$PATH
type -P cargo-fuzz >/dev/null || { echo 'cargo-fuzz is missing: run `make setup`.'; exit 1; }

# Without a sanitizer, which would find what safe Rust does not let happen and needs an unstable compiler. Debug
# assertions and overflow checks are on.
build() {
  local log=fuzz/scratch/build.log
  cargo fuzz build -s none --target-dir fuzz/target "$@" >"$log" 2>&1 || { cat "$log"; return 1; }
}

# run SECONDS TARGET : runs one target; its whole output goes to its log.
run() {
  mkdir -p "fuzz/scratch/$2" "fuzz/artifacts/$2"
  local program
  program=$(echo fuzz/target/*/release/"$2")
  "$program" -max_total_time="$1" -timeout=10 -rss_limit_mb=2048 -dict=fuzz/words.dict -print_final_stats=1 \
    -artifact_prefix="fuzz/artifacts/$2/" "fuzz/scratch/$2" "fuzz/corpus/$2" >"fuzz/scratch/$2.log" 2>&1
  echo $? >"fuzz/scratch/$2.code"
}

# report TARGET : one line, and where it failed the end of its log with the way to see that again.
report() {
  local log=fuzz/scratch/$1.log executed begun input
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  begun=$(sed -n 's/^Done .* in \([0-9]*\) second.*/\1/p' "$log")
  if [ "$(cat "fuzz/scratch/$1.code")" = 0 ]; then
    printf '  %-14s %12s executions %5s s\n' "$1" "$executed" "$begun"
    return 0
  fi
  printf '  %-14s FAILED\n' "$1"
  tail -n 25 "$log"
  input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
  echo "See it again: $(echo fuzz/target/*/release/"$1") ${input:-(it wrote no input; its log is $log)}"
  return 1
}

mkdir -p fuzz/scratch
if [ $# -gt 0 ]; then targets=("$@"); else targets=(fuzz/fuzz_targets/*.rs); fi
targets=("${targets[@]##*/}") targets=("${targets[@]%.rs}")

begun=$SECONDS
build || exit 1
echo "Built in $((SECONDS - begun)) s; ${#targets[@]} targets, $EACH s each, $JOBS at a time"
export -f run
rm -f fuzz/scratch/*.code
printf '%s\n' "${targets[@]}" | xargs -P "$JOBS" -I {} bash -c "run $EACH {}"

failed=0
for target in "${targets[@]}"; do report "$target" || failed=$((failed + 1)); done
echo "$((${#targets[@]} - failed)) passed, $failed failed"
[ $failed -eq 0 ]
