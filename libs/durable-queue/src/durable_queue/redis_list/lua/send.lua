-- Store a message: once per id, once per dedupe key.
-- ... 1 id 2 lane 3 body 4 due ('' now) 5 expires ('' never) 6 max attempts
--     7 note 8 dedupe key ('' none) 9 fingerprint 10 answer 11 keep the dedupe key for ms
-- Returns {'ENQUEUED'}, {'DUPLICATE', id, answer}, {'CONFLICT', id} or {'FULL'}.
-- Runs without allow-oom: Redis refuses it as a whole when its memory is full.
local id, lane, body, due, ex, attempts, note, dedupe, fingerprint, answer, keep_ms = ...
due, dedupe = tonumber(due) or 0, dedupe ~= '' and P .. ':i:' .. dedupe
if dedupe then
  local first = redis.call('HMGET', dedupe, 'id', 'fp', 'an')
  if first[1] and first[2] ~= fingerprint then return {'CONFLICT', first[1]} end
  if first[1] then return {'DUPLICATE', first[1], first[3]} end
end
if redis.call('EXISTS', event(id)) == 1 then return {'DUPLICATE', id, ''} end
if is_full(lane) then return {'FULL'} end

redis.call('SET', payload(id), body)
if dedupe then
  redis.call('HSET', dedupe, 'id', id, 'fp', fingerprint, 'an', answer)
  redis.call('PEXPIRE', dedupe, keep_ms)
end
local m = blank(id, NOW)
m.mx, m.ex = attempts, ex
if due > now then
  park(m, lane, due)
  tell(m, 'scheduled', due, note)
else
  push(m, lane)
  tell(m, 'enqueued', 0, note)
end
save(m)
return {'ENQUEUED'}
