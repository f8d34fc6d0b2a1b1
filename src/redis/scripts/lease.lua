#!lua flags=allow-oom
-- What else happens to a lease than to be taken (lookup) and used (fill). allow-oom: it takes no room.
-- KEYS: the lease of a variant. ARGV: what to do, who asks, and where it applies for how long in ms.
--   renew    keep it, if it is theirs
--   release  give it back, if it is theirs
--   mark     say that what comes is not for a cache, unless the lease is with another
-- Returns `K` where that was done and `F` where it was not.
local what, token = ARGV[1], ARGV[2]
local holder = redis.call('GET', KEYS[1])
if what == 'renew' and holder == token then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
elseif what == 'release' and holder == token then
  redis.call('UNLINK', KEYS[1])
elseif what == 'mark' and (not holder or holder == token) then
  redis.call('SET', KEYS[1], 'U', 'PX', ARGV[3])
else
  return 'F'
end
return 'K'
