-- Forward a message and start it there, under the same lease: for a worker of both lanes. Where
-- others wait in that lane it is forwarded only, and waits behind them.
-- ... 1 id 2 token 3 that lane 4 note of the forward 5 note of the start 6 and 7 as 4 and 5 of a start
-- Returns 'OK', 'FORWARDED', 'LOST' or 'EXPIRED'. Calling it again extends the lease.
local id, token, to, note, start_note, on_ambiguous, progress = ...
local kept = kept_of(id, 'st', 'tok', 'ln', 'ex', 'op')
local state, lane, ex = kept[1], kept[3], tonumber(kept[4])
if kept[2] ~= token or (state ~= 'leased' and state ~= 'started') or not lane then
  local is_same = kept[2] == token
  if is_same and kept[5] == 'forward' then return 'FORWARDED' end
  return is_same and kept[5] == 'expired' and 'EXPIRED' or 'LOST'
end
if state == 'started' and lane == to then
  redis.call('ZADD', key(lane, 'lease'), now + LEASE_MS, id)
  return 'OK'
end
if condemn(id, lane) then return 'LOST' end
redis.call('ZREM', key(lane, 'lease'), id)
if ex and ex <= now then
  expire(id, lane)
  return 'EXPIRED'
end
if redis.call('ZCARD', key(to, 'wait')) > 0 then
  push(to, id, 'op', 'forward', 'at', 0, 'dl', 0, 'df', 0)
  record('forwarded', id, to, now, 0, note)
  return 'FORWARDED'
end
next_number(to) -- it has entered that lane, too
redis.call('HSET', event(id), 'st', 'started', 'ln', to, 'at', 0, 'dl', 1, 'df', 0, 'am', on_ambiguous)
if progress then redis.call('HSET', event(id), 'pg', progress) end
redis.call('ZADD', key(to, 'lease'), now + LEASE_MS, id)
record('forwarded', id, to, now, 0, note)
record('started', id, to, now, 0, start_note)
return 'OK'
