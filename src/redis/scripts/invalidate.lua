#!lua flags=allow-oom
-- Bans all that was fetched for some URIs so far, under whatever rule, key and variant it is stored. allow-oom: it must
-- not fail where memory is full, and may be refused where its word would be lost.
-- KEYS: the invalidation log, the bans. ARGV: how long any entry lives at most, in ms, then a ban's field for each URI.
-- An event in the log gives each ban its place there. Bans that have outlived all entries go when there are many; should
-- that not suffice, one ban of all takes the place of all.
local most_bans, most_events = 10000, 10000
local epoch = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', most_events, '*', 'op', 'invalidate', 'scope', 'uri', 'value', ARGV[i])
end
local n = 0
local log = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #log, 2 do
  if log[i] == 'entries-added' then n = log[i + 1] end
end
local ban = string.format('%s:%.0f:%.0f', epoch, n, now)
for i = 2, #ARGV do
  redis.call('HSET', KEYS[2], ARGV[i], ban)
end
if redis.call('HLEN', KEYS[2]) > most_bans then
  local bans = redis.call('HGETALL', KEYS[2])
  for i = 1, #bans, 2 do
    local since = string.match(bans[i + 1], ':(%d+)$')
    if bans[i] ~= 'all' and now - (tonumber(since) or 0) > tonumber(ARGV[1]) then
      redis.call('HDEL', KEYS[2], bans[i])
    end
  end
  if redis.call('HLEN', KEYS[2]) > most_bans then
    redis.call('UNLINK', KEYS[2])
    redis.call('HSET', KEYS[2], 'all', ban)
  end
end
return 'I'
