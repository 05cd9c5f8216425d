-- A leaky bucket, stored as the time at which it will be empty (GCRA).
-- KEYS: bucket. ARGV: the operation ('admit', 'charge', 'take', 'reserve'), the time in which one unit drains (us), the
-- capacity, the maximum wait (us).
-- Returns whether there is room (for 'reserve': whether a unit was added), and the time to wait (us).
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[2])
local empty_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wait = math.max(empty_at + interval - now - interval * tonumber(ARGV[3]), 0)
local put = ARGV[1] == 'charge' or (ARGV[1] == 'take' and wait == 0)
  or (ARGV[1] == 'reserve' and wait <= tonumber(ARGV[4]))
if put then
  local after = empty_at + interval
  redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1)
end
if ARGV[1] == 'reserve' then
  return {put and 1 or 0, wait}
end
return {wait == 0 and 1 or 0, wait}
