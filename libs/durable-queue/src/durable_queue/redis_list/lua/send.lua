-- Store a message: once per id, once per dedupe key.
-- ARGV 1 id 2 lane 3 body 4 due ('' now) 5 expires ('' never) 6 max attempts
--      7 note 8 dedupe key ('' none) 9 fingerprint 10 answer 11 keep the dedupe key for ms
-- Returns {'ENQUEUED'}, {'DUPLICATE', id, answer}, {'CONFLICT', id} or {'FULL'}.
-- Runs without allow-oom: Redis refuses it as a whole when its memory is full.
local id, lane, due = ARGV[1], ARGV[2], tonumber(ARGV[4]) or 0
local ex = tonumber(ARGV[5])
local dedupe = ARGV[8] ~= '' and P .. ':i:' .. ARGV[8]
if dedupe then
  local first = redis.call('HMGET', dedupe, 'id', 'fp', 'an')
  if first[1] and first[2] ~= ARGV[9] then return {'CONFLICT', first[1]} end
  if first[1] then return {'DUPLICATE', first[1], first[3]} end
end
if redis.call('EXISTS', event(id)) == 1 then return {'DUPLICATE', id, ''} end
-- What waits for its time counts as much as what waits for its turn.
local held = redis.call('ZCARD', key(lane, 'wait')) + redis.call('ZCARD', key(lane, 'delay'))
if held >= MAX_WAITING then return {'FULL'} end

local fields = {'mx', ARGV[6]}
if ex then fields[#fields + 1] = 'ex'; fields[#fields + 1] = ex end
redis.call('SET', payload(id), ARGV[3])
if dedupe then
  redis.call('HSET', dedupe, 'id', id, 'fp', ARGV[9], 'an', ARGV[10])
  redis.call('PEXPIRE', dedupe, ARGV[11])
end
if due > now then
  park(lane, id, due, ex, unpack(fields))
  record('scheduled', id, lane, now, due, ARGV[7])
else
  push(lane, id, unpack(fields))
  record('enqueued', id, lane, now, 0, ARGV[7])
end
return {'ENQUEUED'}
