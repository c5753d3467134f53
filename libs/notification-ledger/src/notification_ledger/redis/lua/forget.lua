-- Forgets what has ended before a time, what ended first first.
-- ARGV 1 before ms 2 at most 3 '1' to count only
-- Returns how many.
local before = '(' .. ARGV[1]
if ARGV[3] == '1' then return redis.call('ZCOUNT', P .. ':ended', '-inf', before) end
return forget_ended(before, ARGV[2])
