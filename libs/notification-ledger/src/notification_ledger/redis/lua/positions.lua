#!lua flags=no-writes,allow-oom
-- Read several indexes at one moment: what moves from one to another is in exactly one of them.
-- KEYS indexes
-- ARGV 1 the highest position 2 how many of each, then for each: how many to pass over, and the score of
--      position 0, '' of an index that has no other scores than positions
-- Returns {id, position, id, position, ...} of each, highest first.
local found = {}
for i, index in ipairs(KEYS) do
  local base = ARGV[2 * i + 2]
  local entries = redis.pcall('ZREVRANGEBYSCORE', index, ARGV[1] + (tonumber(base) or 0),
    base == '' and '-inf' or base, 'WITHSCORES', 'LIMIT', ARGV[2 * i + 1], ARGV[2])
  if base ~= '' then
    for j = 2, #entries, 2 do entries[j] = string.format('%d', entries[j] - base) end
  end
  found[i] = entries.err and {} or entries -- one that is damaged hides none of the others
end
return found
