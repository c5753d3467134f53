-- End a lease with a verdict.
-- ... 1 id 2 token 3 verdict (ack, forward, retry, defer, dead_letter, release, or give_back:
--     no worker has seen it, as if it had never been claimed) 4 note
--     5 delay ms (retry, defer, release), the lane (forward) or the error (dead_letter)
--     6 '1' if it is unknown whether what was started had its effect (retry, dead_letter)
--     7 how far its workers came (retry, defer; optional)
-- Returns 'OK' or 'LOST'. The same verdict with the same token again is 'OK' and changes nothing.
local id, token, verdict, note, detail, uncertain, progress = ...
local kept = kept_of(id,
  'st', 'tok', 'ln', 'ex', 'at', 'mx', 'dl', 'df', 'op')
local state, lane, ex = kept[1], kept[3], tonumber(kept[4])
if kept[2] ~= token or (state ~= 'leased' and state ~= 'started') or not lane then
  return kept[2] == token and kept[9] == verdict and 'OK' or 'LOST'
end
redis.call('ZREM', key(lane, 'lease'), id)
if uncertain == '1' then redis.call('HSET', event(id), 'unc', 1) end
if progress then redis.call('HSET', event(id), 'pg', progress) end
if verdict ~= 'ack' and condemn(id, lane) then return 'OK' end

-- Waits for its next turn, at the back, or at the front if it was handed back untried.
local function wait_again(change, put, ...)
  local delay = tonumber(detail)
  local due = delay > 0 and now + delay or 0
  if due > 0 then
    park(lane, id, due, ex, 'rs', now, 'rd', delay, 'op', verdict, ...)
  else
    put(lane, id, 'op', verdict, ...)
  end
  record(change, id, lane, now, due, note)
end

local function die(change, reason)
  dead_letter(id, reason, verdict)
  record_end(change, id, lane, note)
end

if verdict == 'ack' then
  finish(id, 'done', verdict)
  record('done', id, lane, now, 0, note)
elseif verdict == 'forward' then
  push(detail, id, 'op', verdict, 'at', 0, 'dl', 0, 'df', 0)
  record('forwarded', id, detail, now, 0, note)
elseif verdict == 'retry' then
  local attempts = (kept[5] or 0) + 1
  if attempts >= tonumber(kept[6] or 1) then
    die('exhausted', 'attempts exhausted: ' .. attempts)
  else
    wait_again('retried', push, 'at', attempts, 'dl', 0)
  end
elseif verdict == 'defer' then
  wait_again('deferred', push, 'df', (kept[8] or 0) + 1, 'dl', 0)
elseif verdict == 'dead_letter' then
  die('dead', detail)
elseif verdict == 'give_back' then
  unshift(lane, id, 'op', verdict, 'dl', kept[7] - 1)
elseif tonumber(kept[7] or 0) >= MAX_DELIVERIES then
  die('poisoned', 'poison: ' .. kept[7] .. ' deliveries without an outcome')
else
  wait_again('released', unshift)
end
return 'OK'
