#!/bin/sh
# Starts Redis as what two Sentinels say that it is: the master, or a replica of the one that they name. So an old
# master that comes back is a replica from its first moment. common.sh has the variables.
set -eu
# shellcheck source=k8s/base/scripts/common.sh
. "$(dirname "$0")/common.sh"
: "${FPC_HOST:=$FPC_NODE.redis.$FPC_DOMAIN}" "${FPC_PORT:=6379}"
: "${FPC_ANNOUNCE_PORT:=$FPC_PORT}"

# Whether this one has nothing, as after the loss of its volume, and another one has something: as master it would empty
# the others.
empties_others() {
  [ -z "$(ls -A "$FPC_DATA/appendonlydir" "$FPC_DATA/dump.rdb" 2>/dev/null)" ] || return 1
  for redis in $FPC_REDISES; do
    case $(REDISCLI_AUTH=$FPC_PASSWORD_OPERATOR ask "$redis" --user operator DBSIZE) in
    # Also one that still reads its files.
    [1-9]* | LOADING*) return 0 ;;
    esac
  done
  return 1
}

# The master by the Sentinels' word. They do not wait for Redis, so they will be there.
await_master() {
  waited=0 last=
  while :; do
    master=$(named) reason=
    if [ -z "$master" ]; then
      reason="no two Sentinels name the same master"
    elif [ "$master" = "$FPC_HOST $FPC_ANNOUNCE_PORT" ] && empties_others; then
      reason="the Sentinels name this one, whose volume is empty: waiting until they name another, to copy from it"
    else
      echo "$master"
      return
    fi
    [ "$reason" = "$last" ] || say "$reason"
    last=$reason
    [ $waited -lt "$FPC_PATIENCE" ] || die "gave up after $FPC_PATIENCE s ($reason). See the logs of the Sentinels."
    sleep 1
    waited=$((waited + 1))
  done
}

umask 077
mkdir -p "$FPC_RUN"
FPC_PASSWORD_WEBDIS=$(password webdis)
FPC_PASSWORD_ADMIN=$(password admin)
FPC_PASSWORD_REPLICA=$(password replica)
FPC_PASSWORD_SENTINEL=$(password sentinel)
FPC_PASSWORD_OPERATOR=$(password operator)
FPC_PASSWORD_PUBLISHER=$(password publisher)
export FPC_HOST FPC_PORT FPC_ANNOUNCE_PORT FPC_BIND FPC_RUN FPC_DATA FPC_MAXMEMORY
export FPC_PASSWORD_WEBDIS FPC_PASSWORD_ADMIN FPC_PASSWORD_REPLICA FPC_PASSWORD_SENTINEL FPC_PASSWORD_OPERATOR
export FPC_PASSWORD_PUBLISHER

render users.acl >"$FPC_RUN/users.acl"
render redis.conf >"$FPC_RUN/redis.conf"
master=$(await_master)
if [ "$master" = "$FPC_HOST $FPC_ANNOUNCE_PORT" ]; then
  say 'the Sentinels name this one'
else
  say "a replica of $master"
  echo "replicaof $master" >>"$FPC_RUN/redis.conf"
fi
unset FPC_PASSWORD_WEBDIS FPC_PASSWORD_ADMIN FPC_PASSWORD_REPLICA FPC_PASSWORD_SENTINEL FPC_PASSWORD_OPERATOR
unset FPC_PASSWORD_PUBLISHER
exec redis-server "$FPC_RUN/redis.conf"
