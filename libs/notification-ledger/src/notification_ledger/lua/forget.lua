-- Follows record.lua: forgets what has ended before a time, what ended first first.
-- ARGV 1 before ms 2 at most 3 '1' to count only
-- Returns how many.
local before, limit = '(' .. ARGV[1], ARGV[2]
local ended = P .. ':ended'
if ARGV[3] == '1' then return redis.call('ZCOUNT', ended, '-inf', before) end
local over = on_key('ZRANGEBYSCORE', ended, '-inf', before, 'LIMIT', 0, limit)
for _, id in ipairs(over) do
  forget(id)
  redis.call('DEL', P .. ':e:' .. id)
  redis.call('ZREM', ended, id)
end
return #over
