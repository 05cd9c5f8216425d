-- Reads an entry.
-- KEYS: entry.
-- Returns its value and its expiry (ms, or -1 if it does not expire), or nothing if it does not exist.
local value = redis.call('GET', KEYS[1])
if not value then
  return false
end
return {value, redis.call('PEXPIRETIME', KEYS[1])}
