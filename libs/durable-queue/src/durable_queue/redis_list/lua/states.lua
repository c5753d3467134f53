-- What the scripts share: where a message can be, and the only ways in and out.
-- A message's text says the truth in `st`; the sorted sets are its index, the list is a hint. The ways
-- change the message in hand; whoever goes them saves it, once.
local function kept_of(id, ...)
  local m, kept = load(id), {}
  for i, name in ipairs({...}) do kept[i] = m and m[name] ~= '' and m[name] or false end
  return kept
end

local function tell(m, change, due, note, uncertain)
  local its = recorder()
  m.kept = m.kept or its.opened(m.told, tonumber(m.born) or now)
  its.record(change, m.id, m.ln, now, due, note, uncertain, m.kept)
end

-- Tells the recorder of an end: where an earlier start may have had its effect, it says so.
local function tell_end(m, change, note) tell(m, change, 0, note, m.unc == '1') end

local function next_number(lane)
  local seq = redis.pcall('INCR', key(lane, 'seq'))
  if type(seq) == 'number' then return seq end
  put_aside(key(lane, 'seq')) -- no number, or not even a string: go on after the highest that waits
  local highest = redis.call('ZREVRANGE', key(lane, 'wait'), 0, 0, 'WITHSCORES')[2] or 0
  redis.call('SET', key(lane, 'seq'), string.format('%d', math.max(highest, 0)))
  return redis.call('INCR', key(lane, 'seq'))
end

-- queued, behind all others of the lane
local function push(m, lane)
  local seq = string.format('%d', next_number(lane))
  m.st, m.ln, m.ws = 'queued', lane, NOW ~= m.born and NOW or ''
  redis.call('ZADD', key(lane, 'wait'), seq, m.id)
  redis.call('RPUSH', key(lane, 'ready'), seq .. '|' .. m.id)
end

-- queued, before all others of the lane: it was at the front before, and a backlog must not hold
-- it up a second time
local function unshift(m, lane)
  local first = redis.call('ZRANGE', key(lane, 'wait'), 0, 0, 'WITHSCORES')[2]
  local seq = first and first - 1 or next_number(lane)
  m.st, m.ln, m.ws = 'queued', lane, NOW
  redis.call('ZADD', key(lane, 'wait'), seq, m.id)
  redis.call('LPUSH', key(lane, 'ready'), seq .. '|' .. m.id)
end

-- delayed; looked at again when it is due or expires, whichever is first
local function park(m, lane, due)
  local ex = tonumber(m.ex)
  m.st, m.ln, m.du = 'delayed', lane, ex and math.min(due, ex) or due
  redis.call('ZADD', key(lane, 'delay'), m.du, m.id)
end

-- ended: its bytes go now, its text when the retention is over
local function finish(m, state, op)
  redis.call('DEL', payload(m.id))
  m.st, m.op, m.over = state, op, now - m.born
  note_end(m)
end

-- expired: too late for another start
local function expire(m)
  finish(m, 'expired', 'expired')
  tell_end(m, 'expired', '')
  save(m)
end

-- dead: kept with its bytes until it is replayed or deleted
local function dead_letter(m, op)
  m.st, m.op = 'dead', op
  on_key('ZADD', P .. ':dead', now, m.id)
end

local STATES = {
  queued = true, leased = true, started = true, delayed = true,
  done = false, dead = false, cancelled = false, expired = false, deleted = false,
}
local NUMBERS = {'ex', 'dl', 'at', 'mx', 'df', 'du', 'rs', 'rd'}

-- Says what is damaged of a message that is under way; nil if nothing is.
local function damage_of(m, body)
  if m.damage then return m.damage end
  if STATES[m.st] == false then return nil end
  if not STATES[m.st] or m.ln == '' then return 'its state names no state or no lane' end
  for i = 1, #NUMBERS do
    local name = NUMBERS[i]
    local value = m[name]
    if value ~= '' and not whole(value) then
      local shown = string.gsub(string.sub(value, 1, 40), '[^%w%p ]', '?')
      return name .. ' of its state is no number: ' .. shown
    end
  end
  if is_wrong_type(body or redis.pcall('STRLEN', payload(m.id))) then
    return 'its body is a ' .. redis.call('TYPE', payload(m.id)).ok .. ', not a string'
  end
end

-- Makes a dead letter of a message that is damaged; all that there is of it is kept. Returns
-- whether it was. `body` is what Redis replied when it was asked for it, if it was.
local function condemn(m, lane, body)
  local damage = damage_of(m, body)
  if not damage then return false end
  for _, part in ipairs({'wait', 'lease', 'delay'}) do redis.call('ZREM', key(lane, part), m.id) end
  if m.damage then put_aside(event(m.id)) end
  m.ln, m.mx = lane, m.mx ~= '' and m.mx or RAW_ATTEMPTS
  dead_letter(m, 'damaged')
  tell_end(m, 'damaged', damage)
  save(m)
  return true
end

-- How many messages wait in each lane of which a script asked. What waits for its time counts as much as
-- what waits for its turn.
local waiting = {}
local function is_full(lane)
  waiting[lane] = (waiting[lane]
    or redis.call('ZCARD', key(lane, 'wait')) + redis.call('ZCARD', key(lane, 'delay'))) + 1
  return waiting[lane] > MAX_WAITING
end

local function has_token(m, token)
  return m.tok == token or (HAS_ENDED[m.st] and m.tok == end_of(token))
end

-- Whether a message is held by the claim of this token.
local function is_held(m, token)
  return m and m.tok == token and (m.st == 'leased' or m.st == 'started') and m.ln ~= ''
end
