-- Renews the leases that this consumer still owns; a bare XCLAIM would steal an entry back from its new owner.
-- KEYS: 1 stream, 2 totals | ARGV: 1 group, 2 consumer, 3.. entries
-- Returns the entries still owned. Counts entries that another consumer owns as lost leases; settled and delayed entries are not lost.
local owned, lost = {}, 0
for i = 3, #ARGV do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)
  local owner = pending[1] and pending[1][2]
  if owner == ARGV[2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    owned[#owned + 1] = ARGV[i]
  elseif owner and owner ~= 'parked' then
    lost = lost + 1
  end
end
if lost > 0 then redis.pcall('HINCRBY', KEYS[2], 'leases_lost', lost) end
return owned
