#!/bin/sh
# Starts a Sentinel with the shipped configuration and what it had learnt before. common.sh has the variables.
set -eu
# shellcheck source=k8s/base/scripts/common.sh
. "$(dirname "$0")/common.sh"
: "${FPC_HOST:=$FPC_NODE.redis-sentinel.$FPC_DOMAIN}" "${FPC_PORT:=26379}"
: "${FPC_ANNOUNCE_PORT:=$FPC_PORT}"

umask 077
FPC_PASSWORD_SENTINEL=$(password sentinel)
# The same for the same pod, for ever.
FPC_ID=$(printf %s "$FPC_MASTER/$FPC_NODE" | sha1sum | cut -c 1-40)
file=$FPC_DATA/sentinel.conf

# learnt WORD...: the lines of these words that it wrote there before.
learnt() {
  for word in "$@"; do grep -s "^sentinel $word " "$file" || true; done
}

# The master that it knew; a new one begins with the first of all. Names that nobody knows yet, or no more, do not keep
# it from starting: Sentinel asks for them again whenever it connects.
# shellcheck disable=SC2046 # into words
set -- $(learnt "monitor $FPC_MASTER")
if [ $# -lt 5 ]; then
  first=${FPC_REDISES%% *}
  set -- sentinel monitor "$FPC_MASTER" "${first%:*}" "${first##*:}"
fi
FPC_MASTER_HOST=$4 FPC_MASTER_PORT=$5

export FPC_HOST FPC_PORT FPC_ANNOUNCE_PORT FPC_BIND FPC_DATA FPC_ID FPC_MASTER FPC_MASTER_HOST FPC_MASTER_PORT
export FPC_PASSWORD_SENTINEL
render sentinel.conf >"$file.new"
learnt current-epoch "config-epoch $FPC_MASTER" "leader-epoch $FPC_MASTER" "known-replica $FPC_MASTER" \
  "known-sentinel $FPC_MASTER" >>"$file.new"
mv "$file.new" "$file"
unset FPC_PASSWORD_SENTINEL
say "watches $FPC_MASTER at $FPC_MASTER_HOST:$FPC_MASTER_PORT"
exec redis-server "$file" --sentinel
