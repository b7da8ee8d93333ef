-- Puts a message on a queue once for its id, within the queue's budget.
-- KEYS: 1 stream, 2 job, 3 bytes, 4 events, 5 totals
-- ARGV: 1 max messages, 2 max bytes, 3 id, 4 digest, 5 keep_ms, 6 size, 7 state, 8 note, 9.. field, value
-- Returns {'NEW', state, note} | {'KNOWN', state, note} | {'CONFLICT', state, note} | {'FULL'}
local known = redis.call('HMGET', KEYS[2], 'digest', 'state', 'note')
if known[1] then
  redis.call('HINCRBY', KEYS[2], 'repeats', 1) -- a write, so that WAIT on this connection covers a repeat too
  return {known[1] == ARGV[4] and 'KNOWN' or 'CONFLICT', known[2], known[3]}
end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return {'FULL'} end
local bytes = 0 -- of all queues and dead letters: what is only handed on must not escape the budget
for _, held in ipairs(redis.call('HVALS', KEYS[3])) do bytes = bytes + tonumber(held) end
if bytes + tonumber(ARGV[6]) > tonumber(ARGV[2]) then return {'FULL'} end
local add = {'XADD', KEYS[1], '*'}
for i = 9, #ARGV do add[#add + 1] = ARGV[i] end
redis.call(unpack(add)) -- the first write: a full or read-only server refuses here, with nothing changed
redis.call('HSET', KEYS[2], 'digest', ARGV[4], 'state', ARGV[7], 'note', ARGV[8], 'keep_ms', ARGV[5])
redis.call('HINCRBY', KEYS[3], KEYS[1], ARGV[6])
redis.call('HINCRBY', KEYS[5], 'accepted', 1)
redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*', 'id', ARGV[3], 'state', ARGV[7])
return {'NEW', ARGV[7], ARGV[8]}
