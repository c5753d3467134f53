#!lua
-- Put events at the ends of their lines; with them the follower's position moves.
-- ARGV 1 the follower's token ('' none) 2 its new position ('' none) 3 how many events may wait for
--      an endpoint 4 the digest of a subject of which is told once ('' none) 5 in so many ms;
--      then for each event: endpoint id, ordering key, message id of a new line, event
-- Returns {'OK', ids of endpoints that were disabled since too many wait} or {'REPLACED'}.
-- Runs without allow-oom: Redis refuses it as a whole when its memory is full.
if ARGV[1] ~= '' and redis.call('GET', P .. ':follower') ~= ARGV[1] then return {'REPLACED'} end
if ARGV[4] ~= '' and not redis.call('SET', P .. ':q:' .. ARGV[4], 1, 'NX', 'PX', ARGV[5]) then
  return {'OK'}
end
local limit, reply = tonumber(ARGV[3]), {'OK'}
for i = 6, #ARGV, 4 do
  local endpoint, message, event = ARGV[i], ARGV[i + 2], ARGV[i + 3]
  local line = endpoint .. '/' .. ARGV[i + 1]
  local kept = redis.call('HMGET', hash_of(endpoint), 'c', 'df', 'w')
  if kept[1] and not kept[2] then
    if tonumber(kept[3] or 0) >= limit then
      disable(endpoint, 'backlog_full')
      reply[#reply + 1] = endpoint
    else
      redis.call('HINCRBY', hash_of(endpoint), 'w', 1)
      redis.call('RPUSH', list_of(line), event)
      if redis.call('HSETNX', P .. ':lines', line, message) == 1 then
        redis.call('HSET', P .. ':unsent', message, line)
      end
    end
  end
end
if ARGV[2] ~= '' then redis.call('SET', P .. ':position', ARGV[2]) end
return reply
