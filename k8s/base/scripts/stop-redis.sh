#!/bin/sh
# preStop: a master hands over before it ends, so that nobody has to find out that it is gone. common.sh has the
# variables.
#
# Writes are held back first. Otherwise the old master would, for as long as the change takes, still tell publishers
# that its remaining replica has their notices, and all would be lost when that one follows the new master.
# Exit status: 0 it is no master (any more); 1 nobody took over, and it goes on. Kubernetes ends it all the same.
set -eu
# shellcheck source=k8s/base/scripts/common.sh
. "$(dirname "$0")/common.sh"
: "${FPC_HOST:=$FPC_NODE.redis.$FPC_DOMAIN}" "${FPC_PORT:=6379}"
: "${FPC_ANNOUNCE_PORT:=$FPC_PORT}" "${FPC_HANDOVER:=30}"
here=127.0.0.1:$FPC_PORT
me="$FPC_HOST $FPC_ANNOUNCE_PORT"

admin() { REDISCLI_AUTH=$admin ask "$here" --user admin "$@"; }

# Whether a replica has all that was written.
followed() {
  admin INFO replication | tr -d '\r' | awk -F'[:,=]' '
    /^slave[0-9]+:/ { for (i = 1; i < NF; i++) if ($i == "offset" && $(i + 1) + 0 > best) best = $(i + 1) + 0 }
    /^master_repl_offset:/ { end = $2 + 0 }
    END { exit !(best >= end) }'
}

# hand_over: asks one Sentinel after the other to make another the master; they know by themselves whether one is fit.
hand_over() {
  for sentinel in $FPC_SENTINELS; do
    [ "$(REDISCLI_AUTH=$word ask "$sentinel" --user sentinel SENTINEL FAILOVER "$FPC_MASTER")" = OK ] && return 0
  done
  return 1
}

admin=$(password admin) word=$(password sentinel)
# A machine under strain may not answer at once.
for _ in 1 2 3; do
  role=$(ask "$here" --user probe --pass - ROLE | head -n 1)
  [ -z "$role" ] || break
done
[ "$role" = master ] || exit 0
master=$(named)
[ -z "$master" ] || [ "$master" = "$me" ] || exit 0

# By the clock: what is asked may take seconds to answer, or not to. Held back for longer than the last round may last;
# whoever goes on as master is released below.
end=$(($(date +%s) + FPC_HANDOVER))
trap 'admin CLIENT UNPAUSE >/dev/null || true' EXIT
admin CLIENT PAUSE $(((FPC_HANDOVER + 15) * 1000)) WRITE >/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
  followed && break
  sleep 0.2
done

asked=no
while [ "$(date +%s)" -lt $end ]; do
  [ $asked = yes ] || ! hand_over || asked=yes
  master=$(named)
  if [ -n "$master" ] && [ "$master" != "$me" ]; then
    say "handed over to $master"
    trap - EXIT
    exit 0
  fi
  sleep 1
done
die "nobody took over in $FPC_HANDOVER s: see the logs of the Sentinels (no replica may be fit)."
