#!lua
-- Fills one variant. No allow-oom: a full Redis refuses, and what is there stays.
-- KEYS: the hash of a primary key. ARGV: the Vary names, the variant's field, its life in ms, the entry.
-- The hash lives as long as its longest variant. Other Vary names make the old variants unreachable: they go. A hash
-- over its number of variants starts anew, so nobody can grow it without bound.
local most_variants = 64
local names = redis.call('HGET', KEYS[1], 'vary')
if names and (names ~= ARGV[1] or redis.call('HLEN', KEYS[1]) > most_variants) then
  redis.call('UNLINK', KEYS[1])
end
local time = redis.call('TIME')
local filled = string.format('%.0f|', time[1] * 1000 + math.floor(time[2] / 1000))
local left = redis.call('PTTL', KEYS[1])
redis.call('HSET', KEYS[1], 'vary', ARGV[1], ARGV[2], filled .. ARGV[4])
if left < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 'S'
