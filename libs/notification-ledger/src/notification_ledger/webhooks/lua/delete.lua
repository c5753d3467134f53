#!lua flags=allow-oom
-- Forget an endpoint. What waits for it goes when its messages come.
-- ARGV 1 id. Returns how many were known: 1 or 0.
local known = redis.call('SREM', P .. ':endpoints', ARGV[1])
redis.call('DEL', hash_of(ARGV[1]), P .. ':a:' .. ARGV[1])
redis.call('INCR', P .. ':version')
return known
