-- Follows record.lua where no queue's script is around it: keeps the hash, and forgets what ended.
-- `at` is in ms, 0 for now, as is `due`. Returns 0 if there is nothing to report about.
local function tell(change, id, lane, at, due, note, retention, uncertain)
  local hash, ended = P .. ':e:' .. id, P .. ':ended'
  if change == 'reported' and redis.call('EXISTS', hash) == 0 then return 0 end
  at = tonumber(at)
  record(change, id, lane, at > 0 and at or now, tonumber(due), note, uncertain == true or uncertain == '1')

  local status = redis.call('HGET', hash, 'n:s')
  if status == 'sent' or status == 'delivered' or status == 'cancelled' or status == 'expired'
    or status == 'deleted' then
    on_key('ZADD', ended, 'NX', now, id)
  end
  -- Each ended notification is added once, and two are taken away per call: no sweeper is needed.
  local over = now - tonumber(retention)
  for _, old in ipairs(on_key('ZRANGEBYSCORE', ended, '-inf', over, 'LIMIT', 0, 2)) do
    forget(old)
    redis.call('DEL', P .. ':e:' .. old, P .. ':q:' .. old)
    redis.call('ZREM', ended, old)
  end
  return 1
end
