-- End what has expired of the messages that wait in a lane, at most LIMIT of which are looked at.
-- ARGV 1 lane 2 how many of those at the front were looked at before
-- Returns {how many of those at the front have been looked at, 0 at the end of the lane, expired}.
local lane, from = ARGV[1], tonumber(ARGV[2])
local expired = 0
local ids = redis.call('ZRANGE', key(lane, 'wait'), from, from + LIMIT - 1)
for _, id in ipairs(ids) do
  local m = load(id)
  local ends = m and m.st == 'queued' and m.ex ~= '' and whole(m.ex)
  if ends and ends <= now and not damage_of(m) then
    -- Its ticket in the list is spent: who pops it finds that nothing waits.
    redis.call('ZREM', key(lane, 'wait'), id)
    expire(m)
    expired = expired + 1
  end
end
return {#ids == LIMIT and from + LIMIT - expired or 0, expired}
