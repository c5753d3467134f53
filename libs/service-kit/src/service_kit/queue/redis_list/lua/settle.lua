-- End a lease with a verdict.
-- ARGV 1 id 2 token 3 verdict (ack, forward, retry, defer, dead_letter or release) 4 note
--      5 delay ms (retry, defer, release), the lane (forward) or the error (dead_letter)
--      6 max attempts from now on ('' as before; forward)
-- Returns 'OK' or 'LOST'. The same verdict with the same token again is 'OK' and changes nothing.
local id, token, verdict, note, detail = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local hash, op = event(id), token .. '/' .. verdict
local kept = redis.call('HMGET', hash, 'st', 'tok', 'ln', 'ex', 'at', 'mx', 'dl', 'op')
local state, lane, ex = kept[1], kept[3], tonumber(kept[4])
if kept[2] ~= token or (state ~= 'leased' and state ~= 'started') then
  return kept[8] == op and 'OK' or 'LOST'
end
redis.call('ZREM', key(lane, 'lease'), id)
redis.call('HDEL', hash, 'tok')
redis.call('HSET', hash, 'op', op)

-- Waits for its next turn, at the back, or at the front if it was handed back untried.
local function wait_again(change, put)
  local delay = tonumber(detail)
  local due = delay > 0 and now + delay or 0
  if due > 0 then park(lane, id, due, ex) else put(lane, id) end
  record(change, id, lane, now, due, note)
end

local function die(change, reason)
  bury(id, reason)
  record(change, id, lane, now, 0, note)
end

local settle = {}

function settle.ack()
  finish(id, 'done')
  record('done', id, lane, now, 0, note)
end

function settle.forward()
  redis.call('HDEL', hash, 'at', 'dl', 'df')
  if ARGV[6] ~= '' then redis.call('HSET', hash, 'mx', ARGV[6]) end
  push(detail, id)
  record('forwarded', id, detail, now, 0, note)
end

function settle.retry()
  local attempts = (kept[5] or 0) + 1
  redis.call('HDEL', hash, 'dl')
  redis.call('HSET', hash, 'at', attempts)
  if attempts >= tonumber(kept[6] or 1) then
    die('exhausted', 'attempts exhausted: ' .. attempts)
  else
    wait_again('retried', push)
  end
end

function settle.defer()
  redis.call('HDEL', hash, 'dl')
  redis.call('HINCRBY', hash, 'df', 1)
  wait_again('deferred', push)
end

function settle.dead_letter()
  die('dead', detail)
end

function settle.release()
  if tonumber(kept[7] or 0) >= MAX_DELIVERIES then
    die('poisoned', 'poison: ' .. kept[7] .. ' deliveries without an outcome')
  else
    wait_again('released', unshift)
  end
end

settle[verdict]()
return 'OK'
