#!lua flags=allow-oom
-- One look into L2. allow-oom: runs when memory is full, and is refused by a replica and by a master that has lost
-- its replicas, so neither can serve what is old.
-- KEYS: the hash of a primary key, the invalidation log, the bans. ARGV: the Vary names assumed, the variant's field,
-- the ban that would be of this URI.
-- Returns one bulk string: a letter, the log position `epoch:n`, `|`, then by letter
--   H  the entry: milliseconds since it was filled, `|`, its bytes
--   V  the Vary names differ from those assumed: the names, ask again
--   O  only variants other than this one
--   M  nothing, or only what was fetched before a ban
local epoch = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local n = 0
local log = redis.pcall('XINFO', 'STREAM', KEYS[2])
if not log.err then
  for i = 1, #log, 2 do
    if log[i] == 'entries-added' then n = log[i + 1] end
  end
end
local position = string.format('%s:%.0f|', epoch, n)
local found = redis.call('HMGET', KEYS[1], 'vary', ARGV[2])
if not found[1] then return 'M' .. position end
if found[1] ~= ARGV[1] then return 'V' .. position .. found[1] end
if not found[2] then return 'O' .. position end
local filled, in_epoch, at, start = string.match(found[2], '^(%d+)|(%x+):(%d+)|()')
if not filled then return 'H' .. position .. '0|' .. found[2] end
-- Further on than the log itself: what was before a flush. No ban can be told to be later.
if in_epoch == epoch and tonumber(at) > n then return 'M' .. position end
for _, ban in ipairs(redis.call('HMGET', KEYS[3], 'all', ARGV[3])) do
  local banned_in, banned_at = string.match(ban or '', '^(%x+):(%d+)')
  -- Admitted: fetched at the ban's place or later; with a ban of another master, fetched under the present one. A ban
  -- that cannot be read admits nothing.
  local admitted = not ban or (banned_in == in_epoch and tonumber(at) >= tonumber(banned_at))
    or (banned_in and banned_in ~= in_epoch and in_epoch == epoch)
  if not admitted then return 'M' .. position end
end
local time = redis.call('TIME')
local age = time[1] * 1000 + math.floor(time[2] / 1000) - filled
return string.format('H%s%.0f|', position, math.max(age, 0)) .. string.sub(found[2], start)
