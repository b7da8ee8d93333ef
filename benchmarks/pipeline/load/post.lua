-- wrk: posts each body of a folder once, says when it starts and when all are answered, then waits to be ended.
-- Arguments: folder, number of bodies, boundary.
local bodies, sent, taken, answered, accepted, verified = {}, 0, 0, 0, 0, false

local function say(word)
  io.write(word, "\n")
  io.flush()
end

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "multipart/form-data; boundary=" .. args[3]
  for at = 1, tonumber(args[2]) do
    local file = io.open(string.format("%s/%05d", args[1], at), "rb")
    bodies[at] = wrk.format(nil, nil, nil, file:read("*a"))
    file:close()
  end
end

-- wrk knows no count: a connection that finds nothing left to send sleeps for good.
function delay()
  taken = taken + 1
  if taken > #bodies then return 3600000 end
  return 0
end

function request()
  if not verified then -- wrk looks at one request before it sends any
    verified = true
    return bodies[1]
  end
  if sent == 0 then say("start") end
  sent = sent + 1
  return bodies[sent]
end

function response(status)
  answered = answered + 1
  if status == 202 then accepted = accepted + 1 end
  if answered == #bodies then say("accepted " .. accepted) end
end
