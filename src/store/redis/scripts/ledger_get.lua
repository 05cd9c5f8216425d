-- An entry's value, and when it ends (ms, or -1 for never).
local value = redis.call('GET', KEYS[1])
if not value then
  return false
end
return {value, redis.call('PEXPIRETIME', KEYS[1])}
