-- Takes back a record that was stored just now and that nobody knows of.
-- KEYS: code. ARGV: id.
if redis.call('GETRANGE', KEYS[1], 0, 15) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
