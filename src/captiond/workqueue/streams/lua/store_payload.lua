-- Stores the payload of a message of format 1 in a separate key, unless its delivery was settled before: that key would never be deleted.
-- KEYS: 1 stream, 2 payload
-- ARGV: 1 group, 2 entry, 3 payload
-- Returns 1, or 0 if it was settled before.
local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) -- an error if the group is missing
if not pending[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[3])
return 1
