-- Forgets what ended before a time, at most `limit`, what ended first first. Returns how many.
local function forget_ended(before, limit)
  local over = on_key('ZRANGEBYSCORE', P .. ':ended', '-inf', before, 'LIMIT', 0, limit)
  for _, id in ipairs(over) do
    forget(id)
    redis.call('DEL', P .. ':e:' .. id)
    redis.call('ZREM', P .. ':ended', id)
  end
  return #over
end
