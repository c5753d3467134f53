-- Make the indexes agree with the messages: after a restore, a hand edit, a bug. Idempotent.
-- ARGV ids
-- Returns how many were mended.
local mended = 0

local function is_in(index, id)
  return redis.call('ZSCORE', index, id)
end

-- The ways back, by state; each returns true if there was something to mend.
local mend = {}

function mend.queued(id, lane)
  if is_in(key(lane, 'wait'), id) then return false end
  push(lane, id)
  return true
end

function mend.leased(id, lane)
  return redis.call('ZADD', key(lane, 'lease'), 'NX', now, id) == 1
end
mend.started = mend.leased

function mend.delayed(id, lane)
  local due = redis.call('HGET', event(id), 'du') or now
  return redis.call('ZADD', key(lane, 'delay'), 'NX', due, id) == 1
end

function mend.dead(id)
  return redis.call('ZADD', P .. ':dead', 'NX', now, id) == 1
end

function mend.done(id)
  return redis.call('ZADD', P .. ':gone', 'NX', now + RETENTION_MS, id) == 1
end
mend.cancelled, mend.expired, mend.deleted = mend.done, mend.done, mend.done

for _, id in ipairs(ARGV) do
  local kept = redis.call('HMGET', event(id), 'st', 'ln')
  if kept[1] and kept[2] and mend[kept[1]] and mend[kept[1]](id, kept[2]) then
    mended = mended + 1
  end
end
return mended
