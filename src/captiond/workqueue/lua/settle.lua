-- Ends a delivery: acknowledges it, hands its successor to the next queue if there is one, deletes it.
-- KEYS: 1 stream, 2 job, 3 bytes, 4 events, 5 parked, 6 totals, 7 next stream (finishing has none)
-- ARGV: 1 group, 2 entry, 3 size, 4 id, 5 state, 6 size of the successor, 7.. field, value of the successor
-- Returns 1 and as many more as wait in the next stream, or 0 when somebody else has settled this delivery already.
local freed, add = 0 - ARGV[3], {'XADD', KEYS[7] or '', '*'}
if KEYS[7] then
  local kind = redis.call('TYPE', KEYS[7]).ok
  if kind ~= 'stream' and kind ~= 'none' then return redis.error_reply('ERR the next queue is no stream') end
  if #ARGV < 8 then return redis.error_reply('ERR the successor has no fields') end
  for i = 7, #ARGV do add[#add + 1] = ARGV[i] end
end
-- The acknowledgement is the fence, and as first write it is allowed on a full server, which can so be drained.
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  redis.pcall('HINCRBY', KEYS[6], 'fenced', 1)
  return 0
end
if KEYS[7] then redis.call(unpack(add)) end
redis.call('XDEL', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[5], ARGV[2]) -- parked, when its lease had run out before
-- Nothing is rolled back: what may fail, on a key of a wrong type, is only bookkeeping and comes last.
redis.call('HINCRBY', KEYS[3], KEYS[1], freed)
if KEYS[7] then redis.call('HINCRBY', KEYS[3], KEYS[7], ARGV[6]) end
redis.call('HSET', KEYS[2], 'state', ARGV[5])
redis.call('HDEL', KEYS[2], 'failures')
if not KEYS[7] then
  redis.call('HINCRBY', KEYS[6], 'finished', 1)
  redis.call('PEXPIRE', KEYS[2], redis.call('HGET', KEYS[2], 'keep_ms') or 3600000)
end
redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*', 'id', ARGV[4], 'state', ARGV[5])
return 1 + (KEYS[7] and redis.call('XLEN', KEYS[7]) or 0)
