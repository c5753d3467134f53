-- Follows message.lua: the one place where an ended message is noted, and goes for good. Those that ended
-- within a minute or so, END_STEP ms, are a list; `P:o` has the numbers of all lists.
local END_STEP = 65536
local function ended_at(m) return m.born + m.over end

local function part_of(m) return math.floor(ended_at(m) / END_STEP) end

local function note_end(m)
  local part = part_of(m)
  if on_key('RPUSH', string.format('%s:o:%d', P, part), m.id) == 1 then on_key('ZADD', P .. ':o', part, part) end
end

-- Notes the end of a message again unless it is noted; the release before did so in `P:ended`. Returns
-- whether there was something to repair. To look through a long list for each of its messages would keep
-- Redis from all else for minutes: what is missing there is noticed once its time is over.
local LONGEST_LOOK, OVERDUE_MS = 1000, 3600000
local function mend_end(m, retention)
  if type(redis.pcall('ZSCORE', P .. ':ended', m.id)) == 'string' then return false end
  local part = part_of(m)
  local list = P .. ':o:' .. part
  local is_new = on_key('ZADD', P .. ':o', part, part) == 1
  if ended_at(m) + retention + OVERDUE_MS > now then
    local length = on_key('LLEN', list)
    if length > LONGEST_LOOK or length > 0 and redis.call('LPOS', list, m.id) then return is_new end
  end
  note_end(m)
  return true
end

local function is_over(m) return not m or m.damage or m.st == '' or HAS_ENDED[m.st] end

local function forget_message(id, m)
  if is_over(m) then
    local over = m and tonumber(m.over) and ended_at(m)
    recorder().forget(id, m and m.told or '', m and tonumber(m.born) or now, over)
    redis.call('DEL', event(id), payload(id))
  end
end

-- Forgets what ended until a time, at most `limit`, what ended first first. Returns how many were
-- looked at. Where a queue on another broker has the messages, their texts name no state.
local function forget_ended(till, limit)
  limit = tonumber(limit)
  local former = on_key('ZRANGEBYSCORE', P .. ':ended', '-inf', till, 'LIMIT', 0, limit)
  for _, id in ipairs(former) do
    forget_message(id, load(id))
    redis.call('ZREM', P .. ':ended', id)
  end
  local left = limit - #former
  local parts = on_key('ZRANGEBYSCORE', P .. ':o', '-inf', math.floor(till / END_STEP), 'LIMIT', 0, limit)
  for _, part in ipairs(parts) do
    local list = P .. ':o:' .. part
    local id = on_key('LINDEX', list, 0)
    while id and left > 0 do
      local m = load(id)
      if m and tonumber(m.over) and ended_at(m) > till then return limit - left end
      forget_message(id, m)
      redis.call('LPOP', list)
      left, id = left - 1, redis.call('LINDEX', list, 0)
    end
    if id then return limit end
    redis.call('ZREM', P .. ':o', part)
  end
  return limit - left
end

-- How many ended until a time.
local function count_ended(till)
  local count = on_key('ZCOUNT', P .. ':ended', '-inf', till)
  local last = math.floor(till / END_STEP)
  for _, part in ipairs(on_key('ZRANGEBYSCORE', P .. ':o', '-inf', '(' .. last)) do
    count = count + redis.call('LLEN', P .. ':o:' .. part)
  end
  for _, id in ipairs(on_key('LRANGE', P .. ':o:' .. last, 0, -1)) do
    local m = load(id)
    if m and tonumber(m.over) and ended_at(m) <= till then count = count + 1 end
  end
  return count
end
