-- Locks a cell that has not changed since it was read, for a change of several.
-- KEYS: cell, lock, and at the first cell of the change also its outcome. ARGV: the version ('' where it was not there), lock.
-- Returns 1: locked; 0: it has changed, is locked by another, or the change was given up.
if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then
  return 0
end
if KEYS[3] and redis.call('EXISTS', KEYS[3]) == 1 then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2])
return 1
