-- Deletes a consumer without pending messages; XGROUP DELCONSUMER alone would drop them from the pending list.
-- KEYS: 1 stream | ARGV: 1 group, 2 consumer | Returns 1 if deleted, 0 if messages are pending.
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
