-- Locks a cell that has not changed since it was read, for a change of several cells.
-- KEYS: cell, lock, and for the first cell also the outcome. ARGV: the version that was read ('' if the cell did not exist), lock.
-- Returns 1 if locked, 0 if the cell has changed or is locked by another change, or if the change was aborted.
if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then
  return 0
end
if KEYS[3] and redis.call('EXISTS', KEYS[3]) == 1 then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2])
return 1
