-- Follows the recorder's source: the one place where an ended message goes for good.
-- Forgets what ended before a time, at most `limit`, what ended first first. Returns how many were
-- looked at. Where a queue on another broker has the messages, their hashes have no state.
local function forget_ended(before, limit)
  local over = on_key('ZRANGEBYSCORE', P .. ':ended', '-inf', before, 'LIMIT', 0, limit)
  local ended = {done = true, cancelled = true, expired = true, deleted = true}
  for _, id in ipairs(over) do
    local state = fields_of(P .. ':e:' .. id, 'st')[1]
    if not state or ended[state] then
      forget(id)
      redis.call('DEL', P .. ':e:' .. id, P .. ':b:' .. id)
    end
    redis.call('ZREM', P .. ':ended', id)
  end
  return #over
end
