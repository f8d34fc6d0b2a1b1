# What backup.sh checks with, sourced by it: processes by name, a master and its replica with the shipped configuration, Envoy.
# It needs WORK, SCRIPTS, CONFIG, HELPERS, ENVOY, and fail().

# All at once, or one might be given twice.
read -r MASTER REPLICA WEBDIS ORIGIN FRONT ADMIN S3 S3G M MG V VG F FG < <(python3 - <<'PY'
import socket
sockets = [socket.socket() for _ in range(14)]
for one in sockets:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))
PY
)

# start NAME COMMAND... : in the background, its log in NAME.log.
start() {
  local name=$1
  shift
  "$@" >"$WORK/$name.log" 2>&1 &
  process[$name]=$!
}

# stop NAME : at once, and waits for its end. Redis forgets a SIGTERM that comes while it writes its first AOF.
stop() {
  { kill -KILL "${process[$1]}" && wait "${process[$1]}"; } 2>/dev/null || true
  unset "process[$1]"
}

# await WHAT COMMAND... : at most 30 s.
await() {
  local what=$1 end=$((SECONDS + 30))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "$what: not after 30 s" "$WORK"/*.log
    sleep 0.05
  done
}

mkdir -p "$WORK"/{secrets,run,remote}
for user in webdis admin replica sentinel operator publisher; do printf %s "$user-password" >"$WORK/secrets/$user"; done
export FPC_SECRETS=$WORK/secrets FPC_REDISES="127.0.0.1:$MASTER 127.0.0.1:$REPLICA"

# render PORT FOLDER : the shipped configuration of Redis, filled in as start-redis.sh does it.
render() (
  export FPC_CONFIG=$CONFIG FPC_RUN=$2 FPC_DATA=$2 FPC_HOST=127.0.0.1 FPC_PORT=$1 FPC_ANNOUNCE_PORT=$1 FPC_BIND=127.0.0.1
  export FPC_MAXMEMORY=256mb
  local user
  # shellcheck source=/dev/null
  . "$SCRIPTS/common.sh"
  for user in webdis admin replica sentinel operator publisher; do export "FPC_PASSWORD_${user^^}=$user-password"; done
  mkdir -p "$2"
  render users.acl >"$2/users.acl"
  render redis.conf >"$2/redis.conf"
)

# redis NAME PORT FOLDER [MASTER'S PORT]
redis() {
  render "$2" "$3"
  [ $# -lt 4 ] || echo "replicaof 127.0.0.1 $4" >>"$3/redis.conf"
  start "$1" redis-server "$3/redis.conf"
  await "$1" answers "$2"
}
admin() { REDISCLI_AUTH=admin-password redis-cli -p "$1" --user admin --no-auth-warning "${@:2}"; }
answers() { [ "$(admin "$1" PING)" = PONG ]; }
linked() { admin "$1" INFO replication | grep -q 'master_link_status:up'; }
in_step() { [ "$(admin "$MASTER" WAIT 1 2000)" -ge 1 ]; }
digest() { admin "$1" --eval "$HELPERS/digest.lua"; }

group() { # group FOLDER : a master on what is there, and an empty replica of it
  redis master "$MASTER" "$1"
  rm -rf "$WORK/copy"
  redis replica "$REPLICA" "$WORK/copy" "$MASTER"
  await 'the replica has copied' linked "$REPLICA"
  await 'the replica follows' in_step
}

envoy() {
  # Times are not what is checked here, and must not depend on what else this machine does.
  sed -e "s/18000/$FRONT/; s/18001/$ADMIN/; s/18002/$ORIGIN/; s/18003/$WEBDIS/" \
    -e 's/"timeout": "50ms"/"timeout": "2s"/; s/connect_timeout: 0.025s/connect_timeout: 1s/' envoy/envoy.yaml >"$WORK/envoy.yaml"
  start envoy "$ENVOY" -c "$WORK/envoy.yaml" --concurrency 1 --disable-hot-restart -l warn
  await 'Envoy is ready' curl -sf "http://127.0.0.1:$ADMIN/ready"
}

# asked FROM-TO : the cache-status of each of these entries.
asked() {
  curl -s -o /dev/null -w '%header{cache-status}\n' -H 'authorization: Bearer me' \
    "http://127.0.0.1:$FRONT/v1/fingerprints/profiles/chrome_120_win?n=[$1]"
}
