-- The ledger's part of the queue's scripts: `record` is called for every change of a message, `forget`
-- before its hash goes. `P` is the queue's key prefix; `redis/ledger.py` lists the keys. The queue's
-- damage.lua comes before, and what rendering.py makes of the rules.
local record, forget
do
  local MAX_TIMELINE, KEEP_HEAD, KEEP_TAIL, MAX_CHANGES = 16384, 2048, 10240, 100000

  -- The messages that an update or a line names: a provider, a tab, and the id that it gave.
  local function messages_of(said)
    local names, seen = {}, {}
    local function add(provider, id)
      if type(provider) ~= 'string' or type(id) ~= 'string' then return end
      local name = provider .. '\t' .. id
      if not seen[name] then names[#names + 1] = name end
      seen[name] = true
    end
    add(said.provider, said.message_id)
    for _, target in ipairs(type(said.targets) == 'table' and said.targets or {}) do
      if type(target) == 'table' then add(target.provider or said.provider, target.message_id) end
    end
    table.sort(names)
    return names
  end

  -- Forgets the messages that lines name which are gone, but for those that others still name.
  local function unlearn(id, gone, kept)
    for line in string.gmatch(gone, '[^\n]*"message_id"[^\n]*') do
      local is_json, said = pcall(cjson.decode, string.match(line, '[^\t]*$'))
      for _, name in ipairs(is_json and messages_of(said) or {}) do
        local key = P .. ':m:' .. name
        local quoted = cjson.encode(string.match(name, '\t(.*)$'))
        local held = not string.find(kept, quoted, 1, true) and redis.pcall('GET', key)
        if type(held) == 'string' and string.match(held, '^[^\t]*') == id then
          redis.call('DEL', key)
        end
      end
    end
  end

  local function append(id, entry, ends)
    local key = P .. ':t:' .. id
    if not ends and on_key('APPEND', key, entry) <= MAX_TIMELINE then return end
    -- APPEND leaves up to half of the string unused; what ends is stored anew, at its exact size.
    local text = on_key('GET', key) or ''
    if ends then text = text .. entry end
    if #text > MAX_TIMELINE then
      local head = string.match(string.sub(text, 1, KEEP_HEAD), '^.*\n') or ''
      local tail = string.match(string.sub(text, -KEEP_TAIL), '\n(.*)$') or ''
      unlearn(id, string.sub(text, #head + 1, #text - #tail), head .. tail)
      text = head .. tail
    end
    redis.call('SET', key, text)
  end

  local function filled(text) return text ~= '' and text or nil end

  -- The update that a note holds, by field; nil if it holds none. Its first line may have grown.
  local function decode(note)
    local status, reason, channel, attempts, user, rest =
      string.match(note, '^([^\t\n]+)\t([^\t\n]*)\t([^\t\n]*)\t(%d*)\t([^\t\n]*)[^\n]*\n(.*)$')
    if not status then return nil end
    local is_json, said = pcall(cjson.decode, rest)
    if not is_json or type(said) ~= 'table' then said = {} end
    said.status, said.reason, said.channel = status, filled(reason), filled(channel)
    said.attempts, said.user_id = filled(attempts), filled(user)
    return said
  end

  -- What a change and its note say, by field.
  local function read(change, lane, note, uncertain)
    local to, heeds_update, reason, detail = rule_of(change)
    -- The update of a start that came too late speaks of an attempt that never was.
    local update = change ~= 'expired' and decode(note)
    local said = update or {}
    local waiting = string.sub(lane, 1, 9) == 'delivery.' and 'validated' or 'queued'
    if not (update and heeds_update) then said.status = to or waiting end
    -- Of what is damaged, or who put it back, the queue speaks in plain words.
    if not update and (change == 'damaged' or change == 'replayed') then
      said.detail = filled(note)
    end
    if reason then said.detail, said.reason = said.detail or said.reason, reason end
    said.detail = said.detail or detail
    -- If it is unknown whether the provider took an earlier attempt, that is the reason of the
    -- end, whatever else there is to say becomes its detail.
    if uncertain and change ~= 'deleted' and is_unsent(said.status) and said.reason ~= 'ambiguous' then
      local code = said.reason or MAYBE_SENT
      said.reason, said.detail = 'ambiguous', said.detail and code .. ': ' .. said.detail or code
    end
    return said
  end

  -- What was kept, what is kept now, by field, and what of it is new to the hash: columns and values.
  -- What the update does not say stays.
  local function merge(said, old, offset)
    local before, kept, flat = {}, {}, {}
    for i, field in ipairs(KEPT_FIELDS) do
      local value = said[field]
      if type(value) == 'table' then value = cjson.encode(value) end
      if value == true then value = '1' end
      before[field] = old[offset + i] or ''
      kept[field] = value or before[field]
      if kept[field] ~= before[field] then
        flat[#flat + 1], flat[#flat + 2] = COLUMNS[i], kept[field]
      end
    end
    return before, kept, flat
  end

  -- A line of the timeline; what has no place of its own, and is not kept elsewhere, is JSON.
  local function entry_of(now, said, channel)
    local line = now .. '\t' .. said.status .. '\t' .. (said.reason or '') .. '\t' .. channel .. '\t'
    local rest = {}
    for name, value in pairs(said) do
      if is_in_rest(name) then rest[name] = value end
    end
    return line .. (next(rest) and cjson.encode(rest) or '') .. '\n'
  end

  local function labels_in(text)
    local is_json, labels = pcall(cjson.decode, text)
    return is_json and type(labels) == 'table' and labels or {}
  end

  local function move(kind, id, created, before, to)
    if before == to then return end
    if before ~= '' then on_key('ZREM', P .. kind .. before, id) end
    if to ~= '' then on_key('ZADD', P .. kind .. to, created, id) end
  end

  local function index(id, created, was, to, before, kept)
    move(':x:', id, created, was or '', to)
    move(':u:', id, created, before.user_id, kept.user_id)
    move(':f:', id, created, before.reference, kept.reference)
    if before.tags == kept.tags then return end
    for _, tag in ipairs(labels_in(before.tags)) do move(':g:', id, created, tag, '') end
    for _, tag in ipairs(labels_in(kept.tags)) do move(':g:', id, created, '', tag) end
  end

  -- What waits for a time, by that time: so that what a broker has lost on the way shows.
  local function note_due(id, before, due)
    if due > 0 then
      on_key('ZADD', P .. ':due', due, id)
    elseif before and before ~= '0' then
      on_key('ZREM', P .. ':due', id)
    end
  end

  -- Notes the messages that an attempt named, and applies the receipts that waited for them.
  local function learn(id, said, now)
    local names = messages_of(said)
    for _, name in ipairs(names) do
      redis.call('SET', P .. ':m:' .. name, #names > 1 and id .. '\tof one' or id)
      local waiting = P .. ':r:' .. name
      local parked = on_key('LRANGE', waiting, 0, -1)
      if #parked > 0 then redis.call('DEL', waiting) end
      for _, note in ipairs(parked) do
        record(#names > 1 and 'reported_of_one' or 'reported', id, '', now, 0, note)
      end
    end
  end

  -- Whether the timeline has a line already, at whatever time.
  local function is_told(id, line)
    local text = on_key('GET', P .. ':t:' .. id) or ''
    return string.find(text, string.match(line, '\t.*$'), 1, true)
  end

  record = function(change, id, lane, now, due, note, uncertain)
    local hash = P .. ':e:' .. id
    local old = on_key('HMGET', hash, 'n:s', 'n:r', 'n:ct', 'n:nx', unpack(COLUMNS))
    local was = old[1]
    local created = tonumber(old[3]) and old[3] or now
    if was and is_first(change) then return end
    if was and change == 'promoted' and not moves(change, was) then
      redis.call('HSET', hash, 'n:nx', 0)
      note_due(id, old[4], 0)
      return
    end

    local said = read(change, lane, note, uncertain)
    if keeps_status(change, was, said.status) then said.status = was end
    local before, kept, flat = merge(said, old, 4)
    local to, reason = said.status, said.reason or ''
    local entry = entry_of(now, said, kept.channel)
    if is_receipt(change) and is_told(id, entry) then return end
    append(id, entry, is_final(to))

    if was and not moves(change, was, to) then
      to, reason, due = was, old[2] or '', whole(old[4]) or 0
    elseif to == 'failed' and is_not_replayable(change) then
      to, reason = 'deleted', change == 'deleted' and old[2] or reason
    end
    if created ~= old[3] then flat[#flat + 1], flat[#flat + 2] = 'n:ct', created end
    redis.call('HSET', hash, 'n:s', to, 'n:r', reason, 'n:ut', now, 'n:nx', due, unpack(flat))
    note_due(id, old[4], due)
    index(id, created, was, to, before, kept)
    local shown = to == 'deleted' and 'failed' or to
    on_key('XADD', P .. ':changes', 'MAXLEN', '~', MAX_CHANGES, '*', 'c', id .. '\t' .. now
      .. '\t' .. shown .. '\t' .. reason .. '\t' .. kept.channel .. '\t' .. kept.user_id)
    if (said.message_id or said.targets) and not is_receipt(change) then learn(id, said, now) end
  end

  forget = function(id)
    local old = fields_of(P .. ':e:' .. id, 'n:s', unpack(COLUMNS))
    local before, nothing = merge({}, old, 1), merge({}, {}, 1)
    index(id, 0, old[1], '', before, nothing)
    local timeline = redis.pcall('GET', P .. ':t:' .. id)
    if type(timeline) == 'string' then unlearn(id, timeline, '') end
    redis.call('DEL', P .. ':t:' .. id)
    -- A claim says of a copy that comes again that it is old; an hour later none can be left, unless
    -- it waits among the dead letters, and what is there has not ended.
    local ended_at = tonumber(redis.call('ZSCORE', P .. ':ended', id))
    if ended_at and ended_at < now - 3600000 then redis.call('DEL', P .. ':q:' .. id) end
  end
end
