-- Renews the leases that are still ours; a naive XCLAIM would steal a message back from its new owner.
-- KEYS: 1 stream | ARGV: 1 group, 2 consumer, 3.. entries | Returns the entries still owned.
local owned = {}
for i = 3, #ARGV do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)
  if pending[1] and pending[1][2] == ARGV[2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    owned[#owned + 1] = ARGV[i]
  end
end
return owned
