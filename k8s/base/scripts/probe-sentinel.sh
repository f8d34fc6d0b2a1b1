#!/bin/sh
# probe-sentinel.sh alive|ready: for the kubelet. Both questions are open to everybody.
#
#   alive  it answers
#   ready  it sees as many Sentinels as a failover needs
set -eu
ask() { redis-cli -h 127.0.0.1 -p "${FPC_PORT:-26379}" "$@" 2>&1 || true; }

case "${1:?alive or ready}" in
alive) said=$(ask PING) ;;
ready) said=$(ask SENTINEL CKQUORUM "${FPC_MASTER:-fpc}") ;;
esac
case $said in PONG | 'OK '*) exit 0 ;; esac
echo "not $1: $said"
exit 1
