-- Takes over parked messages that are due and, when sweeping, those whose lease has run out.
-- KEYS: 1 stream, 2 parked, 3 bytes, 4 totals
-- ARGV: 1 group, 2 consumer, 3 count, 4 lease_ms (0: parked only), 5 forget_ms
-- Returns {{entry, {field, value, ..}, deliveries}, ..}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local taken, count = {}, tonumber(ARGV[3])
local function take(entry, deliveries)
  redis.call('ZREM', KEYS[2], entry)
  local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry)[1]
  if claimed then
    taken[#taken + 1] = {claimed[1], claimed[2], deliveries + 1}
    if deliveries > 0 then redis.pcall('HINCRBY', KEYS[4], 'redelivered', 1) end
  else
    redis.call('XACK', KEYS[1], ARGV[1], entry) -- a ghost: deleted while pending, kept for ever before Redis 7
  end
end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, count)) do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry, entry, 1)
  if pending[1] then take(entry, pending[1][4]) else redis.call('ZREM', KEYS[2], entry) end
end
if ARGV[4] == '0' then return taken end
-- Consumer by consumer: what is parked has one of its own, so that it cannot hide expired leases behind it.
local function expired(owner, most)
  return redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[4], '-', '+', most, owner)
end
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local owner, held, idle_ms = row[2], row[4], row[6]
  if held == 0 and idle_ms > tonumber(ARGV[5]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], owner) -- died; what it held is in other hands
  elseif owner ~= 'parked' then
    if #taken < count then
      for _, left in ipairs(expired(owner, count - #taken)) do take(left[1], left[4]) end
    end
  elseif held > redis.call('ZCARD', KEYS[2]) then -- the index has lost some
    for _, left in ipairs(expired(owner, held)) do
      if #taken < count and not redis.call('ZSCORE', KEYS[2], left[1]) then take(left[1], left[4]) end
    end
  end
end
-- An empty queue holds nothing, whatever was added or deleted by hand: a wrong sum would refuse uploads for ever.
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('HDEL', KEYS[3], KEYS[1]) end
return taken
