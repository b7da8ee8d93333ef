-- wrk script: POSTs each body of a folder once, prints "start" before the first and "accepted N" after the last response.
-- Arguments: folder, number of bodies, boundary. The caller kills wrk after "accepted N".
local bodies, sent, taken, answered, accepted, verified = {}, 0, 0, 0, 0, false

local function print_line(line)
  io.write(line, "\n")
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

-- wrk has no request count: a connection with no body left to send sleeps.
function delay()
  taken = taken + 1
  if taken > #bodies then return 3600000 end
  return 0
end

function request()
  if not verified then -- wrk calls request() once before the load and discards the result
    verified = true
    return bodies[1]
  end
  if sent == 0 then print_line("start") end
  sent = sent + 1
  return bodies[sent]
end

function response(status)
  answered = answered + 1
  if status == 202 then accepted = accepted + 1 end
  if answered == #bodies then print_line("accepted " .. accepted) end
end
