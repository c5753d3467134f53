#!lua
-- Store an endpoint, new or changed.
-- ARGV 1 id 2 what was said of it 3 the revision that was read, 0 if it is new 4 why it is disabled
--      ('' enabled) 5 how many endpoints there may be
-- Returns 'OK', 'FULL', 'CHANGED' or 'UNKNOWN'.
local id, revision, why = ARGV[1], tonumber(ARGV[3]), ARGV[4]
local hash = hash_of(id)
local kept = redis.call('HMGET', hash, 'rv', 'df')
if revision > 0 and not kept[1] then return 'UNKNOWN' end
if tonumber(kept[1] or 0) ~= revision then return 'CHANGED' end
if revision == 0 and redis.call('SCARD', P .. ':endpoints') >= tonumber(ARGV[5]) then return 'FULL' end
redis.call('SADD', P .. ':endpoints', id)
redis.call('HSET', hash, 'c', ARGV[2], 'rv', revision + 1)
if why == '' then
  redis.call('HDEL', hash, 'fs', 'df', 'da')
elseif kept[2] ~= why then
  redis.call('HSET', hash, 'df', why, 'da', now)
end
redis.call('INCR', P .. ':version')
return 'OK'
