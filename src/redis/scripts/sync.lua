#!lua flags=allow-oom
-- What has happened since somebody last read. allow-oom: as with lookup, it is refused by a replica, which may be behind.
-- KEYS: the invalidation log, the bans. ARGV: the position they know (`-`: none), how many events they take at most,
-- which call it is.
-- Returns one bulk string: a letter, the log position `epoch:n`, `|`, which call it is, `|`, then by letter
--   E  the events from theirs to that position, the oldest first: of each op, scope and value, as netstrings
--   W  the log does not reach back to them: the epoch that the present one continues, `|`, Redis' time in ms, `|`, and
--      all bans: of each the field and the value, as netstrings
-- A netstring is a length, `:`, as many bytes, `,`.
-- Where there is no log it makes one, with an event that asks for nothing: see publish.lua.
local info = redis.call('INFO', 'replication')
local epoch = string.match(info, 'master_replid:(%x+)')
local n, length, deleted = 0, 0, '0-0'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local log = redis.pcall('XINFO', 'STREAM', KEYS[1])
if log.err and string.find(log.err, 'no such key') then
  local begins, bans = time[1] * 1000000 + time[2], redis.call('HGETALL', KEYS[2])
  for i = 2, #bans, 2 do
    local at = tonumber(string.match(bans[i], '^%x+:(%d+):') or string.match(bans[i], '^%d+$'))
    if at and at >= begins and at < 2 ^ 52 then begins = at + 1 end
  end
  redis.call('HSET', KEYS[2], 'born', string.format('%.0f', begins))
  local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10000, '*', 'op', 'prewarm', 'scope', 'uri', 'value', '-')
  redis.call('XSETID', KEYS[1], id, 'ENTRIESADDED', string.format('%.0f', begins + 1))
  log = redis.call('XINFO', 'STREAM', KEYS[1])
end
if not log.err then
  for i = 1, #log, 2 do
    if log[i] == 'entries-added' then n = log[i + 1] end
    if log[i] == 'length' then length = log[i + 1] end
    if log[i] == 'max-deleted-entry-id' then deleted = log[i + 1] end
  end
end
local reply = {}
local function add(text)
  reply[#reply + 1] = #text .. ':' .. text .. ','
end
local in_epoch, known = string.match(ARGV[1], '^(%x+):(%d+)$')
local missed = in_epoch == epoch and n - tonumber(known) or -1
if missed == 0 then return string.format('E%s:%.0f|%s|', epoch, n, ARGV[3]) end
-- Somebody who takes single events out of the log (trimming leaves no trace there) makes holes that nobody can see.
if missed > 0 and missed <= tonumber(ARGV[2]) and missed <= length and deleted == '0-0' then
  local events = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', missed)
  for i = #events, 1, -1 do
    local event, pairs_of = { op = '', scope = '', value = '' }, events[i][2]
    for j = 1, #pairs_of, 2 do event[pairs_of[j]] = pairs_of[j + 1] end
    add(event.op)
    add(event.scope)
    add(event.value)
  end
  return string.format('E%s:%.0f|%s|', epoch, n, ARGV[3]) .. table.concat(reply)
end
for _, text in ipairs(redis.call('HGETALL', KEYS[2])) do add(text) end
local before = string.match(info, 'master_replid2:(%x+)')
return string.format('W%s:%.0f|%s|%s|%.0f|', epoch, n, ARGV[3], before, now) .. table.concat(reply)
