-- Replaces a cell that has not changed since it was read.
-- KEYS: cell, lock. ARGV: the version that was read ('' if the cell did not exist), value ('' to remove the cell), expiry (ms).
-- Returns 1 if replaced, 0 if the cell has changed or is locked.
if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
end
return 1
