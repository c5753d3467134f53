-- The ledger's part of the queue's scripts: `record` is called for every change of a message, `forget`
-- before its hash goes. `P` is the queue's key prefix; the keys are listed in the README. The kit's
-- damage.lua comes before.
-- `memory.py` and `transitions.py` say the same in Python.
local record, forget
do
  local MAX_TIMELINE, KEEP_HEAD, KEEP_TAIL, MAX_CHANGES = 16384, 2048, 10240, 100000

  -- Comparisons, since every run of every script would build a table anew.
  local function is_end(status)
    return status == 'sent' or status == 'failed' or status == 'delivered' or status == 'deleted'
      or status == 'cancelled' or status == 'expired'
  end

  -- What a change makes of a notification, whatever its note says; nil leaves it to the note.
  local function status_by(change, waiting)
    if change == 'started' or change == 'forwarded' or change == 'done' then return nil end
    if change == 'enqueued' or change == 'adopted' or change == 'promoted' then return 'queued' end
    if change == 'scheduled' or change == 'expired' or change == 'cancelled' then return change end
    if change == 'dead' or change == 'exhausted' then return 'failed' end
    if change == 'poisoned' or change == 'ambiguous' or change == 'damaged' then return 'failed' end
    if change == 'lease_lost' or change == 'replayed' then return waiting end
    -- How n:s and the index call a dead letter that was deleted; readers say 'failed'.
    if change == 'deleted' then return 'deleted' end
  end

  local function status_unless_noted(change, waiting)
    if change == 'started' then return 'sending' end
    if change == 'forwarded' then return 'validated' end
    if change == 'done' then return 'sent' end
    if change == 'retried' then return 'retrying' end
    return waiting
  end

  local function reason_by(change)
    if change == 'exhausted' then return 'attempts_exhausted' end
    if change == 'poisoned' then return 'poison' end
    if change == 'damaged' then return 'undecodable' end
    if change == 'ambiguous' or change == 'lease_lost' then return change end
  end

  local function append(id, entry, ends)
    local key = P .. ':t:' .. id
    if not ends and on_key('APPEND', key, entry) <= MAX_TIMELINE then return end
    -- APPEND leaves up to half of the string unused; what ends is stored anew, at its exact size.
    local text = on_key('GET', key) or ''
    if ends then text = text .. entry end
    if #text > MAX_TIMELINE then
      text = (string.match(string.sub(text, 1, KEEP_HEAD), '^.*\n') or '')
        .. (string.match(string.sub(text, -KEEP_TAIL), '\n(.*)$') or '')
    end
    redis.call('SET', key, text)
  end

  -- Of an attempt before nobody knows whether the provider took it: that is the reason of the end,
  -- whatever else there is to say becomes its detail.
  local function doubted(reason, rest)
    if reason == 'ambiguous' then return rest end
    local words = reason ~= '' and reason or 'an earlier attempt may have reached the provider'
    local detail = string.match(rest, '^{"detail":"(.*)$')
    if detail then return '{"detail":"' .. words .. ': ' .. detail end
    return '{"detail":"' .. words .. '"' .. (rest == '' and '}' or ',' .. string.sub(rest, 2))
  end

  -- Returns what the change and its note say: status, reason, channel, attempts, user, the rest.
  local function read(change, lane, note, uncertain)
    -- The note of a start that came too late speaks of an attempt that never was.
    if change == 'expired' then note = '' end
    local damage = change == 'damaged' and note ~= '' and '{"detail":' .. cjson.encode(note) .. '}'
    if change == 'damaged' then note = '' end
    local noted, reason, channel, attempts, user, rest =
      string.match(note, '^([^\t\n]+)\t([^\t\n]*)\t([^\t\n]*)\t(%d*)\t([^\t\n]*)\n(.*)$')
    if not noted then reason, channel, attempts, user, rest = '', '', '', '', '' end
    local waiting = string.sub(lane, 1, 9) == 'delivery.' and 'validated' or 'queued'
    local to = status_by(change, waiting) or noted or status_unless_noted(change, waiting)
    local always = reason_by(change)
    if damage then rest = damage end
    if change == 'replayed' and not noted and note ~= '' then
      rest = '{"detail":' .. cjson.encode(note) .. '}'
    end
    if always then
      if reason ~= '' and string.sub(rest, 1, 10) ~= '{"detail":' then
        rest = '{"detail":"' .. reason .. '"' .. (rest == '' and '}' or ',' .. string.sub(rest, 2))
      end
      reason = always
    elseif rest == '' and change == 'adopted' then
      rest = '{"detail":"adopted"}'
    elseif rest == '' and change == 'deleted' then
      rest = '{"detail":"dead letter deleted"}'
    end
    if uncertain and (to == 'failed' or to == 'cancelled' or to == 'expired') then
      reason, rest = 'ambiguous', doubted(reason, rest)
    end
    return to, reason, channel, attempts, user, rest
  end

  -- True when the status stays as it `was`: it is final, or the change is only a report.
  local function stands(change, was, to)
    if change == 'reported' then
      return to ~= 'delivered' or (was ~= 'sent' and was ~= 'sending' and was ~= 'retrying')
    end
    if was == 'failed' then return change ~= 'replayed' and change ~= 'deleted' end
    return is_end(was)
  end

  local function index(id, created, was, to, was_user, user)
    if was ~= to then
      if was then on_key('ZREM', P .. ':x:' .. was, id) end
      on_key('ZADD', P .. ':x:' .. to, created, id)
    end
    if was_user ~= user then
      if was_user ~= '' then on_key('ZREM', P .. ':u:' .. was_user, id) end
      on_key('ZADD', P .. ':u:' .. user, created, id)
    end
  end

  -- What waits for a time, by that time: so that what a broker has lost on the way shows.
  local function note_due(id, before, due)
    if due > 0 then
      on_key('ZADD', P .. ':due', due, id)
    elseif before and before ~= '0' then
      on_key('ZREM', P .. ':due', id)
    end
  end

  local function or_else(value, fallback)
    if value == '' then return fallback or '' end
    return value
  end

  record = function(change, id, lane, now, due, note, uncertain)
    local hash = P .. ':e:' .. id
    local kept = on_key('HMGET', hash, 'n:s', 'n:r', 'n:c', 'n:a', 'n:u', 'n:ct', 'n:nx')
    local was, was_user = kept[1], kept[5] or ''
    local created = tonumber(kept[6]) and kept[6] or now
    if was and (change == 'enqueued' or change == 'scheduled' or change == 'adopted') then return end
    if was and was ~= 'scheduled' and change == 'promoted' then
      redis.call('HSET', hash, 'n:nx', 0)
      note_due(id, kept[7], 0)
      return
    end

    local to, reason, channel, attempts, user, rest = read(change, lane, note, uncertain)
    channel, user = or_else(channel, kept[3]), or_else(user, was_user)
    attempts = or_else(attempts, kept[4])
    if change == 'deferred' and was == 'retrying' and to == 'validated' then to = was end
    local shown = to == 'deleted' and 'failed' or to
    local entry = now .. '\t' .. shown .. '\t' .. reason .. '\t' .. channel .. '\t' .. rest .. '\n'
    append(id, entry, is_end(to))

    if was and stands(change, was, to) then
      to, reason, due = was, kept[2] or '', 0
      shown = to == 'deleted' and 'failed' or to
    elseif change == 'deleted' then
      reason = kept[2] or reason
    end
    redis.call('HSET', hash, 'n:s', to, 'n:r', reason, 'n:ut', now, 'n:nx', due)
    note_due(id, kept[7], due)
    if not was or channel ~= kept[3] or attempts ~= kept[4] or user ~= was_user then
      redis.call('HSET', hash, 'n:c', channel, 'n:a', attempts, 'n:u', user, 'n:ct', created)
    end
    index(id, created, was, to, was_user, user)
    on_key('XADD', P .. ':changes', 'MAXLEN', '~', MAX_CHANGES, '*', 'c', id .. '\t' .. now
      .. '\t' .. shown .. '\t' .. reason .. '\t' .. channel .. '\t' .. user)
  end

  forget = function(id)
    local kept = fields_of(P .. ':e:' .. id, 'n:s', 'n:u')
    if kept[1] then on_key('ZREM', P .. ':x:' .. kept[1], id) end
    if kept[2] and kept[2] ~= '' then on_key('ZREM', P .. ':u:' .. kept[2], id) end
    redis.call('DEL', P .. ':t:' .. id)
  end
end
