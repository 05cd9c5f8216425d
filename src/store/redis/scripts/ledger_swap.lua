-- Compare-and-swap: replaces an entry if it has the expected value.
-- KEYS: entry. ARGV: '1' and the expected value, or '0' and '' if no entry is expected; the same for the new value; the new
-- expiry (ms, or ''); the channel of its kind if changes of the kind are signaled.
-- Returns 1 if replaced or if there was nothing to do, 0 otherwise.
local value = redis.call('GET', KEYS[1])
if (ARGV[1] == '1') ~= (value ~= false) or (value and value ~= ARGV[2]) then
  return 0
end
if ARGV[3] == '0' then
  if not value then
    return 1
  end
  redis.call('DEL', KEYS[1])
elseif ARGV[5] == '' then
  redis.call('SET', KEYS[1], ARGV[4])
else
  redis.call('SET', KEYS[1], ARGV[4], 'PXAT', ARGV[5])
end
if ARGV[6] then
  redis.call('SPUBLISH', ARGV[6], '')
end
return 1
