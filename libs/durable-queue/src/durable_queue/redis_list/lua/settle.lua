-- End a lease with a verdict.
-- ... 1 id 2 token 3 verdict (ack, forward, retry, defer, dead_letter, release, or give_back:
--     no worker has seen it, as if it had never been claimed) 4 note
--     5 delay ms (retry, defer, release), the lane (forward) or the error (dead_letter)
--     6 '1' if it is unknown whether what was started had its effect (retry, dead_letter)
--     7 how far its workers came (retry, defer; optional)
-- Returns 'OK' or 'LOST'. The same verdict with the same token again is 'OK' and changes nothing.
local id, token, verdict, note, detail, uncertain, progress = ...
local m = load(id)
if not is_held(m, token) then
  return m and m.op == verdict and has_token(m, token) and 'OK' or 'LOST'
end
local lane = m.ln
redis.call('ZREM', key(lane, 'lease'), id)
if uncertain == '1' then m.unc = '1' end
if progress then m.pg = escaped(progress) end
if verdict ~= 'ack' and condemn(m, lane) then return 'OK' end
m.op = verdict

-- Waits for its next turn, at the back, or at the front if it was handed back untried.
local function wait_again(change, put)
  local delay = tonumber(detail)
  local due = delay > 0 and now + delay or 0
  if due > 0 then
    m.rs, m.rd = now, delay
    park(m, lane, due)
  else
    put(m, lane)
  end
  tell(m, change, due, note)
end

local function die(change)
  dead_letter(m, verdict)
  tell_end(m, change, note)
end

if verdict == 'ack' then
  finish(m, 'done', verdict)
  tell(m, 'done', 0, note)
elseif verdict == 'forward' then
  m.at, m.dl, m.df = '', '', ''
  push(m, detail)
  tell(m, 'forwarded', 0, note)
elseif verdict == 'retry' then
  local attempts = (tonumber(m.at) or 0) + 1
  if attempts >= (tonumber(m.mx) or 1) then
    die('exhausted')
  else
    m.at, m.dl = attempts, ''
    wait_again('retried', push)
  end
elseif verdict == 'defer' then
  m.df, m.dl = (tonumber(m.df) or 0) + 1, ''
  wait_again('deferred', push)
elseif verdict == 'dead_letter' then
  die('dead')
elseif verdict == 'give_back' then
  m.dl = m.dl - 1
  unshift(m, lane)
elseif (tonumber(m.dl) or 0) >= MAX_DELIVERIES then
  die('poisoned')
else
  wait_again('released', unshift)
end
save(m)
return 'OK'
