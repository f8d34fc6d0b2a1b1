# What the scripts have in common. They are POSIX sh, with redis-cli, awk, timeout and sha1sum.
#
# Each variable has the value for the pods as its default; `make failover` sets others, on one machine.
#
#   FPC_NODE           this pod, redis-0 or sentinel-0
#   FPC_DOMAIN         what follows the names of Services
#   FPC_HOST           how the others reach this one (and FPC_ANNOUNCE_PORT; FPC_BIND and FPC_PORT: where it listens)
#   FPC_CONFIG         the shipped configuration           FPC_SECRETS  a file for each password
#   FPC_RUN            for what is filled in, in memory    FPC_DATA     the volume
#   FPC_MASTER         what Sentinel calls the group
#   FPC_SENTINELS, FPC_REDISES   all of them, host:port    FPC_PATIENCE seconds to wait for others before giving up

: "${FPC_NODE:=$(uname -n)}" "${FPC_DOMAIN:=caching.svc.cluster.local}"
: "${FPC_CONFIG:=/etc/fpc}" "${FPC_SECRETS:=/etc/fpc-passwords}" "${FPC_RUN:=/run/fpc}" "${FPC_DATA:=/data}"
: "${FPC_BIND:=* -::*}" "${FPC_MASTER:=fpc}" "${FPC_PATIENCE:=120}" "${FPC_MAXMEMORY:=1408mb}"
: "${FPC_SENTINELS:=$(for n in 0 1 2; do printf 'sentinel-%s.redis-sentinel.%s:26379 ' $n "$FPC_DOMAIN"; done)}"
: "${FPC_REDISES:=$(for n in 0 1 2; do printf 'redis-%s.redis.%s:6379 ' $n "$FPC_DOMAIN"; done)}"

say() { printf '%s: %s\n' "$FPC_NODE" "$*" >&2; }
die() { say "$*"; exit 1; }

# password NAME: the password of that user. It goes into files of words, so it is made of what needs no quotes.
password() {
  word=$(cat "$FPC_SECRETS/$1") || die "the password $1 is missing: add it to the Secret redis-passwords."
  case $word in
  '' | *[!A-Za-z0-9._~-]*) die "the password $1 is empty or not made of A-Z a-z 0-9 . _ ~ - alone: make another." ;;
  esac
  printf %s "$word"
}

# render FILE: its lines without comments, each ${NAME} replaced by the variable of that name.
render() {
  awk '/^[ \t]*(#|$)/ { next }
    { while (match($0, /[$][{][A-Z_0-9]+[}]/)) {
        name = substr($0, RSTART + 2, RLENGTH - 3)
        if (!(name in ENVIRON)) { print FILENAME ": " name " is not set" > "/dev/stderr"; exit 1 }
        $0 = substr($0, 1, RSTART - 1) ENVIRON[name] substr($0, RSTART + RLENGTH)
      }
      print }' "$FPC_CONFIG/$1"
}

# ask HOST:PORT COMMAND... : asks a Redis or Sentinel, for two seconds at most; a password is taken from REDISCLI_AUTH.
ask() {
  address=$1
  shift
  timeout 2 redis-cli -h "${address%:*}" -p "${address##*:}" --no-auth-warning "$@" 2>/dev/null
}

# named: the host and port that at least two Sentinels name as master; nothing where they do not agree.
named() {
  for sentinel in $FPC_SENTINELS; do
    ask "$sentinel" SENTINEL get-master-addr-by-name "$FPC_MASTER" | tr '\n' ' '
    echo
  done | sort | uniq -c | awk '$1 >= 2 && NF == 3 { print $2, $3; exit }'
}
