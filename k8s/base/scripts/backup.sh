#!/bin/sh
# A snapshot of Redis, and a copy of it elsewhere.
#
#   backup.sh dump   in the redis image: has a replica write an RDB, checks it, puts it with its SHA-256 into FPC_SCRATCH
#   backup.sh ship   in the rclone image: copies it to FPC_REMOTE, reads it back, and removes all but the newest FPC_KEEP
#
# POSIX sh, since the rclone image has BusyBox alone. Each variable has the value for the pods as its default:
#
#   FPC_SCRATCH   where the two meet (an emptyDir)       FPC_REDISES   all Redis, host:port
#   FPC_SECRETS   a file for each password               FPC_PATIENCE  seconds that a snapshot may take
#   FPC_REMOTE    any remote of rclone (`backup:bucket/fpc`), or a directory; RCLONE_CONFIG_BACKUP_* say what `backup` is
#   FPC_KEEP      how many are kept
#
# A backup is `fpc-<time>-<random>.rdb` and, written after the copy was read back, `….rdb.sha256`. Without the second it
# is none: restore.sh does not see it, and it does not count among those that are kept.
set -eu
: "${FPC_DOMAIN:=caching.svc.cluster.local}" "${FPC_SECRETS:=/etc/fpc-passwords}"
: "${FPC_SCRATCH:=/scratch}" "${FPC_PATIENCE:=600}" "${FPC_KEEP:=42}"
: "${FPC_REDISES:=$(for n in 0 1 2; do printf 'redis-%s.redis.%s:6379 ' $n "$FPC_DOMAIN"; done)}"

say() { printf 'backup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# --- dump ----------------------------------------------------------------------------------------------------------

# The replica that has read furthest of those that are connected to their master, as host:port. Not the master: it alone
# answers lookups (replicas refuse them), and the fork for a snapshot costs it a pause and the pages copied meanwhile.
# Redis itself refuses a snapshot to others while a replica has lost its master, so it cannot be an old one.
freshest() {
  for redis in $FPC_REDISES; do
    # Role, host and port of its master, state, offset. The user `probe` has no password.
    role=$(timeout 5 env REDISCLI_AUTH=- redis-cli -h "${redis%:*}" -p "${redis##*:}" --user probe --no-auth-warning ROLE \
      2>/dev/null | tr '\n' ' ') || true
    case $role in
    "slave "*" connected "*) set -- $role; echo "$5 $redis" ;;
    esac
  done | sort -rn | { read -r _ best && echo "$best"; }
}

dump() {
  [ -r "$FPC_SECRETS/replica" ] || die "the password $FPC_SECRETS/replica is missing: mount the Secret redis-passwords."
  replica=$(freshest) ||
    die "none of $FPC_REDISES is a replica connected to its master: no snapshot now. See the alert RedisReplicationLag."
  name=fpc-$(date -u +%Y%m%dT%H%M%SZ)-$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n').rdb
  rm -f "$FPC_SCRATCH"/fpc-*
  REDISCLI_AUTH=$(cat "$FPC_SECRETS/replica")
  export REDISCLI_AUTH
  # A BGSAVE for a replica, sent over the connection instead of left on the disk of the other pod.
  timeout "$FPC_PATIENCE" redis-cli -h "${replica%:*}" -p "${replica##*:}" --user replica --no-auth-warning \
    --rdb "$FPC_SCRATCH/part" >&2 || die "$replica did not send a whole snapshot in $FPC_PATIENCE s: see its log."
  # To its last byte: an RDB ends in a checksum of its own.
  redis-check-rdb "$FPC_SCRATCH/part" >"$FPC_SCRATCH/check" ||
    { cat "$FPC_SCRATCH/check" >&2; die "what $replica sent is no whole RDB (above: redis-check-rdb)."; }
  mv "$FPC_SCRATCH/part" "$FPC_SCRATCH/$name"
  (cd "$FPC_SCRATCH" && sha256sum "$name" >"$name.sha256")
  say "$name from $replica, $(wc -c <"$FPC_SCRATCH/$name") bytes"
}

# --- ship ----------------------------------------------------------------------------------------------------------

# remote COMMAND ARGUMENT... : rclone without a configuration file, so that RCLONE_CONFIG_* in the environment is all.
remote() { rclone --config "" "$@"; }

# parted WHAT : of a listing, the RDBs that are backups (`whole`, the oldest first), or the files that are of none (`halves`).
parted() {
  sort | awk -v what="$1" '
    /^fpc-/ { file[++n] = $0; there[$0] = 1 }
    END {
      for (i = 1; i <= n; i++) {
        rdb = file[i]
        sub(/[.]sha256$/, "", rdb)
        whole = rdb ~ /[.]rdb$/ && (rdb in there) && (rdb ".sha256" in there)
        if (what == "whole" ? whole && file[i] == rdb : !whole) print file[i]
      }
    }'
}

# prune: by number, not by age: where backups fail for two weeks the last good ones stay. Two runs at once can only
# remove the same oldest ones, and names of what the other has removed are passed over.
prune() {
  remote lsf --files-only "$FPC_REMOTE" >"$FPC_SCRATCH/listing" || die "cannot list $FPC_REMOTE: nothing was removed."
  parted whole <"$FPC_SCRATCH/listing" >"$FPC_SCRATCH/whole"
  excess=$(($(wc -l <"$FPC_SCRATCH/whole") - FPC_KEEP))
  if [ $excess -gt 0 ]; then
    sed -n "1,${excess}{p;s/\$/.sha256/p;}" "$FPC_SCRATCH/whole" >"$FPC_SCRATCH/old"
    remote delete --files-from-raw "$FPC_SCRATCH/old" "$FPC_REMOTE" || die "could not remove old backups: the next run will."
  fi
  # What broke off. Of the last day it may still be on its way.
  remote lsf --files-only --min-age 1d "$FPC_REMOTE" >"$FPC_SCRATCH/aged" || die "cannot list $FPC_REMOTE."
  parted halves <"$FPC_SCRATCH/listing" | grep -Fx -f "$FPC_SCRATCH/aged" >"$FPC_SCRATCH/halves" || true
  [ ! -s "$FPC_SCRATCH/halves" ] || remote delete --files-from-raw "$FPC_SCRATCH/halves" "$FPC_REMOTE" ||
    die "could not remove what broken uploads left: the next run will."
  say "$(($(wc -l <"$FPC_SCRATCH/whole") - (excess > 0 ? excess : 0))) backups in $FPC_REMOTE"
}

ship() {
  : "${FPC_REMOTE:?backup: say where to: FPC_REMOTE, such as backup:bucket/fpc or a directory}"
  set -- "$FPC_SCRATCH"/fpc-*.rdb
  [ $# -eq 1 ] && [ -s "$1.sha256" ] || die "$FPC_SCRATCH holds no snapshot: run \`backup.sh dump\` before."
  file=$1 name=${1##*/}
  sum=$(cut -d ' ' -f 1 "$file.sha256")
  remote copyto "$file" "$FPC_REMOTE/$name" || die "$name did not reach $FPC_REMOTE: the backups there stay as they were."
  # Read back and compared, whatever checksums the storage itself has.
  arrived=$(remote cat "$FPC_REMOTE/$name" | sha256sum | cut -d ' ' -f 1)
  [ "$arrived" = "$sum" ] ||
    die "$name in $FPC_REMOTE is not what was sent ($arrived instead of $sum): it does not count, and nothing was removed."
  remote copyto "$file.sha256" "$FPC_REMOTE/$name.sha256" || die "$name has no checksum in $FPC_REMOTE: it does not count."
  say "$name in $FPC_REMOTE"
  prune
}

case ${1:-} in
dump | ship) "$1" ;;
*) die "usage: backup.sh dump|ship" ;;
esac
