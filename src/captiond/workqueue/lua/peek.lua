-- Reads entries without shipping their bodies.
-- KEYS: 1 stream | ARGV: 1 from, 2 to, 3 count | Returns {{entry, {field, value, ..}, body bytes}, ..}
local seen = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])) do
  local fields, body = {}, 0
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'body' then
      body = #entry[2][i + 1]
    else
      fields[#fields + 1] = entry[2][i]
      fields[#fields + 1] = entry[2][i + 1]
    end
  end
  seen[#seen + 1] = {entry[1], fields, body}
end
return seen
