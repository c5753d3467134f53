#!lua flags=no-writes,allow-oom
-- Read records, each as it is at one moment.
-- KEYS 1 the key prefix
-- ARGV ids
-- Returns for each {its text}; of what the release before wrote, FORMER_COLUMNS and the timeline. Where
-- nothing is known, or where a key is of another type, it is {}: the others are read all the same.
-- A script and not MULTI, which Redis refuses when its memory is full, even for reads.
local found = {}
for i, id in ipairs(ARGV) do
  local text = redis.pcall('GET', KEYS[1] .. ':e:' .. id)
  found[i] = text and {text} or {}
  if type(text) == 'table' then
    local record = redis.pcall('HMGET', KEYS[1] .. ':e:' .. id, unpack(FORMER_COLUMNS))
    local timeline = redis.pcall('GET', KEYS[1] .. ':t:' .. id)
    record[#FORMER_COLUMNS + 1] = type(timeline) == 'string' and timeline
    found[i] = record.err and {} or record
  end
end
return found
