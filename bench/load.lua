-- One fixed POST, and the result as one line of JSON: exact microseconds instead of wrk's rounded
-- figures. Arguments after "--": the file that holds the body, then "Name: value" header lines.
-- Where the body has a mark, each request has a word of its own in its place.

local MARK = "@word@"
local head, before, after
local number = 10000000

local function letter(digit)
  return string.char(97 + digit)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.body = file:read("*a")
  file:close()
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  for i = 2, #args do
    local name, value = args[i]:match("^([^:]+):%s*(.*)$")
    wrk.headers[name] = value
  end
  local first, last = wrk.body:find(MARK, 1, true)
  if first then
    before, after = wrk.body:sub(1, first - 1), wrk.body:sub(last + 1)
    wrk.body = before .. "bbbbbbbb" .. after
    local whole = wrk.format()
    head = whole:sub(1, #whole - #wrk.body)
    request = function()
      number = number + 1
      return head .. before .. string.gsub(number, "%d", letter) .. after
    end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'result {"requests": %d, "duration_us": %d, "bytes": %d, "p50_us": %d, "p90_us": %d, '
      .. '"p99_us": %d, "max_us": %d, "mean_us": %.1f, "connect_errors": %d, "read_errors": %d, '
      .. '"write_errors": %d, "status_errors": %d, "timeouts": %d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50),
    latency:percentile(90), latency:percentile(99), latency.max, latency.mean,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
