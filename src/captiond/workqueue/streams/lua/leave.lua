-- Removes a consumer that has nothing pending; XGROUP DELCONSUMER alone would throw its pending messages away.
-- KEYS: 1 stream | ARGV: 1 group, 2 consumer | Returns 1 when removed.
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
