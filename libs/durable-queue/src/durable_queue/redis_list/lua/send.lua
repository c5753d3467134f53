-- Store a message: once per id, once per dedupe key.
-- ARGV 1 id 2 lane 3 body 4 due ('' now) 5 expires ('' never) 6 max attempts 7 'hold' or ''
--      8 note 9 dedupe key ('' none) 10 fingerprint 11 answer 12 keep the dedupe key for ms
-- Returns {'ENQUEUED'}, {'DUPLICATE', id, answer}, {'CONFLICT', id} or {'FULL'}.
-- Runs without allow-oom: Redis refuses it as a whole when its memory is full.
local id, lane, due = ARGV[1], ARGV[2], tonumber(ARGV[4]) or 0
local ex = tonumber(ARGV[5])
local dedupe = ARGV[9] ~= '' and P .. ':i:' .. ARGV[9]
if dedupe then
  local first = redis.call('HMGET', dedupe, 'id', 'fp', 'an')
  if first[1] and first[2] ~= ARGV[10] then return {'CONFLICT', first[1]} end
  if first[1] then return {'DUPLICATE', first[1], first[3]} end
end
if redis.call('EXISTS', event(id)) == 1 then return {'DUPLICATE', id, ''} end
-- What waits for its time takes as much room as what waits for its turn.
local held = redis.call('ZCARD', key(lane, 'wait')) + redis.call('ZCARD', key(lane, 'delay'))
if held >= MAX_WAITING then return {'FULL'} end

local fields = {'mx', ARGV[6]}
if ex then fields[#fields + 1] = 'ex'; fields[#fields + 1] = ex end
if ARGV[7] ~= '' then fields[#fields + 1] = 'am'; fields[#fields + 1] = ARGV[7] end
redis.call('SET', payload(id), ARGV[3])
if dedupe then
  redis.call('HSET', dedupe, 'id', id, 'fp', ARGV[10], 'an', ARGV[11])
  redis.call('PEXPIRE', dedupe, ARGV[12])
end
if due > now then
  park(lane, id, due, ex, unpack(fields))
  record('scheduled', id, lane, now, due, ARGV[8])
else
  push(lane, id, unpack(fields))
  record('enqueued', id, lane, now, 0, ARGV[8])
end
return {'ENQUEUED'}
