-- Reads entries without shipping what is large in them, but for what is said of a death.
-- KEYS: 1 stream | ARGV: 1 from, 2 to, 3 count | Returns {{entry, {field, value, ..}, bytes left out}, ..}
local seen = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[2], 'COUNT', ARGV[3])) do
  local fields, left_out = {}, 0
  for i = 1, #entry[2], 2 do
    local name, value = entry[2][i], entry[2][i + 1]
    if #value > 1024 and string.sub(name, 1, 5) ~= 'dead_' then
      left_out = left_out + #value
    else
      fields[#fields + 1], fields[#fields + 2] = name, value
    end
  end
  seen[#seen + 1] = {entry[1], fields, left_out}
end
return seen
