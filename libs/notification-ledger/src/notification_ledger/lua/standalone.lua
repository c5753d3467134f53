-- Follows record.lua where no queue's script is around it: keeps the hash, and forgets what ended.
-- KEYS 1 the hash
-- ARGV 1 prefix 2 change 3 id 4 lane 5 at ms (0: now) 6 due ms 7 note 8 retention ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local change, id, at = ARGV[2], ARGV[3], tonumber(ARGV[5])
if change == 'reported' and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end

record(change, id, ARGV[4], at > 0 and at or now, tonumber(ARGV[6]), ARGV[7])

local GONE = P .. ':gone'
local status = redis.call('HGET', KEYS[1], 'n:s')
if status == 'sent' or status == 'delivered' or status == 'cancelled' or status == 'expired'
  or status == 'deleted' then
  redis.call('ZADD', GONE, 'NX', now + tonumber(ARGV[8]), id)
end
-- Each ended notification is added once, and two are taken away per call: no sweeper is needed.
for _, old in ipairs(redis.call('ZRANGEBYSCORE', GONE, '-inf', now, 'LIMIT', 0, 2)) do
  forget(old)
  redis.call('DEL', P .. ':e:' .. old)
  redis.call('ZREM', GONE, old)
end
return 1
