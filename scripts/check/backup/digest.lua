-- Everything that a Redis holds, a line for each key: its name, when it ends (in ms, absolute), and the SHA-1 of what it has.
-- Leases are left out: they last seconds.
local lines, cursor = {}, '0'
local function flat(value)
  if type(value) ~= 'table' then return #tostring(value) .. ':' .. tostring(value) end
  local parts = {}
  for i, part in ipairs(value) do parts[i] = flat(part) end
  return '(' .. table.concat(parts) .. ')'
end
local function fields(key)
  local all, pairs_of = redis.call('HGETALL', key), {}
  for i = 1, #all, 2 do pairs_of[#pairs_of + 1] = { all[i], all[i + 1] } end
  table.sort(pairs_of, function(one, other) return one[1] < other[1] end)
  return pairs_of
end
local read = {
  string = function(key) return redis.call('GET', key) end,
  hash = fields,
  stream = function(key) return { redis.call('XRANGE', key, '-', '+'), redis.call('XINFO', 'STREAM', key)[14] } end,
}
repeat
  local page = redis.call('SCAN', cursor, 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    if not string.find(key, ':l:', 1, true) then
      local what = redis.call('TYPE', key).ok
      lines[#lines + 1] = string.format('%s %.0f %s', key, redis.call('PEXPIRETIME', key),
        redis.sha1hex(read[what] and flat(read[what](key)) or what))
    end
  end
until cursor == '0'
table.sort(lines)
return lines
