#!lua flags=no-writes,allow-oom
-- Read several indexes at one moment: what moves from one to another is in exactly one of them.
-- KEYS indexes
-- ARGV 1 the highest position 2 how many of each, then for each: how many to pass over, and the score of
--      position 0, '' of an index that has no other scores than positions, or 'lists' of that of lists
-- Returns {id, position, id, position, ...} of each, highest first.
local highest, count = tonumber(ARGV[1]), tonumber(ARGV[2])

local PARTS = 64

local function entries_of(list)
  local entries = redis.pcall('LRANGE', list, 0, -1)
  return entries.err and {} or entries -- one that is damaged hides none of the others
end

local function of_lists(index, offset)
  local found, passed, below = {}, 0, math.floor(highest / LIST_STEP)
  while true do -- a month has hundreds of thousands
    local parts = redis.call('ZREVRANGEBYSCORE', index, below, '-inf', 'LIMIT', 0, PARTS)
    for _, part in ipairs(parts) do
      local entries = entries_of(index .. ':' .. part)
      table.sort(entries, function(one, other) return one > other end)
      for _, entry in ipairs(entries) do
        local position = part * LIST_STEP + tonumber(string.sub(entry, 1, 3), 16)
        if position <= highest then
          passed = passed + 1
          if passed > offset then
            found[#found + 1] = string.sub(entry, 4)
            found[#found + 1] = string.format('%d', position)
          end
          if #found == 2 * count then return found end
        end
      end
      below = '(' .. part
    end
    if #parts < PARTS then return found end
  end
end

local function of_set(index, offset, base)
  local entries = redis.call('ZREVRANGEBYSCORE', index, highest + (tonumber(base) or 0),
    base == '' and '-inf' or base, 'WITHSCORES', 'LIMIT', offset, count)
  if base ~= '' then
    for i = 2, #entries, 2 do entries[i] = string.format('%d', entries[i] - base) end
  end
  return entries
end

local found = {}
for i, index in ipairs(KEYS) do
  local offset, base = tonumber(ARGV[2 * i + 1]), ARGV[2 * i + 2]
  local is_read, entries = pcall(base == 'lists' and of_lists or of_set, index, offset, base)
  found[i] = is_read and entries or {} -- one that is damaged hides none of the others
end
return found
