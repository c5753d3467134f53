-- Forgets what has ended before a time, what ended first first.
-- ARGV 1 before ms 2 at most 3 '1' to count only
-- Returns how many.
local till = ARGV[1] - 1
return ARGV[3] == '1' and count_ended(till) or forget_ended(till, ARGV[2])
