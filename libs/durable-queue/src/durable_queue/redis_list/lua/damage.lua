-- What becomes of a key that somebody, or a bug, has made something else of: it is put aside, with
-- its type and all that is in it, so that what it is in the way of goes on.
local function put_aside(name)
  redis.call('RENAME', name, P .. ':damaged:' .. now .. ':' .. name)
end

local function is_wrong_type(reply)
  return type(reply) == 'table' and reply.err and string.find(reply.err, 'WRONGTYPE', 1, true)
end

-- Runs a command on a key; what is in its way is put aside first.
local function on_key(command, name, ...)
  local reply = redis.pcall(command, name, ...)
  if is_wrong_type(reply) then
    put_aside(name)
    return redis.call(command, name, ...)
  end
  if type(reply) == 'table' and reply.err then error(reply) end
  return reply
end

-- The fields of a hash; none of a key that is no hash.
local function fields_of(name, ...)
  local kept = redis.pcall('HMGET', name, ...)
  return kept.err and {} or kept
end

-- The whole number that a field holds, as all that the scripts write are; nil of anything else. Lua
-- alone would take `1.5`, `0x10` and `nan` for numbers, and later readers would not.
local function whole(text)
  return text and #text <= 16 and string.match(text, '^%-?%d+$') and tonumber(text) or nil
end
