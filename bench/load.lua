-- What wrk asks for, by its first argument, and one line of JSON at the end.
--   one PATH           the same path each time
--   cycle PATH COUNT   COUNT paths in turn
--   fresh PATH         another path each time
local paths = {}

function init(args)
  local kind, path, count = args[1], args[2], tonumber(args[3] or 0)
  local next = 0
  if kind == "cycle" then
    for number = 1, count do
      paths[number] = wrk.format("GET", path .. number)
    end
    request = function()
      next = next % count + 1
      return paths[next]
    end
  elseif kind == "fresh" then
    request = function()
      next = next + 1
      return wrk.format("GET", path .. next)
    end
  else
    wrk.path = path
  end
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '{"requests":%d,"micros":%d,"p50_us":%d,"p99_us":%d,"failed":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
