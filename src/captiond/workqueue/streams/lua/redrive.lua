-- Removes a dead letter: returns it to its queue with its counters reset, or deletes it with its payload.
-- KEYS: 1 dead-letter queue, 2 job, 3 payload, 4 bytes, 5 events, 6 totals, 7 stream (absent to delete the message)
-- ARGV: 1 entry, 2 id ('' if the message has none), 3 state, 4 payload if it was offloaded, else ''
-- Returns 1, or 0 if there is no such entry, or if its payload was offloaded after the caller had read it.
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if not entry then return 0 end
if KEYS[7] and ARGV[4] == '' and redis.call('HEXISTS', KEYS[2], 'offloaded') == 1 and redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
local add, stored, size = {'XADD', KEYS[7] or '', '*'}, redis.call('STRLEN', KEYS[3]), 0
for i = 1, #entry[2], 2 do
  local name, value = entry[2][i], entry[2][i + 1]
  if string.sub(name, 1, 5) ~= 'dead_' then
    add[#add + 1], add[#add + 2] = name, value
    size = size + #name + #value
  end
end
if KEYS[7] then
  redis.call(unpack(add)) -- the first write: a full server refuses it, and nothing has changed
  if stored == 0 and ARGV[4] ~= '' then redis.call('SET', KEYS[3], ARGV[4]) end
  redis.call('HINCRBY', KEYS[4], KEYS[7], size + math.max(stored, #ARGV[4]))
end
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('HINCRBY', KEYS[4], KEYS[1], 0 - size - stored)
if ARGV[2] == '' then return 1 end
if KEYS[7] then
  redis.call('HDEL', KEYS[2], 'failures', 'error', 'dead', 'offloaded')
  redis.call('HSET', KEYS[2], 'state', ARGV[3])
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', 10000, '*', ARGV[2], ARGV[3])
else
  redis.call('DEL', KEYS[2], KEYS[3])
  redis.call('HINCRBY', KEYS[6], 'dropped', 1)
end
return 1
