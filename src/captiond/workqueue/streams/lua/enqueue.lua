-- Adds messages to a queue within its budget, each id once.
-- KEYS: 1 stream, 2 bytes, 3 events, 4 totals, 5.. job of each message, then payload of each
-- ARGV: 1 max messages, 2 max bytes, 3 max bytes of dead letters, then per message: id, digest, keep_ms, size, state, note, payload, number of values, field, value..
-- Returns per message {'NEW', state, note} | {'KNOWN', state, note} | {'CONFLICT', state, note} | {'FULL'} | an error
local ID, DIGEST, KEEP_MS, SIZE, STATE, NOTE, PAYLOAD, VALUES = 0, 1, 2, 3, 4, 5, 6, 7
local count = (#KEYS - 4) / 2
local room, bytes_room = ARGV[1] - redis.call('XLEN', KEYS[1]), tonumber(ARGV[2])
-- The byte budget covers all queues: forwarding a message must not free its share. Dead letters take the rest of it only beyond
-- their own budget, where the archiver moves them to disk.
local dead_room, used = tonumber(ARGV[3]), redis.call('HGETALL', KEYS[2])
for i = 1, #used, 2 do
  if string.sub(used[i], -5) == ':dead' then dead_room = dead_room - used[i + 1] else bytes_room = bytes_room - used[i + 1] end
end
bytes_room = bytes_room + math.min(dead_room, 0)
local replies, events, accepted, added, offset = {}, {}, 0, 0, 4
for number = 5, 4 + count do
  local job, size, state, note, first = KEYS[number], tonumber(ARGV[offset + SIZE]), ARGV[offset + STATE], ARGV[offset + NOTE], offset + VALUES + 1
  local last = offset + VALUES + ARGV[offset + VALUES]
  local known, reply = redis.pcall('HMGET', job, 'digest', 'state', 'note')
  if known.err then
    reply = known
  elseif known[1] then
    redis.call('HINCRBY', job, 'repeats', 1) -- a write, so that WAIT on this connection covers a repeat too
    reply = {known[1] == ARGV[offset + DIGEST] and 'KNOWN' or 'CONFLICT', known[2], known[3]}
  elseif room < 1 or bytes_room < size then
    reply = {'FULL'}
  else
    redis.call('XADD', KEYS[1], '*', unpack(ARGV, first, last)) -- the first write: a full or read-only server refuses it, and nothing has changed
    redis.call('SET', KEYS[number + count], ARGV[offset + PAYLOAD])
    redis.call('HSET', job, 'digest', ARGV[offset + DIGEST], 'state', state, 'note', note, 'keep_ms', ARGV[offset + KEEP_MS])
    room, bytes_room, accepted, added = room - 1, bytes_room - size, accepted + 1, added + size
    events[#events + 1], events[#events + 2] = ARGV[offset + ID], state
    reply = {'NEW', state, note}
  end
  replies[#replies + 1], offset = reply, last + 1
end
if accepted > 0 then
  redis.call('HINCRBY', KEYS[2], KEYS[1], added)
  if redis.call('HINCRBY', KEYS[4], 'accepted', accepted) == accepted then
    redis.call('HSETNX', KEYS[4], 'created', redis.call('TIME')[1])
  end
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', unpack(events))
end
return replies
