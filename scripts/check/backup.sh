#!/usr/bin/env bash
# Backup and restore, for real: the shipped Redis configuration, 1,000 entries that the real filter made, rclone to a
# directory and to SeaweedFS (an object store with an S3 interface), the scripts of the rclone image under BusyBox, a new
# Envoy on what was restored, and what a crash takes. No cluster: the containers around the scripts are not run here.
#
#   scripts/check/backup.sh [FPCACHE] [DEMO]    the built programs, by default those in target/debug
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin

readonly ROOT=$PWD TARGET=${CARGO_TARGET_DIR:-target}
readonly FPCACHE=${1:-$TARGET/debug/fpcache} DEMO=${2:-$TARGET/debug/fingerprint-demo}
readonly HELPERS=$ROOT/scripts/check/backup SCRIPTS=$ROOT/k8s/base/scripts CONFIG=$ROOT/k8s/base/config
readonly ENVOY=$ROOT/.tools/bin/envoy WEED=$ROOT/.tools/venv/bin/weed
RCLONE=$(type -P rclone) || true
readonly RCLONE ENTRIES=1000 KEPT=42

mkdir -p target
WORK=$(mktemp -d "$ROOT/target/check-backup.XXXXXX")
readonly WORK
declare -A process=()

finish() {
  local status=$?
  trap - EXIT
  { [ ${#process[@]} -eq 0 ] || kill -9 "${process[@]}" && wait; } 2>/dev/null || true
  # SeaweedFS leaves these, wherever TMPDIR is.
  for port in "${S3:-0}" "${S3G:-0}" "${MG:-0}" "${VG:-0}" "${F:-0}" "${FG:-0}"; do rm -f /tmp/seaweedfs-*-"$port".sock; done
  if [ $status -eq 0 ]; then rm -rf "$WORK"; else echo "FAILED; logs are in ${WORK#"$ROOT"/}"; fi
  exit $status
}
trap finish EXIT

ok() { printf 'ok: %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$1"; shift; for file in "$@"; do tail -n 30 "$file"; done; exit 1; }

for program in redis-server redis-check-rdb webdis rclone busybox curl cc python3 "$ENVOY" "$WEED"; do
  type -P "$program" >/dev/null || fail "$program is missing: run \`make setup\`."
done
for program in "$FPCACHE" "$DEMO" target/plugin.wasm; do
  [ -e "$program" ] || fail "$program is missing: run \`make build\`."
done

# shellcheck source=scripts/check/backup/processes.sh
. "$HELPERS/processes.sh"

# --- What runs -----------------------------------------------------------------------------------------------------

sed -e "s/18003/$WEBDIS/; s/18004/$MASTER/; s/fpc-local-webdis/webdis-password/" envoy/webdis.json >"$WORK/webdis.json"
printf '{"identities":[{"name":"backup","credentials":[{"accessKey":"key","secretKey":"secret"}],"actions":["Admin"]}]}' \
  >"$WORK/s3.json"
# A setting for other S3 clients, on which rclone 1.60 ends.
unset AWS_CA_BUNDLE
start weed env TMPDIR="$WORK/run" "$WEED" server -dir "$WORK/run" -ip 127.0.0.1 -ip.bind 127.0.0.1 -master.port "$M" -master.port.grpc "$MG" \
  -volume.port "$V" -volume.port.grpc "$VG" -filer.port "$F" -filer.port.grpc "$FG" -volume.max 5 \
  -master.volumeSizeLimitMB 64 -s3 -s3.iam=false -s3.port.iceberg 0 -s3.port.lance 0 -s3.port "$S3" -s3.port.grpc "$S3G" -s3.config "$WORK/s3.json"
group "$WORK/data"
start webdis webdis "$WORK/webdis.json"
start demo "$DEMO" --listen "127.0.0.1:$ORIGIN" --delay 0ms
envoy

# --- Scripts -------------------------------------------------------------------------------------------------------

# What the rclone image has: BusyBox and rclone, and nothing else; nor an environment.
mkdir -p "$WORK/image"
for applet in $(busybox --list); do ln -s "$(type -P busybox)" "$WORK/image/$applet"; done
ln -s "$RCLONE" "$WORK/image/rclone"

# in_rclone_image SCRIPT PHASE NAME=VALUE...
in_rclone_image() {
  env -i "PATH=${IMAGE:-$WORK/image}" "FPC_SCRATCH=$WORK/scratch" "FPC_REMOTE=$WORK/remote" "${@:3}" \
    "$WORK/image/sh" "$SCRIPTS/$1" "$2" >"$WORK/$1.log" 2>&1
}
in_redis_image() { env "FPC_SCRATCH=$WORK/scratch" "${@:3}" dash "$SCRIPTS/$1" "$2" >"$WORK/$1.log" 2>&1; }
dump() { mkdir -p "$WORK/scratch" && in_redis_image backup.sh dump || fail 'backup.sh dump' "$WORK/backup.sh.log"; }
ship() { in_rclone_image backup.sh ship; }
fetch() { in_rclone_image restore.sh fetch "$@"; }
prepare() { in_redis_image restore.sh prepare "FPC_DATA=$1" "${@:2}"; }
said() { grep -q "$2" "$WORK/$1.log" || fail "$1 does not say why: \`$2\` is missing" "$WORK/$1.log"; }
whole() { ls "$WORK/remote" | sed -n 's/[.]sha256$//p' | sort; }
readonly BUCKET=(FPC_REMOTE=backup:backups/fpc RCLONE_CONFIG_BACKUP_TYPE=s3 RCLONE_CONFIG_BACKUP_PROVIDER=Other
  RCLONE_CONFIG_BACKUP_ACCESS_KEY_ID=key RCLONE_CONFIG_BACKUP_SECRET_ACCESS_KEY=secret
  "RCLONE_CONFIG_BACKUP_ENDPOINT=http://127.0.0.1:$S3")

cmp -s "$SCRIPTS/publish.lua" src/redis/scripts/publish.lua ||
  fail "k8s/base/scripts/publish.lua is not the filter's: cp src/redis/scripts/publish.lua k8s/base/scripts/"
ok 'restore.sh bans with the publish.lua of the filter'

# --- Backup --------------------------------------------------------------------------------------------------------

asked "1-$ENTRIES" >/dev/null
filled() { [ "$(digest "$MASTER" | grep -c ':profiles:')" -eq $ENTRIES ]; }
await "$ENTRIES entries" filled
await 'the replica has them' in_step
digest "$MASTER" >"$WORK/before"
dump
said backup.sh "from 127.0.0.1:$REPLICA"
ok "the RDB comes from the replica: $(cat "$WORK"/scratch/fpc-*.rdb | wc -c) bytes"

# 43 older ones, one too many even before the new one comes; each with its checksum.
for day in $(seq -w 1 43); do
  name=fpc-20200101T0000$day'Z-0.rdb'
  echo "$day" >"$WORK/remote/$name"
  (cd "$WORK/remote" && sha256sum "$name" >"$name.sha256")
done
mkdir -p "$WORK/damaging"
cp -a "$WORK/image/." "$WORK/damaging"
rm "$WORK/damaging/rclone"
printf '#!/bin/sh\n%s "$@"\ncase "$*" in *copyto*.rdb) printf x | dd of="%s/$(basename "$5")" bs=1 seek=500 conv=notrunc 2>/dev/null ;; esac\n' \
  "$RCLONE" "$WORK/remote" >"$WORK/damaging/rclone"
chmod +x "$WORK/damaging/rclone"
IMAGE=$WORK/damaging ship && fail 'an upload that was damaged on its way is taken for good' "$WORK/backup.sh.log"
said backup.sh 'is not what was sent'
[ "$(whole | wc -l)" -eq 43 ] || fail 'a damaged upload counts, or something was removed for it'
ok 'an upload that arrives damaged does not count, and nothing is removed for it'

# timeout ends the whole group of processes, rclone too.
{ env RCLONE_BWLIMIT=64k "PATH=$WORK/image" "FPC_SCRATCH=$WORK/scratch" "FPC_REMOTE=$WORK/remote" \
  "$(type -P timeout)" -s KILL 1.5 "$WORK/image/sh" "$SCRIPTS/backup.sh" ship >"$WORK/backup.sh.log" 2>&1; } 2>/dev/null &&
  fail 'the upload was over before it could be interrupted'
# Newer ones than Debian's upload to `….partial`.
ls "$WORK"/remote/"$(basename "$WORK"/scratch/fpc-*.rdb)"* >/dev/null || fail 'nothing of the interrupted upload is there'
[ "$(whole | wc -l)" -eq 43 ] || fail 'an interrupted upload counts, or something was removed for it'
ok 'an upload that is killed halfway does not count, and the old ones stay'

# Two at once, from the same snapshot and from another one.
cp -r "$WORK/scratch" "$WORK/scratch2"
(cd "$WORK/scratch2" && for file in fpc-*; do mv "$file" "${file/fpc-2/fpc-3}"; done && sed -i 's/fpc-2/fpc-3/' -- *.sha256)
ship & first=$!
in_rclone_image backup.sh ship "FPC_SCRATCH=$WORK/scratch2" & second=$!
wait $first && wait $second || fail 'two runs at once' "$WORK/backup.sh.log"
rm "$WORK"/remote/fpc-3*
ship || fail 'backup.sh ship' "$WORK/backup.sh.log"
[ "$(whole | wc -l)" -eq $((KEPT - 1)) ] || fail "$(whole | wc -l) backups are left, not $KEPT less the one taken away"
[ "$(whole | head -n 1)" = fpc-20200101T000004Z-0.rdb ] || fail "the oldest left is $(whole | head -n 1)"
ok "two runs at once remove the oldest down to $KEPT, and neither removes more"

touch -d '3 days ago' "$WORK"/remote/fpc-20200101T000005Z-0.rdb "$WORK"/remote/fpc-20200101T000007Z-0.rdb.partial
rm "$WORK"/remote/fpc-20200101T00000[56]Z-0.rdb.sha256
ship
[ ! -e "$WORK/remote/fpc-20200101T000005Z-0.rdb" ] && [ ! -e "$WORK/remote/fpc-20200101T000007Z-0.rdb.partial" ] || fail 'the half of an upload from three days ago is still there'
[ -e "$WORK/remote/fpc-20200101T000006Z-0.rdb" ] || fail 'the half of an upload from today was removed: it may be under way'
ok 'what broken uploads left is removed after a day'

await 'SeaweedFS' env RCLONE_RETRIES=1 "${BUCKET[@]}" "$RCLONE" --config '' mkdir backup:backups
in_rclone_image backup.sh ship "${BUCKET[@]}" FPC_KEEP=2 || fail 'backup.sh ship to S3' "$WORK/backup.sh.log" "$WORK/weed.log"
for _ in 1 2; do
  dump
  in_rclone_image backup.sh ship "${BUCKET[@]}" FPC_KEEP=2 || fail 'backup.sh ship to S3' "$WORK/backup.sh.log" "$WORK/weed.log"
done
env "${BUCKET[@]}" "$RCLONE" --config '' lsf backup:backups/fpc >"$WORK/s3"
[ "$(grep -c 'rdb$' "$WORK/s3")" -eq 2 ] || fail 'S3 does not hold the two newest' "$WORK/s3"
in_rclone_image backup.sh ship "${BUCKET[@]}" RCLONE_CONFIG_BACKUP_SECRET_ACCESS_KEY=wrong RCLONE_RETRIES=1 RCLONE_LOW_LEVEL_RETRIES=1 &&
  fail 'SeaweedFS takes a wrong secret: this was no test of S3'
ok 'the same to S3 (SeaweedFS), which refuses a wrong secret'

# --- Restore -------------------------------------------------------------------------------------------------------

# What is invalidated after the backup; an entry fetched after that is not in it.
digest "$MASTER" >"$WORK/before"
dump && ship
FPCACHE_REDIS_PASSWORD=operator-password "$FPCACHE" invalidate --tag profile --no-count --redis "redis://operator@127.0.0.1:$MASTER" \
  >"$WORK/invalidate.log" || fail 'fpcache invalidate' "$WORK/invalidate.log"

fetch && prepare "$WORK/new" && fail 'restore.sh prepares while Redis runs'
said restore.sh 'is running'
ok 'nothing is restored under a Redis that runs'
for name in envoy replica master; do stop $name; done

newest=$(whole | tail -n 1)
cp "$WORK/remote/$newest" "$WORK/good"
printf x | dd of="$WORK/remote/$newest" bs=1 seek=700 conv=notrunc 2>/dev/null
fetch && fail 'a damaged backup is restored'
said restore.sh "FPC_NAME=$(whole | tail -n 2 | head -n 1)"
prepare "$WORK/new" && fail 'a damaged backup is restored'
cp "$WORK/good" "$WORK/remote/$newest"
fetch FPC_NAME=fpc-nothing.rdb && fail 'a backup that is not there is restored'
ok 'a damaged backup is refused, and the one before is named'

in_rclone_image restore.sh fetch "${BUCKET[@]}" || fail 'restore.sh fetch from S3' "$WORK/restore.sh.log"
fetch || fail 'restore.sh fetch' "$WORK/restore.sh.log"
mkdir -p "$WORK/moved/appendonlydir"
prepare "$WORK/moved" FPC_TRUST=yes || fail 'restore.sh prepare' "$WORK/restore.sh.log"
ls -d "$WORK"/moved/before-restore-*/appendonlydir >/dev/null || fail 'what was there was not set aside'
group "$WORK/moved"
for port in "$MASTER" "$REPLICA"; do
  digest "$port" >"$WORK/after"
  cmp -s "$WORK/before" "$WORK/after" || fail 'other keys, ends or values than before' <(diff "$WORK/before" "$WORK/after")
done
ok "a new Redis and its replica hold the same $(wc -l <"$WORK/before") keys, ends and values"

# The danger that restore.sh is made for: without its ban an answer from before the invalidation is served.
envoy
asked 1-20 >"$WORK/trusting"
[ "$(grep -c 'detail=l2' "$WORK/trusting")" -eq 20 ] || fail 'with FPC_TRUST=yes nothing is served from L2' "$WORK/trusting"
for name in envoy replica master; do stop $name; done
fetch && prepare "$WORK/new" || fail 'restore.sh prepare' "$WORK/restore.sh.log"
group "$WORK/new"
digest "$MASTER" >"$WORK/after"
[ "$(comm -12 <(grep -v -e '^fpc:log' -e '^fpc:bans' "$WORK/before") "$WORK/after" | wc -l)" -ge $ENTRIES ] ||
  fail 'entries are missing' <(diff "$WORK/before" "$WORK/after")
envoy
asked 1-100 >"$WORK/careful"
[ "$(grep -c 'fwd=' "$WORK/careful")" -eq 100 ] || fail 'what was invalidated after the backup is served' "$WORK/careful"
asked 1-100 >"$WORK/again"
[ "$(grep -c 'hit' "$WORK/again")" -eq 100 ] || fail 'what was fetched after the restore is not served' "$WORK/again"
ok 'a new Envoy serves nothing restored that was invalidated since (with FPC_TRUST=yes it does), and what it fetches anew'
for name in envoy replica master; do stop $name; done

# --- A crash -------------------------------------------------------------------------------------------------------

cc -shared -fPIC -O1 -o "$WORK/fsynced.so" "$HELPERS/fsynced.c" -ldl
mkdir -p "$WORK/crash" "$WORK/fsynced"

# crash : a Redis with the shipped configuration, alone and so without the need of a replica, is killed while it writes.
crash() {
  render "$MASTER" "$WORK/crash"
  echo 'min-replicas-to-write 0' >>"$WORK/crash/redis.conf"
  start master env FSYNCED="$WORK/fsynced" LD_PRELOAD="$WORK/fsynced.so" redis-server "$WORK/crash/redis.conf"
  await master answers "$MASTER"
  { python3 "$HELPERS/writer.py" "$MASTER" admin-password "${process[master]}" "$1" >"$WORK/acknowledged"
    stop master; } 2>"$WORK/writer.log"
}
# lost : of what was acknowledged, how much is gone after a restart, the age of the oldest of that in ms, and all.
lost() {
  start master redis-server "$WORK/crash/redis.conf"
  await master answers "$MASTER"
  read -r gone oldest all < <(awk -v last="$(admin "$MASTER" GET fpc:written)" '
    NR - 1 > last { n++; if (n == 1) oldest = $1 * 1000 }
    END { printf "%d %d %d\n", n, oldest, NR }' "$WORK/acknowledged")
  stop master
}
crash 1.7
lost
[ "$gone" -eq 0 ] || fail "a Redis that was killed lost $gone of $all acknowledged writes"
ok "kill -9: none of $all acknowledged writes is lost"
crash 2.7
for file in "$WORK"/crash/appendonlydir/*.incr.aof; do
  truncate -s "$(cat "$WORK/fsynced/$(basename "$file")" || echo 0)" "$file"
done
lost
[ "$gone" -gt 0 ] && [ "$oldest" -lt 2000 ] || fail "a loss of power took $gone of $all acknowledged writes, the oldest $oldest ms old"
ok "loss of power (what was not fsynced cut off): $gone of $all acknowledged writes are lost, all of the last $oldest ms"
