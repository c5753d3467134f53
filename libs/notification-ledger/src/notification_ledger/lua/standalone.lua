-- Follows record.lua where no queue's script is around it: keeps the hash, and forgets what ended.
-- KEYS 1 prefix
-- ARGV 1 change 2 id 3 lane 4 at ms (0: now) 5 due ms 6 note 7 retention ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local change, id, at = ARGV[1], ARGV[2], tonumber(ARGV[4])
local HASH = P .. ':e:' .. id
if change == 'reported' and redis.call('EXISTS', HASH) == 0 then return 0 end

record(change, id, ARGV[3], at > 0 and at or now, tonumber(ARGV[5]), ARGV[6])

local GONE = P .. ':gone'
local status = redis.call('HGET', HASH, 'n:s')
if status == 'sent' or status == 'delivered' or status == 'cancelled' or status == 'expired'
  or status == 'deleted' then
  redis.call('ZADD', GONE, 'NX', now + tonumber(ARGV[7]), id)
end
-- Each ended notification is added once, and two are taken away per call: no sweeper is needed.
for _, old in ipairs(redis.call('ZRANGEBYSCORE', GONE, '-inf', now, 'LIMIT', 0, 2)) do
  forget(old)
  redis.call('DEL', P .. ':e:' .. old)
  redis.call('ZREM', GONE, old)
end
return 1
