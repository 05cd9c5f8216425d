-- Stores an entry if its key is free.
-- KEYS: entry. ARGV: value, 'PX' or 'PXAT' and its time (ms), both '' for an entry without an end; the channel of its kind
-- where that is signalled.
-- Returns nothing, or what has the key: its value, and when it ends (ms).
local stored
if ARGV[2] == '' then
  stored = redis.call('SET', KEYS[1], ARGV[1], 'NX')
else
  stored = redis.call('SET', KEYS[1], ARGV[1], 'NX', ARGV[2], ARGV[3])
end
if stored then
  if ARGV[4] then
    redis.call('SPUBLISH', ARGV[4], '')
  end
  return false
end
return {redis.call('GET', KEYS[1]), redis.call('PEXPIRETIME', KEYS[1])}
