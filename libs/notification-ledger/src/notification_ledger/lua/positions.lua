#!lua flags=no-writes,allow-oom
-- Read several indexes at one moment: what moves from one to another is in exactly one of them.
-- KEYS indexes
-- ARGV 1 the highest score 2 how many of each 3.. how many to pass over, for each
-- Returns {id, score, id, score, ...} of each, highest first.
local found = {}
for i, index in ipairs(KEYS) do
  found[i] = redis.call('ZREVRANGEBYSCORE', index, ARGV[1], '-inf', 'WITHSCORES',
    'LIMIT', ARGV[i + 2], ARGV[2])
end
return found
