-- Pipelining for wrk, and its result as one exact line: wrk's own report rounds the bytes.
-- Arguments: the depth, and for writes a method and a body. A batch is sent, all of it awaited, and
-- sent again.

function init(args)
  local depth = tonumber(args[1])
  if args[2] then wrk.method, wrk.body = args[2], args[3] end
  if depth > 1 then
    local batch = string.rep(wrk.format(), depth)
    request = function() return batch end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "result requests=%d bytes=%d durationUs=%d status=%d connect=%d read=%d write=%d timeout=%d p99Us=%d\n",
    summary.requests, summary.bytes, summary.duration, errors.status,
    errors.connect, errors.read, errors.write, errors.timeout, latency:percentile(99)))
end
