-- The ledger's part of the queue's scripts: `record` is called for every change of a message, `forget`
-- before its text goes, `former` for what the release before kept of one. `P` is the queue's key prefix;
-- `redis/ledger.py` lists the keys and says what is in `told`. The queue's damage.lua comes before, and
-- what rendering.py makes of the rules.
local record, forget, former
do
  local MAX_TIMELINE, KEEP_HEAD, KEEP_TAIL, MAX_CHANGES = 16384, 2048, 10240, 100000
  local TIMELINE = FIRST_KEPT + #KEPT_FIELDS
  local TOLD = '^' .. string.rep('([^\t\n]*)\t', TIMELINE - 2) .. '([^\t\n]*)\n(.*)$'
  local IN_COLUMNS = {'provider', 'attempt', 'duration_ms', 'message_id'}

  local function index_of(kind, value) return P .. kind .. value end

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

  local function object_in(text)
    local is_json, said = pcall(cjson.decode, text)
    return is_json and type(said) == 'table' and said or {}
  end

  -- Forgets the messages that lines name which are gone, but for those that others still name.
  local function unlearn(id, gone, kept)
    local function is_kept(name)
      local function has(text) return string.find(kept, text, 1, true) end
      return has('\t' .. name .. '\n') or has('\t' .. name .. '\t') or has(cjson.encode(name))
    end
    for line in string.gmatch(gone, '[^\n]+') do
      local provider, message, rest =
        string.match(line .. '\t\t\t\t\t\t\t', '^[^\t]*\t[^\t]*\t[^\t]*\t([^\t]*)\t[^\t]*\t[^\t]*\t([^\t]*)\t([^\t]*)')
      local said = object_in(rest)
      if provider ~= '' then said.provider = provider end
      if message ~= '' then said.message_id = message end
      for _, name in ipairs(messages_of(said)) do
        local held = not is_kept(string.match(name, '\t(.*)$')) and redis.pcall('GET', P .. ':m:' .. name)
        if type(held) == 'string' and string.match(held, '^[^\t]*') == id then
          redis.call('DEL', P .. ':m:' .. name)
        end
      end
    end
  end

  -- A line without its time, and with the channel that it shows: that of the line before, `shown`, if
  -- it names none. Returns that channel, too.
  local function in_full(line, shown)
    local letter, since, reason, channel, rest =
      string.match(line .. '\t\t', '^(%a)(%-?%d+)\t([^\t]*)\t([^\t]*)(.*)$')
    if not letter then return line, shown, '' end
    channel = channel ~= '' and channel or shown
    local tail = string.gsub('\t' .. reason .. '\t' .. channel .. rest, '\t+$', '')
    return letter .. tail, channel, letter .. since .. tail
  end

  -- The timeline with one more line; what is too long loses lines in the middle, where nobody looks.
  local function appended(id, timeline, line)
    local text = timeline .. line .. '\n'
    if #text <= MAX_TIMELINE then return text end
    local head = string.match(string.sub(text, 1, KEEP_HEAD), '^.*\n') or ''
    local first, tail = string.match(string.sub(text, -KEEP_TAIL), '\n([^\n]*)\n(.*)$')
    local gone, shown = string.sub(text, 1, #text - #tail - #first - 1), ''
    unlearn(id, string.sub(gone, #head + 1), head .. first .. '\n' .. tail)
    for each in string.gmatch(gone, '[^\n]+') do shown = select(2, in_full(each, shown)) end
    local whole_line = select(3, in_full(first, shown))
    return head .. whole_line .. '\n' .. tail
  end

  local function filled(text) return text ~= '' and text or nil end

  -- The update that a note holds, by field; nil if it holds none. Its first line may have grown.
  local function decode(note)
    local status, reason, channel, attempts, user, rest =
      string.match(note, '^([^\t\n]+)\t([^\t\n]*)\t([^\t\n]*)\t(%d*)\t([^\t\n]*)[^\n]*\n(.*)$')
    if not status then return nil end
    local said = rest ~= '' and object_in(rest) or {}
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

  -- A value as a column: text without tabs and line feeds.
  local function column(value)
    if type(value) == 'table' then value = cjson.encode(value) end
    if value == true then return '1' end
    value = tostring(value)
    return string.find(value, '[\t\n]') and string.gsub(value, '[\t\n]', ' ') or value
  end

  -- A line of the timeline; what has no column is JSON, but for what is kept elsewhere.
  local function line_of(since, said, channel)
    local line = LETTER[said.status] .. string.format('%d', since) .. '\t'
      .. (said.reason and column(said.reason) or '') .. '\t' .. channel
    local rest, is_alone = {}, true
    for name, value in pairs(said) do
      if is_in_rest(name) then rest[name], is_alone = value, false end
    end
    for _, name in ipairs(IN_COLUMNS) do
      local value, text = said[name], ''
      if type(value) == 'number' and (name == 'attempt' or name == 'duration_ms') then
        text = string.format('%.14g', value)
      elseif type(value) == 'string' and value ~= '' and (name == 'provider' or name == 'message_id')
        and not string.find(value, '%c') then
        text = value
      elseif value ~= nil then
        rest[name], is_alone = value, false
      end
      line = line .. '\t' .. text
    end
    if not is_alone then return line .. '\t' .. cjson.encode(rest) end
    return (string.gsub(line, '\t+$', ''))
  end

  local function labels_in(text) return text ~= '' and object_in(text) or {} end

  local function move(kind, id, created, before, to)
    if before == to then return end
    if before ~= '' then on_key('ZREM', index_of(kind, before), id) end
    if to ~= '' then on_key('ZADD', index_of(kind, to), created, id) end
  end

  -- Puts what is `kept` of a message into the indexes, in place of what was; both by column.
  local function index(id, created, before, kept)
    local was, to = before[1], kept[1]
    if to == '' then
      on_key('ZREM', P .. ':x', id)
    elseif was ~= to then
      on_key('ZADD', P .. ':x', RANK[to] * RANK_STEP + created, id)
    end
    move(':u:', id, created, before[USER_ID], kept[USER_ID])
    move(':f:', id, created, before[REFERENCE], kept[REFERENCE])
    if before[TAGS] == kept[TAGS] then return end
    for _, tag in ipairs(labels_in(before[TAGS])) do move(':g:', id, created, column(tag), '') end
    for _, tag in ipairs(labels_in(kept[TAGS])) do move(':g:', id, created, '', column(tag)) end
  end

  -- What waits for a time, by that time: so that what a broker has lost on the way shows.
  local function note_due(id, before, due)
    if due ~= '' then
      on_key('ZADD', P .. ':due', due, id)
    elseif before ~= '' then
      on_key('ZREM', P .. ':due', id)
    end
  end

  local function text_of(kept, timeline) return table.concat(kept, '\t', 1, TIMELINE - 1) .. '\n' .. timeline end

  local NOTHING = {}
  for i = 1, TIMELINE do NOTHING[i] = '' end

  -- Notes the messages that an attempt named, and applies the receipts that waited for them.
  local function learn(id, said, now, told, born)
    local names = messages_of(said)
    for _, name in ipairs(names) do
      redis.call('SET', P .. ':m:' .. name, #names > 1 and id .. '\tof one' or id)
      local waiting = P .. ':r:' .. name
      local parked = on_key('LRANGE', waiting, 0, -1)
      if #parked > 0 then redis.call('DEL', waiting) end
      for _, note in ipairs(parked) do
        local change = #names > 1 and 'reported_of_one' or 'reported'
        told = record(change, id, '', now, 0, note, false, told, born)
      end
    end
    return told
  end

  -- Whether the timeline has a line already, at whatever time; `channel` is what the line shows.
  local function is_told(timeline, line, channel)
    local said, shown, text = in_full(line, channel), '', nil
    for each in string.gmatch(timeline, '[^\n]+') do
      text, shown = in_full(each, shown)
      if text == said then return true end
    end
    return false
  end

  record = function(change, id, lane, now, due, note, uncertain, told, born)
    local old = {string.match(told, TOLD)}
    local was = old[1]
    if not was then old = NOTHING end
    if was and is_first(change) then return told end
    if was and change == 'promoted' and not moves(change, was) then
      note_due(id, old[4], '')
      old[4] = ''
      return text_of(old, old[TIMELINE])
    end

    local said = read(change, lane, note, uncertain)
    if keeps_status(change, was, said.status) then said.status = was end
    local kept = {said.status, said.reason and column(said.reason) or '', string.format('%d', now - born)}
    for i, field in ipairs(KEPT_FIELDS) do
      local value = said[field]
      kept[FIRST_KEPT - 1 + i] = value ~= nil and column(value) or old[FIRST_KEPT - 1 + i]
    end
    local channel = kept[CHANNEL]
    local line = line_of(now - born, said, channel ~= old[CHANNEL] and channel or '')
    if is_receipt(change) and is_told(old[TIMELINE], line, channel) then return told end

    kept[4] = due > 0 and string.format('%d', due) or ''
    if was and not moves(change, was, said.status) then
      kept[1], kept[2], kept[4] = was, old[2], old[4]
    elseif said.status == 'failed' and is_not_replayable(change) then
      kept[1], kept[2] = 'deleted', change == 'deleted' and was and old[2] or kept[2]
    end
    note_due(id, old[4], kept[4])
    index(id, born, old, kept)
    local shown = kept[1] == 'deleted' and 'failed' or kept[1]
    on_key('XADD', P .. ':changes', 'MAXLEN', '~', MAX_CHANGES, '*', 'c', id .. '\t' .. now
      .. '\t' .. shown .. '\t' .. kept[2] .. '\t' .. channel .. '\t' .. kept[USER_ID])
    told = text_of(kept, appended(id, old[TIMELINE], line))
    if (said.message_id or said.targets) and not is_receipt(change) then
      return learn(id, said, now, told, born)
    end
    return told
  end

  forget = function(id, told)
    local old = {string.match(told, TOLD)}
    index(id, 0, old[1] and old or NOTHING, NOTHING)
    if old[1] then unlearn(id, old[TIMELINE], '') end
    -- A claim says of a copy that comes again that it is old; an hour later none can be left, unless
    -- it waits among the dead letters, and what is there has not ended.
    local ended_at = tonumber(redis.call('ZSCORE', P .. ':ended', id))
    if ended_at and ended_at < now - 3600000 then redis.call('DEL', P .. ':q:' .. id) end
  end

  -- What the release before kept in a message's hash, beside it, and in an index of each status.
  former = function(id, hash)
    local born = tonumber(hash['n:ct']) or tonumber(hash.ws) or now
    local text, timeline, shown = on_key('GET', P .. ':t:' .. id), '', ''
    redis.call('DEL', P .. ':t:' .. id)
    if not RANK[hash['n:s']] then return '', born end
    for line in string.gmatch(text or '', '[^\n]+') do
      local at, status, reason, channel, rest =
        string.match(line, '^(%d+)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$')
      if LETTER[status] then
        local said = object_in(rest)
        said.status, said.reason = status, filled(reason)
        timeline = timeline .. line_of(at - born, said, channel ~= shown and channel or '') .. '\n'
        shown = channel
      end
    end
    local updated, due = tonumber(hash['n:ut']), hash['n:nx'] or ''
    local kept = {hash['n:s'], hash['n:r'] or '', updated and string.format('%d', updated - born) or '?'}
    kept[4] = due ~= '0' and due or ''
    for i, field in ipairs(FORMER_FIELDS) do kept[FIRST_KEPT - 1 + i] = column(hash[field] or '') end
    on_key('ZREM', P .. ':x:' .. kept[1], id)
    on_key('ZADD', P .. ':x', RANK[kept[1]] * RANK_STEP + born, id)
    return text_of(kept, timeline), born
  end
end
