-- Deletes the payload of a dead letter that is stored elsewhere, and records its size.
-- KEYS: 1 dead-letter queue, 2 job, 3 payload, 4 bytes | ARGV: 1 entry
-- Returns 1, or 0 if there is no such entry or no payload.
if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then return 0 end
local size = redis.call('STRLEN', KEYS[3])
if size == 0 then return 0 end
redis.call('DEL', KEYS[3])
redis.call('HINCRBY', KEYS[4], KEYS[1], 0 - size)
redis.call('HSET', KEYS[2], 'offloaded', size)
return 1
