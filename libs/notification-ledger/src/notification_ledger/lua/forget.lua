-- Follows record.lua: forgets what has ended before a time, what ended first first.
-- ARGV 1 before ms 2 at most 3 '1' to count only
-- Returns how many.
local before, limit = '(' .. ARGV[1], ARGV[2]
local ended = P .. ':ended'
if ARGV[3] == '1' then return redis.call('ZCOUNT', ended, '-inf', before) end
local over = on_key('ZRANGEBYSCORE', ended, '-inf', before, 'LIMIT', 0, limit)
for _, id in ipairs(over) do
  -- A claim says of a copy that comes again that it is old; an hour later none can be left, unless
  -- it waits among the dead letters, and what is there has not ended.
  local ended_at = tonumber(redis.call('ZSCORE', ended, id))
  if ended_at and ended_at < now - 3600000 then redis.call('DEL', P .. ':q:' .. id) end
  forget(id)
  redis.call('DEL', P .. ':e:' .. id)
  redis.call('ZREM', ended, id)
end
return #over
