#!lua flags=no-writes,allow-oom
-- Read records, each as it is at one moment.
-- KEYS 1 the key prefix
-- ARGV ids
-- Returns the fields and the timeline of each, all nil where nothing is known.
-- A script and not MULTI, which Redis refuses when its memory is full, even for reads.
local found = {}
for i, id in ipairs(ARGV) do
  local record = redis.call('HMGET', KEYS[1] .. ':e:' .. id,
    'n:s', 'n:r', 'n:c', 'n:a', 'n:u', 'n:ct', 'n:ut', 'n:nx')
  record[9] = redis.call('GET', KEYS[1] .. ':t:' .. id)
  found[i] = record
end
return found
