#!lua flags=no-writes,allow-oom
-- Read records, each as it is at one moment.
-- KEYS 1 the key prefix
-- ARGV ids
-- Returns the fields and the timeline of each, all nil where nothing is known, or where
-- a key is of another type: the others are read all the same.
-- A script and not MULTI, which Redis refuses when its memory is full, even for reads.
local found = {}
for i, id in ipairs(ARGV) do
  local record = redis.pcall('HMGET', KEYS[1] .. ':e:' .. id,
    'n:s', 'n:r', 'n:c', 'n:a', 'n:u', 'n:ct', 'n:ut', 'n:nx')
  if record.err then record = {false, false, false, false, false, false, false, false} end
  local timeline = redis.pcall('GET', KEYS[1] .. ':t:' .. id)
  record[9] = type(timeline) == 'string' and timeline
  found[i] = record
end
return found
