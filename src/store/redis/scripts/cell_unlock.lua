-- Removes a lock of an aborted change.
-- KEYS: lock. ARGV: the id of the change.
local lock = redis.call('GET', KEYS[1])
if lock and string.sub(lock, 1, 16) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
