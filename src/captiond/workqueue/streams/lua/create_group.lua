-- Creates the consumer group at the start of the stream, so that messages sent before are delivered too.
-- KEYS: 1 stream, 2 delayed | ARGV: 1 group | Returns 1 if it created the group, 0 if the group existed.
redis.call('ZREM', KEYS[2], '') -- no effect, but a full server accepts it as first write: else nobody could drain that server
local created = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if created.ok then return 1 end
if string.find(created.err, 'BUSYGROUP', 1, true) then return 0 end
return created
