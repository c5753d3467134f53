-- Remove ended messages whose retention is over, at most LIMIT of them.
-- Returns how many were looked at.
local over = redis.call('ZRANGEBYSCORE', P .. ':gone', '-inf', now, 'LIMIT', 0, LIMIT)
local ended = {done = true, cancelled = true, expired = true, deleted = true}
for _, id in ipairs(over) do
  redis.call('ZREM', P .. ':gone', id)
  local state = redis.call('HGET', event(id), 'st')
  if state and ended[state] then
    forget(id)
    redis.call('DEL', event(id), payload(id))
  end
end
return #over
