-- Reads entries without values over 1 KiB, except the fields that describe an error.
-- KEYS: 1 stream | ARGV: 1 command: XRANGE or XREVRANGE, 2 and 3 its range, 4 count | Returns {{entry, {field, value, ..}, omitted bytes}, ..}
local entries = {}
for _, entry in ipairs(redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3], 'COUNT', ARGV[4])) do
  local fields, omitted = {}, 0
  for i = 1, #entry[2], 2 do
    local name, value = entry[2][i], entry[2][i + 1]
    if #value > 1024 and string.sub(name, 1, 5) ~= 'dead_' then
      omitted = omitted + #value
    else
      fields[#fields + 1], fields[#fields + 2] = name, value
    end
  end
  entries[#entries + 1] = {entry[1], fields, omitted}
end
return entries
