-- Reads a cell.
-- KEYS: cell, lock.
-- Returns the cell ('' if absent), its lock ('' if absent), and the time (ms).
local time = redis.call('TIME')
return {redis.call('GET', KEYS[1]) or '', redis.call('GET', KEYS[2]) or '', time[1] * 1000 + math.floor(time[2] / 1000)}
