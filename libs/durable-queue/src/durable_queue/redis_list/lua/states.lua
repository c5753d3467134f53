-- What the scripts share: where a message can be, and the only ways in and out.
-- A message's hash says the truth in `st`; the sorted sets are its index, the list is a hint.
-- Each way takes further fields for the hash, so that it is written once.
local function event(id) return P .. ':e:' .. id end
local function payload(id) return P .. ':b:' .. id end
local function key(lane, part) return P .. ':' .. lane .. ':' .. part end
local function kept_of(id, ...) return fields_of(event(id), ...) end

local function next_number(lane)
  local seq = redis.pcall('INCR', key(lane, 'seq'))
  if type(seq) == 'number' then return seq end
  put_aside(key(lane, 'seq')) -- no number, or not even a string: go on after the highest that waits
  local highest = redis.call('ZREVRANGE', key(lane, 'wait'), 0, 0, 'WITHSCORES')[2] or 0
  redis.call('SET', key(lane, 'seq'), string.format('%d', math.max(highest, 0)))
  return redis.call('INCR', key(lane, 'seq'))
end

-- queued, behind all others of the lane
local function push(lane, id, ...)
  local seq = next_number(lane)
  redis.call('HSET', event(id), 'st', 'queued', 'ln', lane, 'ws', now, ...)
  redis.call('ZADD', key(lane, 'wait'), seq, id)
  redis.call('RPUSH', key(lane, 'ready'), seq .. '|' .. id)
end

-- queued, before all others of the lane: it was at the front before, and a backlog must not hold
-- it up a second time
local function unshift(lane, id, ...)
  local first = redis.call('ZRANGE', key(lane, 'wait'), 0, 0, 'WITHSCORES')[2]
  local seq = first and first - 1 or next_number(lane)
  redis.call('HSET', event(id), 'st', 'queued', 'ln', lane, 'ws', now, ...)
  redis.call('ZADD', key(lane, 'wait'), seq, id)
  redis.call('LPUSH', key(lane, 'ready'), seq .. '|' .. id)
end

-- delayed; looked at again when it is due or expires, whichever is first
local function park(lane, id, due, ex, ...)
  local look_at = ex and math.min(due, ex) or due
  redis.call('HSET', event(id), 'st', 'delayed', 'ln', lane, 'du', look_at, ...)
  redis.call('ZADD', key(lane, 'delay'), look_at, id)
end

-- ended: its bytes go now, its hash when the retention is over
local function finish(id, state, op)
  redis.call('DEL', payload(id))
  redis.call('HDEL', event(id), 'mx', 'ex', 'at', 'dl', 'df', 'ws', 'du', 'am', 'er', 'pg')
  redis.call('HSET', event(id), 'st', state, 'op', op)
  on_key('ZADD', P .. ':ended', now, id)
end

-- Tells the recorder of an end: where an earlier start may have had its effect, it says so.
local function record_end(change, id, lane, note)
  record(change, id, lane, now, 0, note, redis.call('HGET', event(id), 'unc') == '1')
end

-- expired: too late for another start
local function expire(id, lane)
  finish(id, 'expired', 'expired')
  record_end('expired', id, lane, '')
end

-- dead: kept with its bytes until it is replayed or deleted
local function dead_letter(id, reason, op)
  redis.call('HSET', event(id), 'st', 'dead', 'er', reason, 'op', op)
  redis.call('ZADD', P .. ':dead', now, id)
end

local STATES = {
  queued = true, leased = true, started = true, delayed = true,
  done = false, dead = false, cancelled = false, expired = false, deleted = false,
}
local NUMBERS = {'ex', 'dl', 'at', 'mx', 'df', 'du', 'rs', 'rd'}

-- Says what is damaged of a message that is under way; nil if nothing is.
local function damage_of(id)
  local kept = redis.pcall('HMGET', event(id), 'st', 'ln', unpack(NUMBERS))
  if kept.err then return 'its state is a ' .. redis.call('TYPE', event(id)).ok .. ', not a hash' end
  local state, lane = kept[1], kept[2]
  if STATES[state] == false then return nil end
  if not STATES[state] or not lane then return 'its state names no state or no lane' end
  for i, name in ipairs(NUMBERS) do
    local value = kept[i + 2]
    if value and not whole(value) then
      local shown = string.gsub(string.sub(value, 1, 40), '[^%w%p ]', '?')
      return name .. ' of its state is no number: ' .. shown
    end
  end
  if is_wrong_type(redis.pcall('STRLEN', payload(id))) then
    return 'its body is a ' .. redis.call('TYPE', payload(id)).ok .. ', not a string'
  end
end

-- Makes a dead letter of a message that is damaged; all that there is of it is kept. Returns
-- whether it was.
local function condemn(id, lane)
  local damage = damage_of(id)
  if not damage or redis.call('EXISTS', event(id)) == 0 then return false end
  for _, part in ipairs({'wait', 'lease', 'delay'}) do redis.call('ZREM', key(lane, part), id) end
  on_key('HSET', event(id), 'ln', lane)
  redis.call('HSETNX', event(id), 'mx', RAW_ATTEMPTS)
  dead_letter(id, 'damaged: ' .. damage, 'damaged')
  record_end('damaged', id, lane, damage)
  return true
end
