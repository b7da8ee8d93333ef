-- Adds to debts, which shrink by a second per second.
-- KEYS: the debts
-- ARGV: per key, the milliseconds to add, above 0
-- Returns per key the milliseconds that are left
local time = redis.call('TIME')
local now, paid, left = time[1] * 1000 + math.floor(time[2] / 1000), redis.call('MGET', unpack(KEYS)), {}
for number, key in ipairs(KEYS) do
  local paid_at = math.max(tonumber(paid[number] or now), now) + ARGV[number]
  left[number] = math.ceil(paid_at - now)
  redis.call('SET', key, string.format('%.3f', paid_at), 'PX', left[number])
end
return left
