-- Pass the point of no return, unless it is too late; once for each try.
-- ... 1 id 2 token 3 note 4 what becomes of it if its worker goes silent: 'hold' or 'resend'
--     5 how far its workers came (optional)
-- Returns 'OK', 'LOST' or 'EXPIRED'. Calling it again extends the lease.
local id, token, note, on_ambiguous, progress = ...
local kept = kept_of(id, 'st', 'tok', 'ln', 'ex', 'op')
local state, lane, ex = kept[1], kept[3], tonumber(kept[4])
if kept[2] ~= token or (state ~= 'leased' and state ~= 'started') or not lane then
  return kept[2] == token and kept[5] == 'expired' and 'EXPIRED' or 'LOST'
end
if condemn(id, lane) then return 'LOST' end
-- Again while started: another try, such as at the next provider, and it may be too late for that.
if ex and ex <= now then
  redis.call('ZREM', key(lane, 'lease'), id)
  expire(id, lane)
  return 'EXPIRED'
end
redis.call('ZADD', key(lane, 'lease'), now + LEASE_MS, id)
if state == 'leased' then
  redis.call('HSET', event(id), 'st', 'started', 'am', on_ambiguous)
  record('started', id, lane, now, 0, note)
else
  redis.call('HSET', event(id), 'am', on_ambiguous)
end
if progress then redis.call('HSET', event(id), 'pg', progress) end
return 'OK'
