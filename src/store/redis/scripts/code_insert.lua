-- Stores a record under its code if nobody has the code.
-- KEYS: code. ARGV: value, when the key ends (ms), channel.
-- Returns 1: stored; 2: this very record has the code already; 0: another one has it.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PXAT', ARGV[2]) then
  redis.call('SPUBLISH', ARGV[3], '')
  return 1
end
if redis.call('GETRANGE', KEYS[1], 0, 15) == string.sub(ARGV[1], 1, 16) then
  return 2
end
return 0
