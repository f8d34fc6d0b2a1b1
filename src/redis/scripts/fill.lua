#!lua
-- Fills one variant. No allow-oom: a full Redis refuses, and what is there stays.
-- KEYS: the hash of a primary key, the invalidation log, the bans. ARGV: the Vary names, the variant's field, its life
-- in ms, the position of the lookup that went before its fetch, the ban that would be of this URI, the entry.
-- Fenced: what was fetched before a ban, before a flush or under another master is not stored; `F` says so.
-- The hash lives as long as its longest variant. Other Vary names make the old variants unreachable: they go. A hash
-- over its number of variants starts anew, so nobody can grow it without bound.
local most_variants = 64
local epoch = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local in_epoch, at = string.match(ARGV[4], '^(%x+):(%d+)$')
if in_epoch ~= epoch then return 'F' end
local n = 0
local log = redis.pcall('XINFO', 'STREAM', KEYS[2])
if not log.err then
  for i = 1, #log, 2 do
    if log[i] == 'entries-added' then n = log[i + 1] end
  end
end
if tonumber(at) > n then return 'F' end
for _, ban in ipairs(redis.call('HMGET', KEYS[3], 'all', ARGV[5])) do
  local banned_in, banned_at = string.match(ban or '', '^(%x+):(%d+)')
  if ban and (not banned_in or (banned_in == epoch and tonumber(at) < tonumber(banned_at))) then return 'F' end
end
local names = redis.call('HGET', KEYS[1], 'vary')
if names and (names ~= ARGV[1] or redis.call('HLEN', KEYS[1]) > most_variants) then
  redis.call('UNLINK', KEYS[1])
end
local time = redis.call('TIME')
local filled = string.format('%.0f|%s|', time[1] * 1000 + math.floor(time[2] / 1000), ARGV[4])
local left = redis.call('PTTL', KEYS[1])
redis.call('HSET', KEYS[1], 'vary', ARGV[1], ARGV[2], filled .. ARGV[6])
if left < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 'S'
