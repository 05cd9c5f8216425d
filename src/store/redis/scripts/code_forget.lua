-- Removes a record that was just stored and that no caller has received.
-- KEYS: code. ARGV: id.
if redis.call('GETRANGE', KEYS[1], 0, 15) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
