-- Sends the requests of a file, each once; a thread takes every second line.
local number = 0
function setup(thread)
   thread:set("slice", number)
   number = number + 1
end
function init(args)
   requests, at, bad = {}, 0, 0
   local headers, line = {}, 0
   for text in io.lines(args[1]) do
      if line % tonumber(args[2]) == slice then
         local path, key, stamp, nonce, signature, body = text:match("([^\t]+)\t([^\t]+)\t([^\t]+)\t([^\t]+)\t([^\t]+)\t(.+)")
         requests[#requests + 1] = wrk.format("POST", path, {
            ["Content-Type"] = "application/json", ["X-Smart-Key"] = key, ["X-Smart-Timestamp"] = stamp,
            ["X-Smart-Nonce"] = nonce, ["X-Smart-Signature"] = signature }, body)
      end
      line = line + 1
   end
end
function request()
   at = at + 1
   if at > #requests then at = 1 end
   return requests[at]
end
function response(status, headers, body)
   if status ~= 200 or not body:find("continue") then bad = bad + 1 end
end
function done(summary, latency, requests)
   print(string.format("RESULT %d %d %d %.0f %.0f", summary.requests, summary.duration,
      summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
