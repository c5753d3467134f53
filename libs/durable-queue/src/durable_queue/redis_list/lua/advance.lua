-- Forward a message and start it there, under the same lease: for a worker of both lanes. Where
-- others wait in that lane it is forwarded only, and waits behind them.
-- ... 1 id 2 token 3 that lane 4 note of the forward 5 note of the start 6 and 7 as 4 and 5 of a start
-- Returns 'OK', 'FORWARDED', 'LOST' or 'EXPIRED'. Calling it again extends the lease.
local id, token, to, note, start_note, on_ambiguous, progress = ...
local m = load(id)
if not is_held(m, token) then
  local is_same = m and has_token(m, token)
  if is_same and m.op == 'forward' then return 'FORWARDED' end
  return is_same and m.op == 'expired' and 'EXPIRED' or 'LOST'
end
local lane, ex = m.ln, tonumber(m.ex)
if m.st == 'started' and lane == to then
  redis.call('ZADD', key(lane, 'lease'), LEASE_END, id)
  return 'OK'
end
if condemn(m, lane) then return 'LOST' end
redis.call('ZREM', key(lane, 'lease'), id)
if ex and ex <= now then
  expire(m)
  return 'EXPIRED'
end
m.at, m.df = '', ''
if redis.call('ZCARD', key(to, 'wait')) > 0 then
  m.op, m.dl = 'forward', ''
  push(m, to)
  tell(m, 'forwarded', 0, note)
  save(m)
  return 'FORWARDED'
end
next_number(to) -- it has entered that lane, too
m.st, m.ln, m.dl, m.am = 'started', to, 1, on_ambiguous
if progress then m.pg = escaped(progress) end
redis.call('ZADD', key(to, 'lease'), LEASE_END, id)
tell(m, 'forwarded', 0, note)
tell(m, 'started', 0, start_note)
save(m)
return 'OK'
