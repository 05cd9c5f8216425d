-- Stores an entry if its key is free.
-- KEYS: entry. ARGV: value, 'PX' or 'PXAT' and a time (ms), or '' twice for an entry that does not expire; the channel of
-- its kind if changes of the kind are signaled.
-- Returns nothing if stored. Otherwise returns the value of the existing entry and its expiry (ms).
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
