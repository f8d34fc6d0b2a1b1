#!/usr/bin/env bash
# redis.sh [FPCACHE]: the shipped configuration of Redis, Sentinel and HAProxy (k8s/base/config), by the real programs.
#
# HAProxy reads its file; two Redis and two Sentinels start from the shipped scripts on this machine; then each user may
# do what it is there for, and no more. With the path of fpcache, also what that does as `operator`. `make failover` tests
# how all of it fails over; this takes some seconds.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly BASE=$PWD/k8s/base SCRIPTS=src/redis/scripts FPCACHE=${1:-}
PATH=$PATH:/usr/sbin:/usr/local/sbin
for program in haproxy redis-server redis-cli; do
  type -P $program >/dev/null || { echo "$program is missing: run \`make setup\`."; exit 1; }
done

room=$(mktemp -d)
started=()
cleanup() {
  for id in "${started[@]}"; do kill "$id" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$room"
}
trap cleanup EXIT

result=0
ok() { echo "ok: $1"; }
failed() { printf 'FAILED: '; printf '%s\n' "$@"; result=1; }

# expect WHAT WANTED GOT: whether the beginning is as wanted.
expect() { if [[ $3 == "$2"* ]]; then ok "$1"; else failed "$1" "  wanted: $2" "  got:    $3"; fi; }

# --- Files ----------------------------------------------------------------------------------------------------------

# The names of pods are not known here, and that is all that it may warn of.
if said=$(haproxy -c -f "$BASE/config/haproxy.cfg" 2>&1) && ! grep -v 'could not resolve' <<<"$said" | grep -q WARNING
then
  ok 'haproxy -c k8s/base/config/haproxy.cfg'
else
  failed 'haproxy -c k8s/base/config/haproxy.cfg' "$said"
fi

if said=$(for script in "$BASE"/scripts/*.sh; do sh -n "$script"; done 2>&1); then
  ok 'sh -n k8s/base/scripts/*.sh'
else
  failed 'sh -n k8s/base/scripts/*.sh' "$said"
fi

said=$(python3 - "$BASE/config/webdis.json" <<'PYTHON' 2>&1
import json, sys
conf = json.load(open(sys.argv[1]))
assert conf["acl"] == [{"disabled": ["*"]}, {"enabled": ["EVALSHA", "EVAL", "PING"]}], conf["acl"]
assert conf["redis_auth"] == "$FPC_PASSWORD_WEBDIS", "a password in the file"
print("fine")
PYTHON
) || true
expect 'webdis.json: EVALSHA, EVAL and PING alone, no password in it' fine "${said##*$'\n'}"

# What the five scripts call, and what webdis needs to call them: exactly that may its user.
called=$(grep -oh "redis\.p\?call('[A-Z]*'" $SCRIPTS/*.lua | grep -o '[A-Z]\+' | tr '[:upper:]' '[:lower:]' |
  sed 's/^xinfo$/xinfo|stream/')
wanted=$(printf '%s\n' "$called" eval evalsha ping | sort -u | paste -sd ' ')
for file in k8s/base/config/users.acl envoy/users.acl; do
  rights=$(grep '^user default ' $file | tr ' ' '\n' | sed -n 's/^+//p' | sort -u | paste -sd ' ')
  expect "$file: webdis may what the scripts call, and no more" "$wanted." "$rights."
done

# --- Two Redis, two Sentinels ---------------------------------------------------------------------------------------

# Ports from below those of outgoing connections.
ports=()
for ((port = 20000 + $$ % 10000; ${#ports[@]} < 7; port++)); do
  (: </dev/tcp/127.0.0.1/$port) 2>/dev/null || ports+=("$port")
done
mkdir "$room/secrets"
for user in webdis admin replica sentinel operator publisher; do printf 'check-%s' $user >"$room/secrets/$user"; done

export FPC_CONFIG=$BASE/config FPC_SECRETS=$room/secrets FPC_HOST=127.1 FPC_BIND=127.0.0.1 FPC_MAXMEMORY=32mb
export FPC_REDISES="127.1:${ports[0]} 127.1:${ports[1]}" FPC_SENTINELS="127.1:${ports[2]} 127.1:${ports[3]}"

# start SCRIPT NODE PORT
start() {
  mkdir -p "$room/$2/data"
  FPC_NODE=$2 FPC_PORT=$3 FPC_RUN=$room/$2/run FPC_DATA=$room/$2/data FPC_PATIENCE=20 \
    "$BASE/scripts/$1" >"$room/$2.log" 2>&1 &
  started+=($!)
}

# as USER COMMAND...: what the master says.
as() { redis-cli -p "${ports[0]}" --user "$1" --pass "check-${1/default/webdis}" --no-auth-warning "${@:2}" 2>&1; }
sentinel() { redis-cli -p "${ports[2]}" "$@" 2>&1; }

start start-redis.sh redis-0 "${ports[0]}"
start start-redis.sh redis-1 "${ports[1]}"
start start-sentinel.sh sentinel-0 "${ports[2]}"
start start-sentinel.sh sentinel-1 "${ports[3]}"
what='start-redis.sh and start-sentinel.sh: a master with a replica'
for ((tries = 0; tries < 150; tries++)); do
  as admin INFO replication | grep -q 'min_slaves_good_slaves:1' && break
  sleep 0.1
done
if [ $tries -lt 150 ]; then ok "$what"; else failed "$what" "$(tail -n 5 "$room"/*.log)"; exit 1; fi

id=$(sed -n 's/^sentinel myid //p' "$room/sentinel-0/data/sentinel.conf")
wanted=$(printf fpc/sentinel-0 | sha1sum | cut -c 1-40)
expect 'a Sentinel has the id that its name gives' "$wanted" "$id"

# --- Users ----------------------------------------------------------------------------------------------------------

# run SCRIPT KEYS-AND-ARGUMENTS...: as webdis does.
run() { as default EVAL "$(cat "$SCRIPTS/$1.lua")" "${@:2}"; }
position=$(run publish 2 fpc:log fpc:bans 60000 invalidate tag check)
expect 'webdis runs publish.lua' P "$position"
expect 'webdis runs sync.lua' W "$(run sync 2 fpc:log fpc:bans - 10 0123456789abcdef)"
position=$(run lookup 3 fpc:h fpc:l:h fpc:log names e:1 token 5000 -)
expect 'webdis runs lookup.lua' L "$position"
expect 'webdis runs lease.lua' K "$(run lease 1 fpc:l:h renew token 5000)"
position=${position#L}
expect 'webdis runs fill.lua' S "$(run fill 3 fpc:h fpc:l:h fpc:log names e:1 60000 "${position%%|*}" token entry)"

# refused USER COMMAND...: whether it may do none of these.
refused() {
  local command got told=()
  for command in "${@:2}"; do
    # shellcheck disable=SC2086 # into words
    got=$(as "$1" $command)
    [[ $got == NOPERM* ]] || told+=("  $command: $got")
  done
  if [ ${#told[@]} -eq 0 ]; then ok "$1 may not: $(printf '%s; ' "${@:2}")"; else failed "$1 may not" "${told[@]}"; fi
}
for user in default operator publisher replica sentinel; do
  refused $user 'KEYS x' FLUSHALL FLUSHDB 'CONFIG GET save' 'CONFIG SET maxmemory 1' 'ACL LIST' 'MODULE LIST' SHUTDOWN
done
refused admin 'KEYS x' FLUSHALL FLUSHDB
refused default 'GET other:key' 'DEL fpc:h' 'PUBLISH fpc:bridge x' 'SCAN 0'
refused operator 'SET other:key x' 'PUBLISH other x'
refused publisher 'GET fpc:h' 'DEL fpc:h' 'EVAL x 0' 'PUBLISH fpc:bridge x' 'PUBLISH __sentinel__:hello x' 'SUBSCRIBE cache:x' \
  'CLIENT LIST' 'CLIENT KILL x' INFO
for channel in invalidate update prewarm; do
  expect "publisher may PUBLISH cache:$channel" 0 "$(as publisher PUBLISH cache:$channel '{}')"
done
expect 'publisher may name its connection' OK "$(as publisher CLIENT SETNAME check)"
expect 'admin may CONFIG GET (an emergency)' save "$(as admin CONFIG GET save)"
expect 'probe needs no password for ROLE' master "$(as probe ROLE)"
expect 'probe may not read' NOPERM "$(as probe GET fpc:h)"
expect 'without a login nothing is told' NOAUTH "$(redis-cli -p "${ports[0]}" GET fpc:h 2>&1)"
expect 'everybody may ask a Sentinel for the master' 127.1 "$(sentinel SENTINEL get-master-addr-by-name fpc)"
expect 'nobody without a password may fail over' NOPERM "$(sentinel SENTINEL FAILOVER fpc)"
expect 'nobody without a password may change a Sentinel' NOPERM "$(sentinel SENTINEL SET fpc quorum 1)"

# --- Settings that other parts rely on ------------------------------------------------------------------------------

setting() { as admin CONFIG GET "$1" | tail -n 1; }
expect 'volatile-lru: log and bans are never evicted' volatile-lru "$(setting maxmemory-policy)"
expect 'a master without a replica refuses' 1 "$(setting min-replicas-to-write)"
expect 'RDB' '60 10000' "$(setting save)"
expect 'AOF' everysec "$(setting appendfsync)"

# --- fpcache as operator --------------------------------------------------------------------------------------------

if [ -n "$FPCACHE" ]; then
  export FPCACHE_REDIS=redis://operator@127.0.0.1 FPCACHE_REDIS_PASSWORD=check-operator FPCACHE_MASTER=fpc
  export FPCACHE_SENTINEL=127.0.0.1:${ports[2]},127.0.0.1:${ports[3]}
  for command in 'invalidate --all' 'invalidate --tag x' 'keys --by rule' 'inspect /v1/x'; do
    # shellcheck disable=SC2086 # into words
    if said=$("$FPCACHE" $command 2>&1) || ! grep -qi 'does not allow\|NOPERM' <<<"$said"; then
      ok "operator: fpcache $command"
    else
      failed "operator: fpcache $command" "$said"
    fi
  done
fi

# --- HAProxy --------------------------------------------------------------------------------------------------------

for n in 0 1 2; do
  export FPC_NAME_$n=127.1 FPC_REDIS_$n=127.0.0.1:"${ports[n]}" FPC_NAME_PORT_$n="${ports[n]}"
done
# Nobody is the third of each: two Sentinels are the quorum.
export FPC_REDIS_2=127.0.0.1:1 FPC_NAME_PORT_2=1
export FPC_SENTINEL_0=127.0.0.1:${ports[2]} FPC_SENTINEL_1=127.0.0.1:${ports[3]} FPC_SENTINEL_2=127.0.0.1:1
FPC_PORT=${ports[4]} FPC_METRICS_PORT=${ports[5]} FPC_VERDICT_PORT=${ports[6]} \
  haproxy -f "$BASE/config/haproxy.cfg" >"$room/haproxy.log" 2>&1 &
started+=($!)

# leads WANTED: where HAProxy leads to, `master` or `nowhere`, once that is what is wanted, or after six seconds.
leads() {
  for ((tries = 0; tries < 60; tries++)); do
    if redis-cli -p "${ports[4]}" --user probe --pass - --no-auth-warning ROLE 2>&1 | grep -qx master; then
      said=master
    else
      said=nowhere
    fi
    [ $said = "$1" ] && break
    sleep 0.1
  done
  echo $said
}
expect 'HAProxy leads to the master' master "$(leads master)"
kill "${started[3]}"
expect 'HAProxy leads nowhere when one Sentinel alone names a master' nowhere "$(leads nowhere)"

# --- What must not start --------------------------------------------------------------------------------------------

printf 'two words' >"$room/secrets/replica"
said=$(FPC_NODE=redis-9 FPC_PORT=1 FPC_RUN=$room/9 FPC_DATA=$room/9 "$BASE/scripts/start-redis.sh" 2>&1) &&
  said=started
expect 'a password that would have to be quoted is refused' 'redis-9: the password replica' "$said"
exit $result
