-- Counts live codes by the second of their expiry: a hash of second -> number of codes, with the sum in 'total', and in 'from'
-- a second before which there are none.
-- KEYS: count. ARGV: the limit ('' for none), the second of a code to remove ('' for none), and then any number of pairs: a
-- second, and the number of codes to add for it.
-- Returns {number of codes added, in the order given; total; if not all were added, the second in which the next code expires}.
local key = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1])
local kept = redis.call('HMGET', key, 'total', 'from')
local total = tonumber(kept[1] or 0)
local from = tonumber(kept[2] or now + 1)

-- Drop expired codes.
local asks_only = ARGV[2] == '' and not ARGV[3]
local function drop(second)
  local count = redis.call('HGET', key, second)
  if count then
    total = total - count
    -- Do not write for a mere read: an engine that is out of memory still allows it.
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
  return {0, total, 0}
end

if ARGV[2] ~= '' and tonumber(ARGV[2]) > now then
  local left = redis.call('HINCRBY', key, ARGV[2], -1)
  if left <= 0 then
    redis.call('HDEL', key, ARGV[2])
  end
  -- If counts were lost, the count of a second must not become negative.
  if left >= 0 then
    total = total - 1
  end
end

local max = tonumber(ARGV[1]) or math.huge
local counted, asked, last = 0, 0, now
for index = 3, #ARGV, 2 do
  local second, more = tonumber(ARGV[index]), tonumber(ARGV[index + 1])
  local room = math.min(more, math.max(max - total, 0))
  if room > 0 and second > now then
    redis.call('HINCRBY', key, ARGV[index], room)
    total = total + room
    from = math.min(from, second)
    last = math.max(last, second)
  end
  counted = counted + room
  asked = asked + more
end
if counted < asked then
  while total > 0 and redis.call('HEXISTS', key, from) == 0 and from < now + 36600 do
    from = from + 1
  end
end
redis.call('HSET', key, 'total', total, 'from', from)
if redis.call('EXPIREAT', key, last + 3600, 'GT') == 0 and redis.call('TTL', key) < 0 then
  redis.call('EXPIREAT', key, last + 3600)
end
return {counted, total, from}
