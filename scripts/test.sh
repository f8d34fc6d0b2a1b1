#!/usr/bin/env bash
# Runs every stage, also after one that failed, and prints one summary. `make test` calls it.
#
# The last line, `N passed, M failed`, counts stages; each stage prints its own tests.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

readonly STAGES=(fmt clippy build unit wasm-test validate scenarios e2e failover backup monitoring conformance fuzz)
# These need what `build` makes.
readonly NEED_BUILD=' validate e2e failover backup monitoring conformance '

lines=()
passed=0 failed=0 built=yes

for stage in "${STAGES[@]}"; do
  printf '\n=== %s\n' "$stage"
  begun=$SECONDS
  if [ $built = no ] && [[ $NEED_BUILD == *" $stage "* ]]; then
    echo 'Not run: the build failed.'
    result='not run'
  elif "${MAKE:-make}" --no-print-directory "$stage"; then
    result=passed
  else
    result=FAILED
  fi
  [ "$result" = passed ] && passed=$((passed + 1)) || failed=$((failed + 1))
  [ "$stage" = build ] && [ "$result" != passed ] && built=no
  lines+=("$(printf '  %-10s %-8s %4d s' "$stage" "$result" $((SECONDS - begun)))")
done

printf '\n=== Summary\n'
printf '%s\n' "${lines[@]}"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
