-- Counts live codes by the second of their end: a hash of second -> codes, with the sum in 'total', and in 'from' a second
-- before which there is none.
-- KEYS: count. ARGV: second in which one more ends ('' for none), second in which one less ends ('' for none), how many there
-- may be at most ('' for no limit).
-- Returns {1, total}, or {0, total, second in which the next ends} where there is no room.
local key = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1])
local kept = redis.call('HMGET', key, 'total', 'from')
local total = tonumber(kept[1] or 0)
local from = tonumber(kept[2] or now + 1)

-- What has ended counts no longer.
local asks_only = ARGV[1] == '' and ARGV[2] == ''
local function drop(second)
  local count = redis.call('HGET', key, second)
  if count then
    total = total - count
    -- An engine that is full can be asked.
    if not asks_only then
      redis.call('HDEL', key, second)
    end
  end
end
if from <= now then
  if now - from > 2 * redis.call('HLEN', key) then
    for _, field in ipairs(redis.call('HKEYS', key)) do
      local second = tonumber(field)
      if second and second <= now then
        drop(field)
      end
    end
  else
    for second = from, now do
      drop(second)
    end
  end
  from = now + 1
end
if asks_only then
  return {1, total}
end

if ARGV[2] ~= '' and tonumber(ARGV[2]) > now then
  local left = redis.call('HINCRBY', key, ARGV[2], -1)
  if left <= 0 then
    redis.call('HDEL', key, ARGV[2])
  end
  -- A count that was lost is not made good by counting below nothing.
  if left >= 0 then
    total = total - 1
  end
end

local answer
if ARGV[3] ~= '' and total >= tonumber(ARGV[3]) then
  while total > 0 and redis.call('HEXISTS', key, from) == 0 and from < now + 36600 do
    from = from + 1
  end
  answer = {0, total, from}
else
  if ARGV[1] ~= '' and tonumber(ARGV[1]) > now then
    local second = tonumber(ARGV[1])
    redis.call('HINCRBY', key, ARGV[1], 1)
    total = total + 1
    from = math.min(from, second)
    redis.call('EXPIREAT', key, second + 3600, 'GT')
  end
  answer = {1, total}
end
redis.call('HSET', key, 'total', total, 'from', from)
if redis.call('TTL', key) < 0 then
  redis.call('EXPIREAT', key, math.max(now, tonumber(ARGV[1]) or 0) + 3600)
end
return answer
