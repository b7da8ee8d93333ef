-- Records the lifetime counters once per interval: the first call within an interval stores them, later ones change nothing.
-- KEYS: 1 totals, 2.. one hash of samples per resolution | ARGV: per hash: seconds of one interval, number of intervals to store
-- Each field is the number of an interval since the epoch, its value JSON: [time in ms, name, value, name, value, ..].
local time = redis.call('TIME')
local sample = cjson.encode({time[1] * 1000 + math.floor(time[2] / 1000), unpack(redis.call('HGETALL', KEYS[1]))})
for number = 2, #KEYS do
  local seconds, stored = ARGV[2 * number - 3], tonumber(ARGV[2 * number - 2])
  local current = math.floor(time[1] / seconds)
  if redis.call('HSETNX', KEYS[number], string.format('%d', current), sample) == 1 then
    -- Expired samples, and samples of the future, from before the clock was set back.
    local samples, old = redis.call('HGETALL', KEYS[number]), {}
    for i = 1, #samples, 2 do
      local interval = tonumber(samples[i])
      if interval > current or interval <= current - stored then old[#old + 1] = samples[i] end
    end
    if #old > 0 then redis.call('HDEL', KEYS[number], unpack(old)) end
    redis.call('PEXPIRE', KEYS[number], string.format('%d', seconds * stored * 1000))
  end
end
return 1
