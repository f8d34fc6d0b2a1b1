# shellcheck shell=bash disable=SC2154
# Step 2: Redis with its replicas, Sentinels, and the way to the master.

step_redis() {
  [ -s "$BUILT" ] || build
  fit_to_apply redis
  apply redis
  local one
  for one in statefulset/sentinel statefulset/redis deployment/haproxy deployment/webdis; do
    result "$one is rolled out" rolled_out "$one"
  done
  await 60 'one Redis is the master, two copy from it' roles
  await 60 'the three Sentinels name the same master, which is that one' agreed
  await 60 'each Sentinel sees the quorum' quorum
  await 30 'webdis reaches the master through HAProxy (PING)' ping
  result 'nobody gets in without a password' locked
}

# Role by role, as the three say it.
role() { c exec "redis-$1" -c redis -- redis-cli --user probe --pass - --no-auth-warning ROLE; }

roles() {
  local n said master='' masters=0 replicas=0
  for n in 0 1 2; do
    said=$(role $n | head -n 4 | tr '\n' ' ')
    case $said in
    master\ *) masters=$((masters + 1)) master=redis-$n ;;
    slave\ *\ connected\ ) replicas=$((replicas + 1)) ;;
    esac
    echo "redis-$n: $said"
  done
  echo "$master" >"$work/master"
  [ $masters -eq 1 ] && [ $replicas -eq 2 ]
}

sentinel() { c exec "sentinel-$1" -c sentinel -- redis-cli -p 26379 SENTINEL "${@:2}"; }

agreed() {
  local n said
  for n in 0 1 2; do
    said=$(sentinel $n get-master-addr-by-name fpc | head -n 1)
    echo "sentinel-$n: $said"
    [ "$said" = "$(cat "$work/master").redis.caching.svc.cluster.local" ] || return 1
  done
}

quorum() {
  local n
  for n in 0 1 2; do sentinel $n ckquorum fpc | grep '^OK 3' || return 1; done
}

ping() { c exec "$(first webdis)" -c webdis -- wget -qO- -T 2 http://127.0.0.1:7379/PING | grep PONG; }

# As webdis' user, and by another way than the probes', who need none.
locked() { c exec redis-0 -c redis -- redis-cli PING 2>&1 | grep NOAUTH; }
