-- Reads the outcome of a change at its first cell. Aborts a change permanently that has not committed by its deadline.
-- KEYS: the first cell's lock, outcome. ARGV: the id of the change, its deadline (ms), the TTL of the outcome (ms).
-- Returns 'committed', 'aborted', or 'pending'.
local outcome = redis.call('GET', KEYS[2])
if outcome then
  return outcome
end
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) < tonumber(ARGV[2]) then
  return 'pending'
end
redis.call('SET', KEYS[2], 'aborted', 'PX', ARGV[3])
local lock = redis.call('GET', KEYS[1])
if lock and string.sub(lock, 1, 16) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 'aborted'
