-- Does what the other scripts do, on keys of its own, which it removes again: is this user allowed to, is there room?
-- KEYS: 1 stream, 2 hash, 3 sorted set that nothing else uses
redis.call('XADD', KEYS[1], '*', 'field', 'value') -- the first write: a full server refuses here
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3]) -- what a rehearsal left that broke off
local entry = redis.call('XADD', KEYS[1], '*', 'field', 'value')
redis.call('XGROUP', 'CREATE', KEYS[1], 'group', '0')
redis.call('XPENDING', KEYS[1], 'group')
redis.call('XCLAIM', KEYS[1], 'group', 'consumer', 0, entry, 'JUSTID')
redis.call('XINFO', 'CONSUMERS', KEYS[1], 'group')
redis.call('XACK', KEYS[1], 'group', entry)
redis.call('XRANGE', KEYS[1], entry, entry)
redis.call('XDEL', KEYS[1], entry)
redis.call('XLEN', KEYS[1])
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], 'group', 'consumer')
redis.call('HSET', KEYS[2], 'field', 1)
redis.call('HINCRBY', KEYS[2], 'field', 1)
redis.call('HMGET', KEYS[2], 'field')
redis.call('HVALS', KEYS[2])
redis.call('HDEL', KEYS[2], 'other')
redis.call('PEXPIRE', KEYS[2], 60000)
redis.call('PERSIST', KEYS[2])
redis.call('ZADD', KEYS[3], 0, 'member')
redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', 0)
redis.call('ZREM', KEYS[3], 'member')
redis.call('TIME')
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return redis.call('TYPE', KEYS[3]).ok
