#!lua
-- Fills one variant. No allow-oom: a full Redis refuses, and what is there stays.
-- KEYS: the hash of a primary key, the lease of the variant, the invalidation log. ARGV: the Vary names, the variant's
-- field, its life in ms, the position of the lookup that went before its fetch, who fills, the entry.
-- Fenced: what was fetched after the lease was lost, before a flush or under another master is not stored; `F` says so.
-- Where the lease is marked (`U`), nobody holds it, and whoever comes may fill. What was fetched before a ban is stored:
-- its position tells every reader. Either way the lease is given back.
-- The hash lives as long as its longest variant. Other Vary names make the old variants unreachable: they go. A hash
-- over its number of variants starts anew, so nobody can grow it without bound.
local most_variants = 64
local holder = redis.call('GET', KEYS[2])
if holder == ARGV[5] then
  redis.call('UNLINK', KEYS[2])
elseif holder ~= 'U' then
  return 'F'
end
local epoch = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local in_epoch, at = string.match(ARGV[4], '^(%x+):(%d+)$')
if in_epoch ~= epoch then return 'F' end
local n = 0
local log = redis.pcall('XINFO', 'STREAM', KEYS[3])
if not log.err then
  for i = 1, #log, 2 do
    if log[i] == 'entries-added' then n = log[i + 1] end
  end
end
if tonumber(at) > n then return 'F' end
local names = redis.call('HGET', KEYS[1], 'vary')
if names and (names ~= ARGV[1] or redis.call('HLEN', KEYS[1]) > most_variants) then
  redis.call('UNLINK', KEYS[1])
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local head = string.format('%.0f|%s|%s|', now, ARGV[4], ARGV[5])
local left = redis.call('PTTL', KEYS[1])
redis.call('HSET', KEYS[1], 'vary', ARGV[1], ARGV[2], head .. ARGV[6])
if left < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 'S'
