-- Claims delayed messages that are due and, if a lease is given, messages whose lease has expired.
-- KEYS: 1 stream, 2 delayed, 3 bytes, 4 totals
-- ARGV: 1 group, 2 consumer, 3 count, 4 lease_ms (0: delayed messages only), 5 idle time in ms after which an empty consumer is deleted
-- Returns {{entry, {field, value, ..}, deliveries}, ..}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claimed, count = {}, tonumber(ARGV[3])
local function claim(entry, deliveries)
  redis.call('ZREM', KEYS[2], entry)
  local found = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry)[1]
  if found then
    claimed[#claimed + 1] = {found[1], found[2], deliveries + 1}
    if deliveries > 0 then redis.pcall('HINCRBY', KEYS[4], 'redelivered', 1) end
  else
    redis.call('XACK', KEYS[1], ARGV[1], entry) -- deleted while pending: Redis before 7 keeps it in the pending list
  end
end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, count)) do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry, entry, 1)
  if pending[1] then claim(entry, pending[1][4]) else redis.call('ZREM', KEYS[2], entry) end
end
if ARGV[4] == '0' then return claimed end
-- Consumer by consumer: delayed messages belong to 'parked', so they cannot hide expired leases behind them.
local function expired(owner, limit)
  return redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[4], '-', '+', limit, owner)
end
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local owner, pending, idle_ms = row[2], row[4], row[6]
  if pending == 0 and idle_ms > tonumber(ARGV[5]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], owner) -- crashed, and its messages were claimed
  elseif owner ~= 'parked' then
    if #claimed < count then
      for _, found in ipairs(expired(owner, count - #claimed)) do claim(found[1], found[4]) end
    end
  elseif pending > redis.call('ZCARD', KEYS[2]) then -- the index lacks some delayed messages
    for _, found in ipairs(expired(owner, pending)) do
      if #claimed < count and not redis.call('ZSCORE', KEYS[2], found[1]) then claim(found[1], found[4]) end
    end
  end
end
-- An empty queue takes 0 bytes, even after manual changes: a wrong count would refuse uploads permanently.
if redis.call('XLEN', KEYS[1]) == 0 then redis.call('HDEL', KEYS[3], KEYS[1]) end
return claimed
