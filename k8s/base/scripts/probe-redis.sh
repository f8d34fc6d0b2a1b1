#!/bin/sh
# probe-redis.sh alive|ready: for the kubelet. The user `probe` may PING and ROLE and has no password.
#
#   alive  it answers, or is still reading its files
#   ready  it answers, and is the master or in sync with one
set -eu
ask() { redis-cli -h 127.0.0.1 -p "${FPC_PORT:-6379}" --user probe --pass - --no-auth-warning "$1" 2>&1 || true; }

case "${1:?alive or ready}" in
alive)
  said=$(ask PING)
  # A script that runs too long is no reason to lose a master.
  case $said in PONG | *LOADING* | *BUSY* | *MASTERDOWN*) exit 0 ;; esac
  ;;
ready)
  # A master: its name, an offset, its replicas. A replica: its name, host, port, state of the link, offset.
  said=$(ask ROLE | head -n 4 | tr '\n' ' ')
  case $said in master\ * | slave\ *\ connected\ ) exit 0 ;; esac
  ;;
esac
echo "not $1: $said"
exit 1
