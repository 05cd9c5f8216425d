-- Stores a record if its code is free.
-- KEYS: code. ARGV: value, expiry of the key (ms), channel.
-- Returns 1 if stored, 2 if the same record already has the code, 0 if another record has it.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PXAT', ARGV[2]) then
  redis.call('SPUBLISH', ARGV[3], '')
  return 1
end
if redis.call('GETRANGE', KEYS[1], 0, 15) == string.sub(ARGV[1], 1, 16) then
  return 2
end
return 0
