#!lua flags=no-writes,allow-oom
-- Read several indexes at one moment: what moves from one to another is in exactly one of them.
-- KEYS indexes
-- ARGV 1 the highest score 2 how many of each 3.. how many to pass over, for each
-- Returns {id, score, id, score, ...} of each, highest first.
local found = {}
for i, index in ipairs(KEYS) do
  local entries = redis.pcall('ZREVRANGEBYSCORE', index, ARGV[1], '-inf', 'WITHSCORES',
    'LIMIT', ARGV[i + 2], ARGV[2])
  found[i] = entries.err and {} or entries -- one that is damaged hides none of the others
end
return found
