-- Follows record.lua where no queue's script is around it: keeps the hash, and forgets what ended.
-- `at` is in ms, 0 for now, as is `due`. Returns 0 if there is nothing to report about.
local function write(change, id, lane, at, due, note, retention, uncertain)
  local hash = P .. ':e:' .. id
  if is_receipt(change) and redis.call('EXISTS', hash) == 0 then return 0 end
  at = tonumber(at)
  record(change, id, lane, at > 0 and at or now, tonumber(due), note, uncertain == true or uncertain == '1')

  if has_ended(redis.call('HGET', hash, 'n:s')) then on_key('ZADD', P .. ':ended', 'NX', now, id) end
  -- Each ended notification is added once, and two are taken away per call: no sweeper is needed.
  forget_ended(now - tonumber(retention), 2)
  return 1
end
