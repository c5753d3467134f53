#!lua flags=no-writes,allow-oom
-- Read records, each as it is at one moment.
-- KEYS 1 the key prefix
-- ARGV ids
-- Returns HASH_FIELDS and the timeline of each, all nil where nothing is known, or where
-- a key is of another type: the others are read all the same.
-- A script and not MULTI, which Redis refuses when its memory is full, even for reads.
local found = {}
for i, id in ipairs(ARGV) do
  local record = redis.pcall('HMGET', KEYS[1] .. ':e:' .. id, unpack(HASH_FIELDS))
  if record.err then
    record = {}
    for j = 1, #HASH_FIELDS do record[j] = false end
  end
  local timeline = redis.pcall('GET', KEYS[1] .. ':t:' .. id)
  record[#HASH_FIELDS + 1] = type(timeline) == 'string' and timeline
  found[i] = record
end
return found
