-- Ends deliveries: acknowledges each, hands it to the next queue with new fields, or finishes it and deletes its body.
-- KEYS: 1 stream, 2 bytes, 3 events, 4 parked, 5 totals, 6.. job of each, then body of each, and last the next stream (finishing has none)
-- ARGV: 1 group, 2 number of deliveries, then of each: entry, size, id, state, size in the next queue, number of values, field, value..
-- Returns how many wait in the next stream, then of each 1, or 0 when somebody else has settled it already.
local ENTRY, SIZE, ID, STATE, NEXT_SIZE, VALUES = 0, 1, 2, 3, 4, 5
local count = tonumber(ARGV[2])
local next, starts, at = KEYS[6 + 2 * count], {}, 3
for number = 1, count do
  starts[number], at = at, at + VALUES + 1 + ARGV[at + VALUES]
end
if next then
  local kind = redis.call('TYPE', next).ok
  if kind ~= 'stream' and kind ~= 'none' then return redis.error_reply('ERR the next queue is no stream') end
end
local answers, ended, jobs, bodies, news, freed, added = {0}, {}, {}, {}, {}, 0, 0
for number, at in ipairs(starts) do
  -- The acknowledgement is the fence, and as first write it is allowed on a full server, which can so be drained.
  if redis.call('XACK', KEYS[1], ARGV[1], ARGV[at + ENTRY]) == 0 then
    redis.pcall('HINCRBY', KEYS[5], 'fenced', 1)
    answers[number + 1] = 0
  else
    if next then redis.call('XADD', next, '*', unpack(ARGV, at + VALUES + 1, at + VALUES + ARGV[at + VALUES])) end
    freed, added = freed + ARGV[at + SIZE], added + ARGV[at + NEXT_SIZE]
    ended[#ended + 1], jobs[KEYS[5 + number]] = ARGV[at + ENTRY], ARGV[at + STATE]
    bodies[#bodies + 1] = KEYS[5 + count + number]
    news[#news + 1], news[#news + 2] = ARGV[at + ID], ARGV[at + STATE]
    answers[number + 1] = 1
  end
end
if next then answers[1] = redis.call('XLEN', next) end
if #ended == 0 then return answers end
redis.call('XDEL', KEYS[1], unpack(ended))
if not next then redis.call('DEL', unpack(bodies)) end
-- Nothing is rolled back: what may fail, on a key of a wrong type, is only bookkeeping, comes last, and keeps no other from being done.
local trouble
local function book(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then trouble = trouble or reply end
  return reply
end
book('ZREM', KEYS[4], unpack(ended)) -- parked, when their lease had run out before
book('HINCRBY', KEYS[2], KEYS[1], 0 - freed)
if next then
  book('HINCRBY', KEYS[2], next, added)
else
  book('HINCRBY', KEYS[5], 'finished', #ended)
end
for job, state in pairs(jobs) do
  book('HSET', job, 'state', state)
  book('HDEL', job, 'failures')
  if not next then
    local keep_ms = book('HGET', job, 'keep_ms')
    book('PEXPIRE', job, type(keep_ms) == 'string' and keep_ms or 3600000)
  end
end
book('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', unpack(news))
return trouble or answers
