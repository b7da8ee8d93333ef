-- Puts messages on a queue, each once for its id, within the queue's budget.
-- KEYS: 1 stream, 2 bytes, 3 events, 4 totals, 5.. job of each message, then body of each
-- ARGV: 1 max messages, 2 max bytes, then of each message: id, digest, keep_ms, size, state, note, body, number of values, field, value..
-- Returns of each {'NEW', state, note} | {'KNOWN', state, note} | {'CONFLICT', state, note} | {'FULL'} | an error
local ID, DIGEST, KEEP_MS, SIZE, STATE, NOTE, BODY, VALUES = 0, 1, 2, 3, 4, 5, 6, 7
local count = (#KEYS - 4) / 2
local room, bytes_room = ARGV[1] - redis.call('XLEN', KEYS[1]), tonumber(ARGV[2])
-- Of all queues and dead letters: what is only handed on must not escape the budget.
for _, held in ipairs(redis.call('HVALS', KEYS[2])) do bytes_room = bytes_room - held end
local answers, news, accepted, added, at = {}, {}, 0, 0, 3
for number = 5, 4 + count do
  local job, size, state, note, first = KEYS[number], tonumber(ARGV[at + SIZE]), ARGV[at + STATE], ARGV[at + NOTE], at + VALUES + 1
  local last = at + VALUES + ARGV[at + VALUES]
  local known, answer = redis.pcall('HMGET', job, 'digest', 'state', 'note')
  if known.err then
    answer = known
  elseif known[1] then
    redis.call('HINCRBY', job, 'repeats', 1) -- a write, so that WAIT on this connection covers a repeat too
    answer = {known[1] == ARGV[at + DIGEST] and 'KNOWN' or 'CONFLICT', known[2], known[3]}
  elseif room < 1 or bytes_room < size then
    answer = {'FULL'}
  else
    redis.call('XADD', KEYS[1], '*', unpack(ARGV, first, last)) -- a full or read-only server refuses the first write, with nothing changed
    redis.call('SET', KEYS[number + count], ARGV[at + BODY])
    redis.call('HSET', job, 'digest', ARGV[at + DIGEST], 'state', state, 'note', note, 'keep_ms', ARGV[at + KEEP_MS])
    room, bytes_room, accepted, added = room - 1, bytes_room - size, accepted + 1, added + size
    news[#news + 1], news[#news + 2] = ARGV[at + ID], state
    answer = {'NEW', state, note}
  end
  answers[#answers + 1], at = answer, last + 1
end
if accepted > 0 then
  redis.call('HINCRBY', KEYS[2], KEYS[1], added)
  redis.call('HINCRBY', KEYS[4], 'accepted', accepted)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', unpack(news))
end
return answers
