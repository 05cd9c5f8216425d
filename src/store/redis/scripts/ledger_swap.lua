-- Replaces an entry that is what it is thought to be.
-- KEYS: entry. ARGV: '1' and the value that is expected, '0' and '' where none is; the same of the one that takes its place;
-- when that ends (ms, or ''); the channel of its kind where that is signalled.
-- Returns 1 where it was replaced, or nothing was to be done.
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
