-- Delays a delivery until its retry is due, or requeues it at once. The entry stays in the stream and pending, owned by consumer
-- 'parked': the sorted set is only an index.
-- KEYS: 1 stream, 2 delayed, 3 job
-- ARGV: 1 group, 2 consumer, 3 entry, 4 error, 5.. delay in ms after the 1st failure, the 2nd, ..
-- Without an error (''), the only delay is that of a message that was not attempted: no delivery counts.
-- Returns the failures so far (0 without an error), or -1 if another consumer owns the entry.
-- If there is no delay for that many failures it changes nothing: the caller rejects the message.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not pending[1] or pending[1][2] ~= ARGV[2] then return -1 end
local deliveries, failures, delay = pending[1][4], 0, 0
if ARGV[4] == '' then
  deliveries, delay = math.max(deliveries - 1, 0), ARGV[5]
else
  failures = (redis.call('HGET', KEYS[3], 'failures') or 0) + 1
  delay = ARGV[4 + failures]
  if not delay then return failures end
end
local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + delay
-- The first write is one that a full server accepts: else a failing message would stop the drain.
redis.call('XCLAIM', KEYS[1], ARGV[1], 'parked', 0, ARGV[3], 'IDLE', 0, 'RETRYCOUNT', deliveries, 'JUSTID')
redis.call('ZADD', KEYS[2], due, ARGV[3])
if failures > 0 then redis.call('HSET', KEYS[3], 'failures', failures, 'error', ARGV[4]) end
return failures
