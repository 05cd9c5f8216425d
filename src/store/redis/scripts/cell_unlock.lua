-- Takes away a lock of a change that was given up.
-- KEYS: lock. ARGV: the change's id.
local lock = redis.call('GET', KEYS[1])
if lock and string.sub(lock, 1, 16) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
