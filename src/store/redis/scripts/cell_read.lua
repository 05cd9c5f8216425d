-- A cell, the lock on it ('' for none of either), and the time (ms).
-- KEYS: cell, lock.
local time = redis.call('TIME')
return {redis.call('GET', KEYS[1]) or '', redis.call('GET', KEYS[2]) or '', time[1] * 1000 + math.floor(time[2] / 1000)}
