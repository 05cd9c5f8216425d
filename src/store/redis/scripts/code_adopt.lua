-- Stores a record, replacing whatever has its code, except the record's own tombstone.
-- KEYS: code. ARGV: value, expiry of the key (ms), channel.
-- Returns the expiry of the live record that was replaced (ms), 0 if there was none, or -1 if the tombstone stays.
local head = redis.call('GETRANGE', KEYS[1], 0, 41)
local ended = 0
if head ~= '' then
  local released = string.sub(head, 30, 42) ~= '0000000000000'
  if released and string.sub(head, 1, 16) == string.sub(ARGV[1], 1, 16) then
    return -1
  end
  local time = redis.call('TIME')
  local expiry = tonumber(string.sub(head, 17, 29))
  if not released and time[1] * 1000 + math.floor(time[2] / 1000) < expiry then
    ended = expiry
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
redis.call('SPUBLISH', ARGV[3], '')
return ended
