#!lua flags=allow-oom
-- Look at the first event of a line, for the worker that holds its message.
-- ARGV 1 endpoint id 2 ordering key 3 message id
-- Returns {event, c, rv, fs, df, da, w}, or {} if there is nothing to do for this message.
local endpoint, line = ARGV[1], ARGV[1] .. '/' .. ARGV[2]
if redis.call('HGET', P .. ':lines', line) ~= ARGV[3] then return {} end
local kept = redis.call('HMGET', hash_of(endpoint), unpack(STATE))
local first = redis.call('LINDEX', list_of(line), 0)
if not first or not kept[1] or kept[4] then
  close(endpoint, line)
  return {}
end
return {first, unpack(kept, 1, #STATE)}
