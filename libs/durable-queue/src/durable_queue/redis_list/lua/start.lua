-- Pass the point of no return, unless it is too late; once for each try.
-- ... 1 id 2 token 3 note 4 what becomes of it if its worker goes silent: 'hold' or 'resend'
--     5 how far its workers came (optional)
-- Returns 'OK', 'LOST' or 'EXPIRED'. Calling it again extends the lease.
local id, token, note, on_ambiguous, progress = ...
local m = load(id)
if not is_held(m, token) then
  return m and m.op == 'expired' and has_token(m, token) and 'EXPIRED' or 'LOST'
end
local lane, ex = m.ln, tonumber(m.ex)
if condemn(m, lane) then return 'LOST' end
-- Again while started: another try, such as at the next provider, and it may be too late for that.
if ex and ex <= now then
  redis.call('ZREM', key(lane, 'lease'), id)
  expire(m)
  return 'EXPIRED'
end
redis.call('ZADD', key(lane, 'lease'), LEASE_END, id)
m.am = on_ambiguous
if progress then m.pg = escaped(progress) end
if m.st == 'leased' then
  m.st = 'started'
  tell(m, 'started', 0, note)
end
save(m)
return 'OK'
