-- Creates the group where it is missing, at the stream's start: what was sent before counts too.
-- KEYS: 1 stream, 2 parked | ARGV: 1 group | Returns 1 when it made the group, 0 when that was there.
redis.call('ZREM', KEYS[2], '') -- changes nothing: a first write that a full server allows, which could else not be drained
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.ok then return 1 end
if string.find(made.err, 'BUSYGROUP', 1, true) then return 0 end
return made
