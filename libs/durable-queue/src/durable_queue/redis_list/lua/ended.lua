-- Follows message.lua: the one place where an ended message goes for good.
-- Forgets what ended before a time, at most `limit`, what ended first first. Returns how many were
-- looked at. Where a queue on another broker has the messages, their texts name no state.
local function forget_ended(before, limit)
  local over = on_key('ZRANGEBYSCORE', P .. ':ended', '-inf', before, 'LIMIT', 0, limit)
  for _, id in ipairs(over) do
    local m = load(id)
    if not m or m.damage or m.st == '' or HAS_ENDED[m.st] then
      forget(id, m and m.told or '', m and tonumber(m.born) or now)
      redis.call('DEL', event(id), payload(id))
    end
    redis.call('ZREM', P .. ':ended', id)
  end
  return #over
end
