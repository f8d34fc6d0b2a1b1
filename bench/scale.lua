-- What wrk asks webdis for: one lookup after another, of COUNT keys at random. Arguments: what comes before the number in
-- the path, what comes after it, COUNT. At the end one line: requests, microseconds, failures, half of the answers within
-- so many microseconds, 99 of a hundred within so many.
local before, after, count

function init(args)
  before, after, count = args[1], args[2], tonumber(args[3])
  math.randomseed(os.time())
end

function request()
  return wrk.format("GET", before .. string.format("%012d", math.random(0, count - 1)) .. after)
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format("%d %d %d %d %d\n", summary.requests, summary.duration,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout,
    latency:percentile(50), latency:percentile(99)))
end
