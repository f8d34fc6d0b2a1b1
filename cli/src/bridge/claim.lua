#!lua flags=allow-oom
-- Publishes for one of several bridges that heard the same event: who sets the claim first, publishes, at once, so that
-- no bridge can claim an event and die before it is published.
-- KEYS: the log, the bans, the claim. ARGV: how long the claim stands in ms, then all of publish.lua.
-- Returns `D` where another has published it, else what publish.lua returns. Where that fails, the claim is given back.
local function publish(KEYS, ARGV)
  -- PUBLISH
end
if not redis.call('SET', KEYS[3], '1', 'NX', 'PX', ARGV[1]) then return 'D' end
local arguments = {}
for i = 2, #ARGV do arguments[i - 1] = ARGV[i] end
local done, reply = pcall(publish, { KEYS[1], KEYS[2] }, arguments)
if not done then
  redis.call('DEL', KEYS[3])
  error(reply)
end
return reply
