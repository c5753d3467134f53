#!lua flags=allow-oom
-- Note an attempt; take its event off the line, unless it is to be tried again.
-- ARGV 1 endpoint id 2 ordering key 3 message id 4 event 5 attempt 6 its outcome
--      7 for how many ms an endpoint may fail 8 about how many attempts are kept
-- Returns {the line's next event ('' none), why the endpoint was disabled ('' it was not)}.
local endpoint, line, outcome = ARGV[1], ARGV[1] .. '/' .. ARGV[2], ARGV[6]
local hash, list = hash_of(endpoint), list_of(ARGV[1] .. '/' .. ARGV[2])
local is_mine = redis.call('HGET', P .. ':lines', line) == ARGV[3]
if redis.call('EXISTS', hash) == 0 then
  if is_mine then close(endpoint, line) end
  return {'', ''}
end
redis.call('XADD', P .. ':a:' .. endpoint, 'MAXLEN', '~', ARGV[8], '*', 'j', ARGV[5])

local why = ''
if outcome == 'delivered' then
  redis.call('HDEL', hash, 'fs')
elseif not redis.call('HGET', hash, 'df') then
  redis.call('HSETNX', hash, 'fs', now)
  if outcome == 'gone' then
    why = 'gone'
  elseif now - redis.call('HGET', hash, 'fs') >= tonumber(ARGV[7]) then
    why = 'failing'
  end
  if why ~= '' then disable(endpoint, why) end
end

if outcome == 'retrying' or not is_mine then return {'', why} end
if redis.call('LINDEX', list, 0) == ARGV[4] then
  redis.call('LPOP', list)
  redis.call('HINCRBY', hash, 'w', -1)
end
local next_event = redis.call('LINDEX', list, 0)
if not next_event or redis.call('HGET', hash, 'df') then
  close(endpoint, line)
  next_event = ''
end
return {next_event, why}
