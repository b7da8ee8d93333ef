-- Moves the theoretical arrival times of GCRA, which are never before now.
-- KEYS: the times
-- ARGV: per key, the milliseconds to add, above 0
-- Returns per key the milliseconds from now to the time
local time = redis.call('TIME')
local now, stored, left = time[1] * 1000 + math.floor(time[2] / 1000), redis.call('MGET', unpack(KEYS)), {}
for number, key in ipairs(KEYS) do
  local arrival = math.max(tonumber(stored[number] or now), now) + ARGV[number]
  left[number] = math.ceil(arrival - now)
  redis.call('SET', key, string.format('%.3f', arrival), 'PX', left[number])
end
return left
