#!lua flags=allow-oom
-- Stop being the follower of status changes. ARGV 1 token
if redis.call('GET', P .. ':follower') == ARGV[1] then redis.call('DEL', P .. ':follower') end
return 1
