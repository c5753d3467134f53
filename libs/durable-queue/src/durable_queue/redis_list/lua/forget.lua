-- Remove ended messages whose retention is over, at most LIMIT of them.
-- Returns how many were looked at.
for _, index in ipairs({P .. ':dead', P .. ':ended'}) do
  local found = redis.call('TYPE', index).ok
  if found ~= 'zset' and found ~= 'none' then put_aside(index) end -- the audit makes it anew
end
local over = redis.call(
  'ZRANGEBYSCORE', P .. ':ended', '-inf', now - RETENTION_MS, 'LIMIT', 0, LIMIT)
local ended = {done = true, cancelled = true, expired = true, deleted = true}
for _, id in ipairs(over) do
  redis.call('ZREM', P .. ':ended', id)
  local kept = redis.pcall('HMGET', event(id), 'st')
  if kept.err or ended[kept[1]] then
    forget(id)
    redis.call('DEL', event(id), payload(id))
  end
end
return #over
