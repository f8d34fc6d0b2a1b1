#!/bin/sh
# Puts a backup where a Redis starts from it. All Redis and Sentinels of the group are stopped before (docs/backup.md).
#
#   restore.sh fetch     in the rclone image: the newest backup of FPC_REMOTE, or FPC_NAME, into FPC_SCRATCH, verified
#   restore.sh prepare   in the redis image: makes of it what Redis starts from in FPC_DATA; what was there is set aside
#
# POSIX sh. Variables as in backup.sh, and:
#
#   FPC_NAME     a certain backup                          FPC_DATA    the volume of the Redis that will be the master
#   FPC_PREFIX   redis.key_prefix of the filter
#   FPC_TRUST    `yes`: nothing was invalidated since the backup, for certain (publishers stopped before it: a move)
#
# A backup does not know what was invalidated after it was made, and a filter that starts on it would serve that again.
# So the filter's own publish.lua, run before anybody can connect, bans everything that is in it: what it holds can be
# inspected and warmed from (`fpcache inspect`, `fpcache warm --hottest`), and is fetched once more before it is served.
set -eu
: "${FPC_DOMAIN:=caching.svc.cluster.local}" "${FPC_SCRATCH:=/scratch}" "${FPC_DATA:=/data}" "${FPC_PATIENCE:=600}"
: "${FPC_PREFIX:=fpc}" "${FPC_TRUST:=no}" "${FPC_NAME:=}"
: "${FPC_REDISES:=$(for n in 0 1 2; do printf 'redis-%s.redis.%s:6379 ' $n "$FPC_DOMAIN"; done)}"
here=$(dirname "$0")

say() { printf 'restore: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# --- fetch ---------------------------------------------------------------------------------------------------------

remote() { rclone --config "" "$@"; }

# The names of the backups that have their checksum, the newest first.
backups() {
  remote lsf --files-only "$FPC_REMOTE" | sort -r | awk '
    /^fpc-.*[.]rdb[.]sha256$/ { sum[substr($0, 1, length($0) - 7)] = 1 }
    /^fpc-.*[.]rdb$/ && $0 in sum'
}

fetch() {
  : "${FPC_REMOTE:?restore: say where from: FPC_REMOTE, such as backup:bucket/fpc or a directory}"
  all=$(backups) || die "cannot list $FPC_REMOTE."
  [ -n "$all" ] || die "$FPC_REMOTE holds no backup with its checksum."
  name=${FPC_NAME:-$(echo "$all" | head -n 1)}
  echo "$all" | grep -qxF -- "$name" || die "$FPC_REMOTE holds no backup $name. It has: $(echo "$all" | tr '\n' ' ')"
  rm -f "$FPC_SCRATCH"/fpc-*
  remote copy --include "/$name" --include "/$name.sha256" "$FPC_REMOTE" "$FPC_SCRATCH" || die "cannot read $name."
  (cd "$FPC_SCRATCH" && sha256sum -c "$name.sha256" >/dev/null 2>&1) || {
    rm -f "$FPC_SCRATCH"/fpc-*
    older=$(echo "$all" | grep -A 1 -xF -- "$name" | tail -n +2)
    die "$name is damaged: its SHA-256 is another. Nothing was restored. The one before: FPC_NAME=${older:-none}"
  }
  say "$name, verified"
}

# --- prepare -------------------------------------------------------------------------------------------------------

# A Redis that answers would write over the files, and whoever has data is copied from.
stopped() {
  for redis in $FPC_REDISES; do
    said=$(timeout 5 redis-cli -h "${redis%:*}" -p "${redis##*:}" PING 2>/dev/null) || continue
    case $said in
    PONG | NOAUTH* | LOADING* | MASTERDOWN*) die "$redis is running: scale the StatefulSets redis and sentinel to 0 first." ;;
    esac
  done
}

mine() { redis-cli -s "$FPC_SCRATCH/redis.sock" "$@"; }

# until_true WHAT COMMAND... : for FPC_PATIENCE seconds, while the private Redis lives.
until_true() {
  what=$1 waited=0
  shift
  until "$@"; do
    kill -0 "$server" 2>/dev/null || die "$what: Redis ended; its last words: $(tail -n 3 "$work/log")"
    [ $waited -lt $((FPC_PATIENCE * 5)) ] || die "$what: not after $FPC_PATIENCE s."
    sleep 0.2
    waited=$((waited + 1))
  done
}
answers() { [ "$(mine PING 2>/dev/null)" = PONG ]; }
rewritten() {
  mine INFO persistence | tr -d '\r' | awk -F: '
    /^aof_enabled:1/ || /^aof_rewrite_in_progress:0/ || /^aof_rewrite_scheduled:0/ || /^aof_last_bgrewrite_status:ok/ { n++ }
    END { exit n != 4 }' && [ -s "$work/appendonlydir/appendonly.aof.manifest" ]
}

prepare() {
  set -- "$FPC_SCRATCH"/fpc-*.rdb
  [ $# -eq 1 ] && [ -s "$1" ] || die "$FPC_SCRATCH holds no backup: run \`restore.sh fetch\` before."
  (cd "$FPC_SCRATCH" && sha256sum -c "${1##*/}.sha256" >/dev/null 2>&1) || die "${1##*/} is not what was fetched."
  stopped
  umask 077
  # On the volume itself, so that what is ready is moved and not copied.
  work=$FPC_DATA/restoring
  rm -rf "$work" && mkdir -p "$work" && cp "$1" "$work/dump.rdb"
  # Nobody can connect but who may open a socket in this directory.
  redis-server --port 0 --unixsocket "$FPC_SCRATCH/redis.sock" --dir "$work" --save "" --appendonly no >"$work/log" 2>&1 &
  server=$!
  trap 'kill "$server" 2>/dev/null || true' EXIT
  until_true "reading ${1##*/}" answers
  keys=$(mine DBSIZE)
  [ "$FPC_TRUST" = yes ] || ban
  # Redis with an AOF reads that and no RDB; one without reads the RDB. Both are there.
  mine SAVE >/dev/null
  mine CONFIG SET appendonly yes >/dev/null
  until_true "writing the AOF" rewritten
  mine SHUTDOWN NOSAVE >/dev/null 2>&1 || true
  wait "$server" || die "the files are not whole: Redis did not end well: $(tail -n 3 "$work/log")"
  trap - EXIT
  install_files
  say "${1##*/}: $keys keys that have not expired, in $FPC_DATA. Start Redis: redis-0, then the others, copy from there."
}

# ban: everything. 691200000 ms are the 8 days that any entry can live at most, as fpcache says it.
ban() {
  place=$(mine --eval "$here/publish.lua" "$FPC_PREFIX:log" "$FPC_PREFIX:bans" , 691200000 invalidate all -)
  case $place in
  P*:*) say "everything in it is banned at ${place#P}" ;;
  *) die "could not ban what is in it: $place" ;;
  esac
}

install_files() {
  aside=$FPC_DATA/before-restore-$(date -u +%Y%m%dT%H%M%SZ)
  for old in "$FPC_DATA/appendonlydir" "$FPC_DATA/dump.rdb"; do
    [ ! -e "$old" ] || { mkdir -p "$aside" && mv "$old" "$aside"; }
  done
  mv "$work/appendonlydir" "$work/dump.rdb" "$FPC_DATA"
  rm -rf "$work"
  [ ! -d "$aside" ] || say "what was there is in $aside: remove it when all is well"
}

case ${1:-} in
fetch | prepare) "$1" ;;
*) die "usage: restore.sh fetch|prepare" ;;
esac
