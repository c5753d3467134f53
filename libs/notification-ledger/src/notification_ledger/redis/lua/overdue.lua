-- Counts what should have been taken up long ago.
-- ARGV 1 how long ago, ms
local late = redis.pcall('ZCOUNT', P .. ':due', '-inf', '(' .. now - ARGV[1])
return type(late) == 'number' and late or 0
