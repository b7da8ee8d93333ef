-- Settles deliveries: forwards each to the next queue with new fields, or acknowledges it without forwarding and deletes its payload.
-- KEYS: 1 stream, 2 bytes, 3 events, 4 delayed, 5 totals, 6.. job of each, then payload of each, and last the next stream to forward.
-- To acknowledge, instead of the next stream nothing, or the four keys of notify.lua.
-- ARGV: 1 group, 2 number of deliveries, then per delivery: entry, size, id, state ('': no record remains), size in the next queue, counter ('': none),
-- topics separated by spaces, number of values, field, value..
-- Returns the length of the next stream, then per delivery 1, or 0 if it was settled before.
local ENTRY, SIZE, ID, STATE, NEXT_SIZE, COUNTER, TOPICS, VALUES = 0, 1, 2, 3, 4, 5, 6, 7
local count = tonumber(ARGV[2])
local next, starts, offset = #KEYS == 6 + 2 * count and KEYS[#KEYS], {}, 3
for number = 1, count do
  starts[number], offset = offset, offset + VALUES + 1 + ARGV[offset + VALUES]
end
if next then
  local kind = redis.call('TYPE', next).ok
  if kind ~= 'stream' and kind ~= 'none' then return redis.error_reply('ERR the next queue is not a stream') end
end
local replies, settled, jobs, payloads, events, counted, notified, freed, added = {0}, {}, {}, {}, {}, {}, {}, 0, 0
for number, offset in ipairs(starts) do
  -- XACK is the fence. It is the first write because a full server accepts it, so that server can be drained.
  if redis.call('XACK', KEYS[1], ARGV[1], ARGV[offset + ENTRY]) == 0 then
    redis.pcall('HINCRBY', KEYS[5], 'fenced', 1)
    replies[number + 1] = 0
  else
    if next then redis.call('XADD', next, '*', unpack(ARGV, offset + VALUES + 1, offset + VALUES + ARGV[offset + VALUES])) end
    local counter = ARGV[offset + COUNTER]
    if counter ~= '' then counted[counter] = (counted[counter] or 0) + 1 end
    freed, added = freed + ARGV[offset + SIZE], added + ARGV[offset + NEXT_SIZE]
    settled[#settled + 1], jobs[KEYS[5 + number]] = ARGV[offset + ENTRY], ARGV[offset + STATE]
    payloads[#payloads + 1] = KEYS[5 + count + number]
    if ARGV[offset + STATE] ~= '' then events[#events + 1], events[#events + 2] = ARGV[offset + ID], ARGV[offset + STATE] end
    if ARGV[offset + TOPICS] ~= '' then
      local last = #notified
      notified[last + 1], notified[last + 2], notified[last + 3] = ARGV[offset + ENTRY], ARGV[offset + ID], ARGV[offset + TOPICS]
    end
    replies[number + 1] = 1
  end
end
if next then replies[1] = redis.call('XLEN', next) end
if #settled == 0 then return replies end
redis.call('XDEL', KEYS[1], unpack(settled))
if not next then redis.call('DEL', unpack(payloads)) end
-- Lua does not roll back. Bookkeeping, which fails on a key of the wrong type, comes last; one failure does not stop the rest.
local first_error
local function record(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then first_error = first_error or reply end
  return reply
end
record('ZREM', KEYS[4], unpack(settled)) -- delayed if their leases expired and another consumer requeued them
record('HINCRBY', KEYS[2], KEYS[1], 0 - freed)
if next then
  record('HINCRBY', KEYS[2], next, added)
else
  record('HINCRBY', KEYS[5], 'finished', #settled)
end
for counter, times in pairs(counted) do record('HINCRBY', KEYS[5], counter, times) end
for job, state in pairs(jobs) do
  if state == '' then
    record('DEL', job)
  else
    record('HSET', job, 'state', state)
    record('HDEL', job, 'failures')
  end
  if not next and state ~= '' then
    local keep_ms = record('HGET', job, 'keep_ms')
    record('PEXPIRE', job, type(keep_ms) == 'string' and keep_ms or 3600000)
  end
end
if #events > 0 then record('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', unpack(events)) end
if #notified > 0 then notify(6 + 2 * count, notified, record) end
return first_error or replies
