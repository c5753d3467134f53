-- What the scripts share: where a message can be, and the only ways in and out.
-- A message's hash says the truth in `st`; the sorted sets are its index, the list is a hint.
-- Each way takes further fields for the hash, so that it is written once.
local function event(id) return P .. ':e:' .. id end
local function payload(id) return P .. ':b:' .. id end
local function key(lane, part) return P .. ':' .. lane .. ':' .. part end

-- queued, behind all others of the lane
local function push(lane, id, ...)
  local seq = redis.call('INCR', key(lane, 'seq'))
  redis.call('HSET', event(id), 'st', 'queued', 'ln', lane, 'ws', now, ...)
  redis.call('ZADD', key(lane, 'wait'), seq, id)
  redis.call('RPUSH', key(lane, 'ready'), seq .. '|' .. id)
end

-- queued, before all others of the lane: it was at the front before, and a backlog must not hold
-- it up a second time
local function unshift(lane, id, ...)
  local first = redis.call('ZRANGE', key(lane, 'wait'), 0, 0, 'WITHSCORES')[2]
  local seq = first and first - 1 or redis.call('INCR', key(lane, 'seq'))
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
  redis.call('HSET', event(id), 'st', state, 'op', op)
  redis.call('ZADD', P .. ':gone', now + RETENTION_MS, id)
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
local function bury(id, reason, op)
  redis.call('HSET', event(id), 'st', 'dead', 'er', reason, 'op', op)
  redis.call('ZADD', P .. ':dead', now, id)
end
