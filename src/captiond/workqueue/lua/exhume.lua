-- Takes a dead letter out: back to its queue with fresh counts, or away for good.
-- KEYS: 1 dead letters, 2 job, 3 bytes, 4 events, 5 totals, 6 stream (dropping has none)
-- ARGV: 1 entry, 2 id ('' where the message has none), 3 state
-- Returns 1, or 0 when it is not there (any more).
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then return 0 end
local add, size = {'XADD', KEYS[6] or '', '*'}, 0
for i = 1, #entry[2], 2 do
  local name, value = entry[2][i], entry[2][i + 1]
  if string.sub(name, 1, 5) ~= 'dead_' then
    add[#add + 1], add[#add + 2] = name, value
    size = size + #name + #value
  end
end
if KEYS[6] then
  redis.call(unpack(add)) -- the first write: a full server refuses here, with nothing changed
  redis.call('HINCRBY', KEYS[3], KEYS[6], size)
end
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('HINCRBY', KEYS[3], KEYS[1], 0 - size)
if ARGV[2] == '' then return 1 end
if KEYS[6] then
  redis.call('HDEL', KEYS[2], 'failures', 'error', 'dead')
  redis.call('HSET', KEYS[2], 'state', ARGV[3])
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*', ARGV[2], ARGV[3])
else
  redis.call('DEL', KEYS[2])
  redis.call('HINCRBY', KEYS[5], 'dropped', 1)
end
return 1
