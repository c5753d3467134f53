#!lua flags=allow-oom
-- Become the follower of status changes, or stay it.
-- ARGV 1 token 2 for ms. Returns 1, or 0 if another is.
local held = redis.call('GET', P .. ':follower')
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', P .. ':follower', ARGV[1], 'PX', ARGV[2])
return 1
