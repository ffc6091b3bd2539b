-- Posts the lines of a file in turn, from a place that the command says; prints figures as JSON.
local bodies, place = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do bodies[#bodies + 1] = line end
  place = tonumber(arguments[2]) or 0
end

function request()
  place = place % #bodies + 1
  return wrk.format("POST", "/predict", {["Content-Type"] = "application/json"}, bodies[place])
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    'figures {"requests": %d, "seconds": %.3f, "p50": %.3f, "p99": %.3f, "errors": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
