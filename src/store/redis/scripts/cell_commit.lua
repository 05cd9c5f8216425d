-- Applies a lock of this change. At the first cell of the change this is the commit, and records the outcome.
-- KEYS: cell, lock, and for the first cell also the outcome. ARGV: the id of the change, the TTL of the outcome (ms).
-- The layout of a lock: id (16 bytes), deadline (13 digits, ms), expiry of the value's key (13 digits, ms), length of the
-- first cell's name (5 digits), that name, value ('' to remove the cell).
-- Returns 1 if the lock is applied or was applied before, 0 if the lock does not exist any more.
local lock = redis.call('GET', KEYS[2])
if not lock or string.sub(lock, 1, 16) ~= ARGV[1] then
  if KEYS[3] and redis.call('GET', KEYS[3]) == 'committed' then
    return 1
  end
  return 0
end
local value = string.sub(lock, 48 + tonumber(string.sub(lock, 43, 47)))
if value == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], value, 'PXAT', string.sub(lock, 30, 42))
end
redis.call('DEL', KEYS[2])
if KEYS[3] then
  redis.call('SET', KEYS[3], 'committed', 'PX', ARGV[2])
end
return 1
