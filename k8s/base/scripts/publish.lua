#!lua flags=allow-oom
-- Publishes notices: each an event in the log, and a ban for who did not hear it. allow-oom: it must not fail where
-- memory is full, and may be refused where its word would be lost.
-- KEYS: the invalidation log, the bans. ARGV: how long any entry lives at most, in ms, then op, scope and value of each
-- notice (of scope `all` the value means nothing: a URL can carry no empty one).
-- Returns `P` and the log position `epoch:n` after the last of them, which is the place of all their bans.
-- A ban is a field `<i or r>:<scope>:<value>` with its place and its time in ms. What this script does not know bans all;
-- `prewarm` bans nothing. Bans that have outlived all entries go when there are many. Should that not suffice, the older
-- half goes and one ban of all takes its place, up to the newest of them.
-- Whoever makes the log counts from the time in µs on, and leaves a word of that (`born`, among the bans): so no place is
-- used again after a flush, and whoever has read before it knows. Where only the log is gone it begins after all places
-- that are still known, whatever the clock says; numbers that no log reaches are none.
local most_events, most_bans, enough, half, most_places = 10000, 10000, 9000, 5000, 2 ^ 52
local letters = { invalidate = 'i', refresh = 'r' }
local scopes = { key = 1, uri = 1, prefix = 1, pattern = 1, tag = 1, rule = 1, all = 1 }
local epoch = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fields, id = {}, nil
local fresh = redis.pcall('XINFO', 'STREAM', KEYS[1]).err
local begins = time[1] * 1000000 + time[2]
if fresh and #ARGV > 3 then
  local known = redis.call('HGETALL', KEYS[2])
  for i = 2, #known, 2 do
    local at = tonumber(string.match(known[i], '^%x+:(%d+):') or string.match(known[i], '^%d+$'))
    if at and at >= begins and at < most_places then begins = at + 1 end
  end
  redis.call('HSET', KEYS[2], 'born', string.format('%.0f', begins))
end
for i = 2, #ARGV - 2, 3 do
  local op, scope, value = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if scope == 'all' then value = '' end
  id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', most_events, '*', 'op', op, 'scope', scope, 'value', value)
  if op ~= 'prewarm' then
    local known = letters[op] and scopes[scope]
    fields[#fields + 1] = known and letters[op] .. ':' .. scope .. ':' .. value or 'i:all:'
  end
end
if fresh and id then
  local added = math.floor((#ARGV - 1) / 3)
  redis.call('XSETID', KEYS[1], id, 'ENTRIESADDED', string.format('%.0f', begins + added))
end
local n = 0
local log = redis.pcall('XINFO', 'STREAM', KEYS[1])
if not log.err then
  for i = 1, #log, 2 do
    if log[i] == 'entries-added' then n = log[i + 1] end
  end
end
local function ban(at) return string.format('%s:%.0f:%.0f', epoch, at, now) end
for _, field in ipairs(fields) do redis.call('HSET', KEYS[2], field, ban(n)) end
local position = string.format('P%s:%.0f', epoch, n)
if redis.call('HLEN', KEYS[2]) <= most_bans then return position end

-- Of each ban that is not too old: where it stands in the present epoch, -1 in another one, the log's end if nobody can
-- tell. A ban of all makes those needless that stand no further on than itself; it is never lowered.
local bans, names, ranks, sorted, gone = redis.call('HGETALL', KEYS[2]), {}, {}, {}, {}
local all, least = -1, 0
for i = 1, #bans, 2 do
  local in_epoch, at, since = string.match(bans[i + 1], '^(%x+):(%d+):(%d+)$')
  local rank = in_epoch == epoch and tonumber(at) or -1
  if not in_epoch or #in_epoch ~= #epoch or not string.find(bans[i], '^[ir]:[^:]*:') then rank = n end
  if bans[i] == 'born' then
    names[#names + 1], ranks[#ranks + 1], sorted[#sorted + 1] = bans[i], math.huge, math.huge
  elseif since and now - tonumber(since) > tonumber(ARGV[1]) then
    gone[#gone + 1] = bans[i]
  elseif bans[i] ~= 'i:all:' then
    names[#names + 1], ranks[#ranks + 1], sorted[#sorted + 1] = bans[i], rank, rank
  elseif in_epoch == epoch then
    all = rank
  elseif rank == n then
    least = n
  end
end
local upto = all
if #names > enough then
  table.sort(sorted)
  upto = math.max(all, least, sorted[#sorted - half])
  for i = 1, #names do
    if ranks[i] <= upto then gone[#gone + 1] = names[i] end
  end
end
for i = 1, #gone, 1000 do
  redis.call('HDEL', KEYS[2], unpack(gone, i, math.min(i + 999, #gone)))
end
if upto > all then redis.call('HSET', KEYS[2], 'i:all:', ban(upto)) end
return position
