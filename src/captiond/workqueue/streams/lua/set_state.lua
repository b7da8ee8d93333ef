-- Records a state of messages that were acknowledged, and reports it as an event. A job that has expired stays so.
-- KEYS: 1 events, 2.. job of each | ARGV: 1 state, 2.. id of each
-- Returns the number of jobs that had another state.
local events = {}
for number = 2, #KEYS do
  local state = redis.call('HMGET', KEYS[number], 'state')[1]
  if state and state ~= ARGV[1] then
    redis.call('HSET', KEYS[number], 'state', ARGV[1])
    redis.call('HDEL', KEYS[number], 'failures', 'error')
    events[#events + 1], events[#events + 2] = ARGV[number], ARGV[1]
  end
end
if #events > 0 then redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10000, '*', unpack(events)) end
return #events / 2
