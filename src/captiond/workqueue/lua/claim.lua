-- Takes over parked messages that are due and, when sweeping, those whose lease has run out.
-- KEYS: 1 stream, 2 parked | ARGV: 1 group, 2 consumer, 3 count, 4 lease_ms (0: parked only)
-- Returns {{entry, {field, value, ..}, deliveries}, ..}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken, count = {}, tonumber(ARGV[3])
local function take(entry, deliveries)
  redis.call('ZREM', KEYS[2], entry)
  if not redis.call('XRANGE', KEYS[1], entry, entry)[1] then
    redis.call('XACK', KEYS[1], ARGV[1], entry) -- a ghost: deleted while pending, kept for ever before Redis 7
    return
  end
  local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry)
  if claimed[1] then taken[#taken + 1] = {claimed[1][1], claimed[1][2], deliveries + 1} end
end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, count)) do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry, entry, 1)
  if pending[1] then take(entry, pending[1][4]) else redis.call('ZREM', KEYS[2], entry) end
end
local from, pages = '-', 0
while ARGV[4] ~= '0' and #taken < count and pages < 20 do -- paged: parked entries must not hide expired leases behind them
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[4], from, '+', 100)
  if #pending == 0 then break end
  for _, row in ipairs(pending) do
    if #taken >= count then break end
    if not redis.call('ZSCORE', KEYS[2], row[1]) then take(row[1], row[4]) end
  end
  from, pages = '(' .. pending[#pending][1], pages + 1
end
return taken
