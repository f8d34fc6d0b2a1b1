#!lua flags=allow-oom
-- One look into L2. allow-oom: runs when memory is full, and is refused by a replica and by a master that has lost
-- its replicas, so neither can serve what is old.
-- KEYS: the hash of a primary key, the lease of the variant, the invalidation log. ARGV: the Vary names assumed, the
-- variant's field, who asks (`-`: only looks), how long a lease lasts in ms, the fill not wanted again (`-`: none).
-- Whether an entry is banned its reader finds out: here it costs nothing, and the reader knows the bans by heart.
-- Returns one bulk string: a letter, the log position `epoch:n`, `|`, then by letter
--   H  the entry: milliseconds since it was filled, `|`, the id of that fill, `|`, its bytes
--   V  the Vary names differ from those assumed: the names, ask again
--   L  nothing, and the lease is now with who asks
--   W  nothing, and the lease is with another: the milliseconds left of it, `|`
--   U  nothing, and what comes is not for a cache
--   M  nothing, to who only looks
-- After L, W and M follows `o` where the key has only variants other than this one.
local epoch = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local n = 0
local log = redis.pcall('XINFO', 'STREAM', KEYS[3])
if not log.err then
  for i = 1, #log, 2 do
    if log[i] == 'entries-added' then n = log[i + 1] end
  end
end
local position = string.format('%s:%.0f|', epoch, n)
local found = redis.call('HMGET', KEYS[1], 'vary', ARGV[2])
if found[1] and found[1] ~= ARGV[1] then return 'V' .. position .. found[1] end
if found[1] and found[2] then
  local filled, in_epoch, at, fill, start = string.match(found[2], '^(%d+)|(%x+):(%d+)|(%x+)|()')
  if not filled then
    if ARGV[5] == '-' then return 'H' .. position .. '0|-|' .. found[2] end
  -- Further on than the log itself: what was before a flush. No ban can be told to be later.
  elseif fill ~= ARGV[5] and not (in_epoch == epoch and tonumber(at) > n) then
    local time = redis.call('TIME')
    local age = time[1] * 1000 + math.floor(time[2] / 1000) - filled
    return string.format('H%s%.0f|%s|', position, math.max(age, 0), fill) .. string.sub(found[2], start)
  end
end
local other = found[1] and not found[2] and 'o' or ''
if ARGV[3] == '-' then return 'M' .. position .. other end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[3] then
  -- A lease without an end is none of ours, and nobody would ever give it back.
  local left = redis.call('PTTL', KEYS[2])
  if left >= 0 and holder == 'U' then return 'U' .. position end
  if left >= 0 then return string.format('W%s%.0f|%s', position, left, other) end
end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return 'L' .. position .. other
