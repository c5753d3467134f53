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

function mend.queued(m)
  if is_in(key(m.ln, 'wait'), m.id) then return false end
  push(m, m.ln)
  save(m)
  return true
end

function mend.leased(m)
  return redis.call('ZADD', key(m.ln, 'lease'), 'NX', now, m.id) == 1
end
mend.started = mend.leased

function mend.delayed(m)
  local since = tonumber(m.rs)
  if not since or since <= now then
    return redis.call('ZADD', key(m.ln, 'delay'), 'NX', tonumber(m.du) or now, m.id) == 1
  end
  -- It rests for a while, since a time that is still to come: the clock was set back.
  m.rs = now
  park(m, m.ln, now + m.rd)
  save(m)
  return true
end

function mend.dead(m)
  return on_key('ZADD', P .. ':dead', 'NX', now, m.id) == 1
end

function mend.done(m)
  if not tonumber(m.over) or ended_at(m) > now then
    m.over = now - m.born
    save(m)
  end
  return mend_end(m, RETENTION_MS)
end
mend.cancelled, mend.expired, mend.deleted = mend.done, mend.done, mend.done

-- Where a message is whose state can't be read: in the lane whose index has it, else in the first.
-- One that has ended stays as it is until it is forgotten.
local function lane_of(m)
  local id = m.id
  if HAS_ENDED[m.st] then return nil end
  for _, lane in ipairs(lanes) do
    for _, part in ipairs({'wait', 'lease', 'delay'}) do
      if is_in(key(lane, part), id) then return lane end
    end
  end
  return redis.call('EXISTS', payload(id)) == 1 and lanes[1] or nil -- without its bytes, it has ended
end

-- Earlier releases noted there when to forget each; the retention counts when it is looked at.
redis.call('UNLINK', P .. ':gone')

for _, id in ipairs(ids) do
  local m = load(id)
  local lane = m and (m.ln ~= '' and m.ln or lane_of(m))
  local is_mended = lane and condemn(m, lane) 
    or m and (m.ln ~= '' or HAS_ENDED[m.st]) and mend[m.st] and mend[m.st](m)
  if is_mended then mended = mended + 1 end
end
return mended
