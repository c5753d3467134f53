-- Remove ended messages whose retention is over, at most LIMIT of them.
-- Returns how many were looked at.
for _, index in ipairs({P .. ':dead', P .. ':o', P .. ':ended'}) do
  local found = redis.call('TYPE', index).ok
  if found ~= 'zset' and found ~= 'none' then put_aside(index) end -- the audit makes it anew
end
return forget_ended(now - RETENTION_MS, LIMIT)
