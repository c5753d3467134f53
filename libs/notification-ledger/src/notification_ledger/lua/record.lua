-- The ledger's part of the queue's scripts: `record` is called for every change of a message, `forget`
-- before its hash goes. `P` is the queue's key prefix; the keys are listed in the README.
-- `memory.py` and `transitions.py` say the same in Python.
local record, forget
do
  local MAX_TIMELINE, KEEP_HEAD, KEEP_TAIL, MAX_CHANGES = 16384, 2048, 10240, 100000
  -- What a change makes of a notification; '@' is 'queued' or 'validated', by lane.
  local ALWAYS = {
    enqueued = 'queued', scheduled = 'scheduled', adopted = 'queued', promoted = 'queued',
    dead = 'failed', exhausted = 'failed', poisoned = 'failed', ambiguous = 'failed',
    expired = 'expired', cancelled = 'cancelled', deleted = 'deleted',
    lease_lost = '@', replayed = '@',
  }
  local UNLESS_NOTED = {
    started = 'sending', forwarded = 'validated', done = 'sent', retried = 'retrying',
    deferred = '@', released = '@',
  }
  local REASON = {
    exhausted = 'attempts_exhausted', poisoned = 'poison', ambiguous = 'ambiguous',
    lease_lost = 'lease_lost',
  }
  local DETAIL = {
    adopted = '{"detail":"adopted"}', deleted = '{"detail":"dead letter deleted"}',
  }
  local FIRST = {enqueued = true, scheduled = true, adopted = true}
  -- 'deleted' is how n:s and the index call a dead letter that was deleted; readers say 'failed'.
  local ENDED = {sent = true, delivered = true, cancelled = true, expired = true, deleted = true}
  local UNDER_WAY = {sending = true, retrying = true, sent = true}

  local function append(id, entry, ends)
    local key = P .. ':t:' .. id
    if not ends and redis.call('APPEND', key, entry) <= MAX_TIMELINE then return end
    -- APPEND leaves up to half of the string unused; what ends is stored anew, at its exact size.
    local text = redis.call('GET', key) or ''
    if ends then text = text .. entry end
    if #text > MAX_TIMELINE then
      text = (string.match(string.sub(text, 1, KEEP_HEAD), '^.*\n') or '')
        .. (string.match(string.sub(text, -KEEP_TAIL), '\n(.*)$') or '')
    end
    redis.call('SET', key, text)
  end

  -- Returns what the change and its note say: status, reason, channel, attempts, user, the rest.
  local function read(change, lane, was, note)
    -- The note of a start that came too late speaks of an attempt that never was.
    if change == 'expired' then note = '' end
    local to, reason, channel, attempts, user, rest =
      string.match(note, '^([^\t\n]*)\t([^\t\n]*)\t([^\t\n]*)\t(%d*)\t([^\t\n]*)\n(.*)$')
    if not to then to, reason, channel, attempts, user, rest = '', '', '', '', '', '' end
    to = ALWAYS[change] or (to ~= '' and to) or UNLESS_NOTED[change] or was or 'queued'
    if to == '@' then to = string.sub(lane, 1, 9) == 'delivery.' and 'validated' or 'queued' end
    if REASON[change] then
      if reason ~= '' and string.sub(rest, 1, 10) ~= '{"detail":' then
        rest = '{"detail":"' .. reason .. '"' .. (rest == '' and '}' or ',' .. string.sub(rest, 2))
      end
      reason = REASON[change]
    end
    if rest == '' then rest = DETAIL[change] or '' end
    return to, reason, channel, attempts, user, rest
  end

  -- True when the status stays as it `was`: it is final, or the change is only a report.
  local function stands(change, was, to)
    if change == 'reported' then return to ~= 'delivered' or not UNDER_WAY[was] end
    if was == 'failed' then return change ~= 'replayed' and change ~= 'deleted' end
    return ENDED[was]
  end

  local function index(id, created, was, to, was_user, user)
    if was ~= to then
      if was then redis.call('ZREM', P .. ':x:' .. was, id) end
      redis.call('ZADD', P .. ':x:' .. to, created, id)
    end
    if was_user ~= user then
      if was_user ~= '' then redis.call('ZREM', P .. ':u:' .. was_user, id) end
      redis.call('ZADD', P .. ':u:' .. user, created, id)
    end
  end

  local function or_else(value, fallback)
    if value == '' then return fallback or '' end
    return value
  end

  record = function(change, id, lane, now, due, note)
    local hash = P .. ':e:' .. id
    local kept = redis.call('HMGET', hash, 'n:s', 'n:r', 'n:c', 'n:a', 'n:u', 'n:ct')
    local was, was_user, created = kept[1], kept[5] or '', kept[6] or now
    if was and FIRST[change] then return end
    if was and was ~= 'scheduled' and change == 'promoted' then
      redis.call('HSET', hash, 'n:nx', 0)
      return
    end

    local to, reason, channel, attempts, user, rest = read(change, lane, was, note)
    channel, user = or_else(channel, kept[3]), or_else(user, was_user)
    local shown = to == 'deleted' and 'failed' or to
    local entry = now .. '\t' .. shown .. '\t' .. reason .. '\t' .. channel .. '\t' .. rest .. '\n'
    append(id, entry, ENDED[to] or to == 'failed')

    if was and stands(change, was, to) then
      to, reason, due = was, kept[2] or '', 0
    elseif change == 'deleted' then
      reason = kept[2] or reason
    end
    redis.call('HSET', hash, 'n:s', to, 'n:r', reason, 'n:c', channel,
      'n:a', or_else(attempts, kept[4]), 'n:u', user, 'n:ct', created, 'n:ut', now, 'n:nx', due)
    index(id, created, was, to, was_user, user)
    redis.call('XADD', P .. ':changes', 'MAXLEN', '~', MAX_CHANGES, '*', 'i', id, 't', now,
      's', to == 'deleted' and 'failed' or to, 'r', reason, 'c', channel, 'u', user)
  end

  forget = function(id)
    local kept = redis.call('HMGET', P .. ':e:' .. id, 'n:s', 'n:u')
    if kept[1] then redis.call('ZREM', P .. ':x:' .. kept[1], id) end
    if kept[2] and kept[2] ~= '' then redis.call('ZREM', P .. ':u:' .. kept[2], id) end
    redis.call('DEL', P .. ':t:' .. id)
  end
end
