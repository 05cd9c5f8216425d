-- Raises a generation to at least the given one.
-- KEYS: generation. ARGV: the minimum.
-- Returns the generation.
local generation = tonumber(redis.call('GET', KEYS[1]) or 0)
if generation < tonumber(ARGV[1]) then
  generation = tonumber(ARGV[1])
  redis.call('SET', KEYS[1], ARGV[1])
end
return generation
