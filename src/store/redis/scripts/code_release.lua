-- Turns the live record with this id into a tombstone.
-- KEYS: code. ARGV: id, channel.
-- Returns the expiry of the record (ms), or 0 if it is not live.
local head = redis.call('GETRANGE', KEYS[1], 0, 41)
if string.sub(head, 1, 16) ~= ARGV[1] or string.sub(head, 30, 42) ~= '0000000000000' then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = tonumber(string.sub(head, 17, 29))
if now >= expiry then
  return 0
end
redis.call('SETRANGE', KEYS[1], 29, string.format('%013d', now))
redis.call('SPUBLISH', ARGV[2], '')
return expiry
