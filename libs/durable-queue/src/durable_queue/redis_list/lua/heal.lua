-- Make the indexes agree with the messages: after a restore, a hand edit, a bug. Idempotent.
-- ARGV 1 how many lanes there are 2.. the lanes, then ids
-- Returns how many were repaired.
local mended = 0
local lanes, ids = {}, {}
for i = 2, #ARGV do
  local list = i < ARGV[1] + 2 and lanes or ids
  list[#list + 1] = ARGV[i]
end

local function is_in(index, id)
  return type(redis.pcall('ZSCORE', index, id)) == 'string'
end

-- The ways back, by state; each returns true if there was something to repair.
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
  local kept = kept_of(id, 'du', 'rs', 'rd', 'ex')
  local since = tonumber(kept[2])
  if not since or since <= now then
    return redis.call('ZADD', key(lane, 'delay'), 'NX', kept[1] or now, id) == 1
  end
  -- It rests for a while, since a time that is still to come: the clock was set back.
  park(lane, id, now + kept[3], tonumber(kept[4]), 'rs', now)
  return true
end

function mend.dead(id)
  return redis.call('ZADD', P .. ':dead', 'NX', now, id) == 1
end

function mend.done(id)
  return on_key('ZADD', P .. ':ended', 'NX', whole(kept_of(id, 'n:ut')[1]) or now, id) == 1
end
mend.cancelled, mend.expired, mend.deleted = mend.done, mend.done, mend.done

-- Where a message is whose state can't be read: in the lane whose index has it, else in the first.
-- One that has ended stays as it is until it is forgotten.
local function lane_of(id)
  if is_in(P .. ':ended', id) then return nil end
  for _, lane in ipairs(lanes) do
    for _, part in ipairs({'wait', 'lease', 'delay'}) do
      if is_in(key(lane, part), id) then return lane end
    end
  end
  return lanes[1]
end

-- Earlier releases noted there when to forget each; the retention counts when it is looked at.
redis.call('UNLINK', P .. ':gone')

for _, id in ipairs(ids) do
  local kept = kept_of(id, 'st', 'ln')
  local lane = kept[2] or lane_of(id)
  if lane and condemn(id, lane) then
    mended = mended + 1
    kept = {}
  end
  if kept[1] and kept[2] and mend[kept[1]] and mend[kept[1]](id, kept[2]) then
    mended = mended + 1
  end
end
return mended
