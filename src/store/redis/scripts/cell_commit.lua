-- Applies what a lock of this change holds. At the change's first cell this is the commit, and its outcome is kept.
-- KEYS: cell, lock, and at the first cell also the outcome. ARGV: the change's id, for how long the outcome is kept (ms).
-- A lock is: id (16 bytes), until when it holds (13 digits, ms), when the value's key ends (13 digits, ms), the length of the
-- name of the change's first cell (5 digits), that name, the value ('' to remove the cell).
-- Returns 1: applied, or it was before; 0: the lock is gone.
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
