-- Moves a delivery to the dead-letter queue together with the error. The payload stays.
-- KEYS: 1 stream, 2 job, 3 bytes, 4 events, 5 delayed, 6 totals, 7 dead-letter queue, 8.. the four keys of notify.lua, or none
-- ARGV: 1 group, 2 entry, 3 size, 4 id ('' if the message has none), 5 state, which is also the topic, 6 reason, 7.. field, value that describe the error
-- Returns {0, entry in the dead-letter queue}, or {0, 0} if the delivery was settled before: the form of settle.lua's reply.
local kind = redis.call('TYPE', KEYS[7]).ok
if kind ~= 'stream' and kind ~= 'none' then return redis.error_reply('ERR the dead-letter queue is not a stream') end
local freed = 0 - ARGV[3]
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
local add = {'XADD', KEYS[7], '*'}
for i = 7, #ARGV do add[#add + 1] = ARGV[i] end
-- Lua unpacks fewer than 8000 values. A message has far fewer; an entry that is not a message is cut.
for i = 1, math.min(entry and #entry[2] or 0, 7000) do add[#add + 1] = entry[2][i] end
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  redis.pcall('HINCRBY', KEYS[6], 'fenced', 1)
  return {0, 0}
end
if not entry then return {0, 0} end
local dead = redis.call(unpack(add))
redis.call('XDEL', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[5], ARGV[2]) -- delayed if its lease expired and another consumer requeued it
redis.call('HINCRBY', KEYS[3], KEYS[1], freed)
redis.call('HINCRBY', KEYS[3], KEYS[7], ARGV[3])
redis.pcall('HINCRBY', KEYS[6], 'rejected', 1)
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], 'state', ARGV[5], 'error', ARGV[6], 'dead', KEYS[7] .. ' ' .. dead)
  redis.call('PERSIST', KEYS[2])
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*', ARGV[4], ARGV[5])
  notify(8, {ARGV[2], ARGV[4], ARGV[5]}, redis.pcall)
end
return {0, dead}
