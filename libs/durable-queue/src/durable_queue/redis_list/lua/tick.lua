-- One round of upkeep of a lane: at most LIMIT messages of each kind. Any number of processes
-- may call it at once.
-- ... 1 lane 2 what Redis's clock should show by the caller's monotonic one ('' if it can't tell)
-- Returns {promoted, leases expired, died, tickets issued again, expired, now, ms until the next is
-- due or -1, 1 if the lane holds nothing}.
local lane, expected = ...
expected = tonumber(expected)
local promoted, leases_expired, died, reissued, expired = 0, 0, 0, 0, 0
local wait, ready, mark = key(lane, 'wait'), key(lane, 'ready'), key(lane, 'wm')
if redis.call('EXISTS', wait, ready, key(lane, 'lease'), key(lane, 'delay')) == 0 then
  return {0, 0, 0, 0, 0, now, -1, 1}
end
-- Where all that there is waits for a time, and the first time has not come, that is all.
if redis.call('EXISTS', wait, ready, key(lane, 'lease')) == 0 then
  local first = redis.pcall('ZRANGE', key(lane, 'delay'), 0, 0, 'WITHSCORES')
  if first[2] and first[2] - now > 0 then return {0, 0, 0, 0, 0, now, first[2] - now, 0} end
end

-- Tickets leave the list at its head, and their numbers grow towards its tail. So a waiting message
-- whose number is below one at the head, and whose ticket isn't there, has had its ticket popped.
-- If that was so GRACE_MS ago and it is not claimed, the popper died: it gets its ticket back.
local function highest_at_head()
  local head = redis.call('LRANGE', ready, 0, 15)
  if #head == 0 then return tonumber(redis.call('GET', key(lane, 'seq')) or '0') + 1 end
  local highest = nil
  for _, element in ipairs(head) do
    local seq = tonumber(string.match(element, '^(%-?%d+)|'))
    if seq and (not highest or seq > highest) then highest = seq end
  end
  return highest -- nil: bytes pushed by hand only, which say nothing of numbers
end

local function reissue(below)
  local lost = redis.call(
    'ZREVRANGEBYSCORE', wait, '(' .. below, '-inf', 'WITHSCORES', 'LIMIT', 0, LIMIT)
  if #lost == 0 then return end
  local listed = {}
  for _, element in ipairs(redis.call('LRANGE', ready, 0, LIMIT + 15)) do listed[element] = true end
  for i = 1, #lost, 2 do -- highest first, each before the last, so that their order is restored
    local ticket = lost[i + 1] .. '|' .. lost[i]
    if not listed[ticket] then
      redis.call('LPUSH', ready, ticket)
      reissued = reissued + 1
    end
  end
  if #lost == 2 * LIMIT then redis.call('HSET', mark, 's', lost[#lost]) end
  return #lost == 2 * LIMIT
end

-- What of the lane's own keys is damaged is made anew: lost tickets are issued again below, and the
-- audit restores the indexes.
local kinds = {ready = 'list', wait = 'zset', lease = 'zset', delay = 'zset', wm = 'hash'}
for part, kind in pairs(kinds) do
  local found = redis.call('TYPE', key(lane, part)).ok
  if found ~= kind and found ~= 'none' then put_aside(key(lane, part)) end
end
local seq = redis.pcall('GET', key(lane, 'seq'))
if seq and (seq.err or not tonumber(seq)) then next_number(lane) end

local last = redis.call('HMGET', mark, 's', 't')
if (last[1] and not tonumber(last[1])) or (last[2] and not tonumber(last[2])) then
  redis.call('DEL', mark)
  last = {}
end
local since_last = last[2] and now - tonumber(last[2])
if not since_last or since_last >= GRACE_MS or since_last < 0 then -- below 0: the clock was set back
  local is_more = last[1] and reissue(last[1])
  local highest = not is_more and highest_at_head()
  if highest then redis.call('HSET', mark, 's', highest, 't', now) end
end

-- Somebody has set Redis's clock: all leases run anew, or those of live workers would end at once,
-- or those of dead ones in an hour. One that is renewed has two thirds left, so a smaller jump is harmless.
-- A caller that has not seen the clock before can't tell whether it was set, so it takes nothing back yet; but
-- none may end later than any lease does.
local leases = key(lane, 'lease')
local function run_anew(from)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, from, '+inf')) do
    redis.call('ZADD', leases, LEASE_END, id)
  end
end
if not expected then
  run_anew(now + 10 * LEASE_MS)
elseif math.abs(now - expected) > LEASE_MS / 2 then
  run_anew('-inf')
end

local function due(part)
  return redis.call('ZRANGEBYSCORE', key(lane, part), '-inf', now, 'LIMIT', 0, LIMIT)
end

-- Calls `move` for a message that is in one of the two states; else its index entry is astray.
local function move_from(part, id, one, other, move)
  redis.call('ZREM', key(lane, part), id)
  local m = load(id)
  if m and condemn(m, lane) then
    died = died + 1
  elseif m and (m.st == one or m.st == other) and m.ln == lane then
    move(m)
  end
end

local function promote(m)
  local ex = tonumber(m.ex)
  if ex and ex <= now then
    expire(m)
    expired = expired + 1
  else
    push(m, lane)
    tell(m, 'promoted', 0, '')
    save(m)
    promoted = promoted + 1
  end
end

local function take_back(m)
  local is_started = m.st == 'started'
  if is_started then m.unc = '1' end
  if is_started and m.am == 'hold' then
    dead_letter(m, 'ambiguous')
    tell_end(m, 'ambiguous', '')
    died = died + 1
  elseif (tonumber(m.dl) or 0) >= MAX_DELIVERIES then
    dead_letter(m, 'poisoned')
    tell_end(m, 'poisoned', '')
    died = died + 1
  else
    m.op = 'lease_lost'
    unshift(m, lane)
    tell(m, 'lease_lost', 0, '')
    leases_expired = leases_expired + 1
  end
  save(m)
end

for _, id in ipairs(due('delay')) do move_from('delay', id, 'delayed', 'delayed', promote) end
-- Latest first: each is put before the others, so those received first are received first again.
local silent = expected and due('lease') or {}
for i = #silent, 1, -1 do move_from('lease', silent[i], 'leased', 'started', take_back) end

local next_due = redis.call('ZRANGE', key(lane, 'delay'), 0, 0, 'WITHSCORES')[2]
local due_in = next_due and math.max(next_due - now, 0) or -1
return {promoted, leases_expired, died, reissued, expired, now, due_in, 0}
