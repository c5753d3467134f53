-- What the scripts share. P is the key prefix, `now` Redis's time in ms; `redis.py` lists the keys.
local function hash_of(endpoint) return P .. ':h:' .. endpoint end
local function list_of(line) return P .. ':l:' .. line end

local function disable(endpoint, why)
  redis.call('HSET', hash_of(endpoint), 'df', why, 'da', now)
  redis.call('INCR', P .. ':version')
end

-- Ends a line, with whatever waits in it.
local function close(endpoint, line)
  local waiting = redis.call('LLEN', list_of(line))
  redis.call('DEL', list_of(line))
  redis.call('HDEL', P .. ':lines', line)
  if waiting > 0 and redis.call('EXISTS', hash_of(endpoint)) == 1 then
    redis.call('HINCRBY', hash_of(endpoint), 'w', -waiting)
  end
end
