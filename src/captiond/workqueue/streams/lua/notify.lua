-- A function of settle.lua and reject.lua: appends a notification to a queue per topic of a message and subscriber of the topic.
-- `first` is the index of four keys: subscribers, queue, bytes and totals of the family of the queue. Without them it does nothing.
-- `settled` has the entry, the id and the topics of each message, `record` runs a command without raising its error.
-- The id of a notification depends on its entry, topic and subscriber: a UUID of version 8 (RFC 9562).
local MAX_NOTIFICATIONS = 100000
local function notify(first, settled, record)
  if not KEYS[first + 3] then return end
  local subscribers = record('HGETALL', KEYS[first])
  if #subscribers == 0 then return end
  local time = redis.call('TIME')
  local at = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
  local length, added, accepted, refused = record('XLEN', KEYS[first + 1]), 0, 0, 0
  if type(length) ~= 'number' then return end
  for i = 1, #settled, 3 do
    for topic in string.gmatch(settled[i + 2], '%S+') do
      for j = 1, #subscribers, 2 do
        if string.find(' ' .. subscribers[j + 1] .. ' ', ' ' .. topic .. ' ', 1, true) then
          if length >= MAX_NOTIFICATIONS then
            refused = refused + 1
          else
            local hex = redis.sha1hex(table.concat({KEYS[1], settled[i], topic, subscribers[j]}, ' '))
            local id = table.concat({hex:sub(1, 8), hex:sub(9, 12), '8' .. hex:sub(14, 16), '8' .. hex:sub(18, 20), hex:sub(21, 32)}, '-')
            -- Format 1: the payload, which is empty, is a field. A payload key of each notification would only take memory.
            local fields = {'v', '1', 'id', id, 'body', '', 'message', settled[i + 1], 'topic', topic, 'subscriber', subscribers[j], 'at', at}
            record('XADD', KEYS[first + 1], '*', unpack(fields))
            added, accepted, length = added + #table.concat(fields), accepted + 1, length + 1
          end
        end
      end
    end
  end
  if accepted > 0 then
    record('HINCRBY', KEYS[first + 2], KEYS[first + 1], added)
    record('HINCRBY', KEYS[first + 3], 'accepted', accepted)
  end
  if refused > 0 then record('HINCRBY', KEYS[first + 3], 'counted:overflowed', refused) end
end
