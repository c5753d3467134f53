-- The ledger's part of the queue's scripts. Of a message's text, the ledger's part is `told`: `opened` makes
-- a record of it, `record` is called for every change, and `closed` makes a text of it again and puts what
-- is new into the indexes. `forget` is called before a text goes, `former` for what the release before kept.
-- `P` is the queue's key prefix; `redis/ledger.py` lists the keys. The queue's damage.lua comes before, and
-- what rendering.py makes of the rules.

local MAX_TIMELINE, KEEP_HEAD, KEEP_TAIL, MAX_CHANGES = 16384, 2048, 10240, '100000'

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
  reason, channel, attempts, user = filled(reason), filled(channel), filled(attempts), filled(user)
  if rest == '' then
    return {status = status, reason = reason, channel = channel, attempts = attempts, user_id = user}
  end
  local said = object_in(rest)
  said.status, said.reason, said.channel, said.attempts, said.user_id = status, reason, channel, attempts, user
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
  if type(value) ~= 'string' then value = tostring(value) end
  return string.find(value, '[\t\n]') and string.gsub(value, '[\t\n]', ' ') or value
end

local function is_short(value) return type(value) == 'string' and value ~= '' and not string.find(value, '%c') end

-- A line of the timeline; what has no column is JSON, but for what is kept elsewhere.
local function line_of(since, said, channel)
  local rest, provider, attempt, duration, message = nil, '', '', '', ''
  for name, value in pairs(said) do
    if name == 'provider' and is_short(value) then
      provider = value
    elseif name == 'message_id' and is_short(value) then
      message = value
    elseif name == 'attempt' and type(value) == 'number' then
      attempt = value
    elseif name == 'duration_ms' and type(value) == 'number' then
      duration = value
    elseif not is_kept_elsewhere(name) then
      rest = rest or {}
      rest[name] = value
    end
  end
  local line = letter_of(said.status) .. since .. '\t' .. (said.reason and column(said.reason) or '') .. '\t'
    .. channel .. '\t' .. provider .. '\t' .. attempt .. '\t' .. duration .. '\t' .. message
  if rest then return line .. '\t' .. cjson.encode(rest) end
  return string.match(line, '^.*[^\t]')
end

local function labels_in(text) return text ~= '' and object_in(text) or {} end

local function move(kind, id, created, before, to)
  if before == to then return end
  if before ~= '' then on_key('ZREM', P .. kind .. before, id) end
  if to ~= '' then on_key('ZADD', P .. kind .. to, string.format('%d', created), id) end
end

-- Most records are of what was sent. Those made within LIST_STEP ms are a list, each how many ms after
-- its first and the id; `P:h` has the numbers of all lists, and `P:n` how many of each status there are.
local function move_listed(id, created, was, to)
  local part = math.floor(created / LIST_STEP)
  local list = string.format('%s:h:%d', P, part)
  local entry = string.format('%03x%s', created % LIST_STEP, id)
  if is_listed(was) and on_key('HINCRBY', P .. ':n', was, -1) == 0 then redis.call('HDEL', P .. ':n', was) end
  if is_listed(to) then on_key('HINCRBY', P .. ':n', to, '1') end
  if is_listed(was) == is_listed(to) then return end
  if is_listed(to) then
    if on_key('RPUSH', list, entry) == 1 then on_key('ZADD', P .. ':h', part, part) end
  else
    on_key('LREM', list, 1, entry)
    if redis.call('EXISTS', list) == 0 then on_key('ZREM', P .. ':h', part) end
  end
end

local function move_status(id, created, was, to)
  if was == to then return end
  if is_listed(was) or is_listed(to) then move_listed(id, created, was, to) end
  if to ~= '' and not is_listed(to) then
    on_key('ZADD', P .. ':x', string.format('%d', rank_of(to) * RANK_STEP + created), id)
  elseif was ~= '' and not is_listed(was) then
    on_key('ZREM', P .. ':x', id)
  end
end

-- Puts what is kept of a message into the indexes, in place of what was; both by column.
local function index(id, created, was, to)
  move_status(id, created, was[1], to[1])
  -- What waits for a time, by that time: so that what a broker has lost on the way shows.
  if to[4] ~= '' then
    on_key('ZADD', P .. ':due', to[4], id)
  elseif was[4] ~= '' then
    on_key('ZREM', P .. ':due', id)
  end
  move(':u:', id, created, was[USER_ID], to[USER_ID])
  move(':f:', id, created, was[REFERENCE], to[REFERENCE])
  if was[TAGS] == to[TAGS] then return end
  for _, tag in ipairs(labels_in(was[TAGS])) do move(':g:', id, created, column(tag), '') end
  for _, tag in ipairs(labels_in(to[TAGS])) do move(':g:', id, created, '', column(tag)) end
end

local function opened(told, born)
  local kept = {string.match(told, TOLD)}
  local was = kept[1] and {unpack(kept)} or NOTHING
  if not kept[1] then kept = {unpack(NOTHING)} end
  kept.was, kept.born = was, born
  return kept
end

local function closed(id, kept)
  index(id, kept.born, kept.was, kept)
  return table.concat(kept, '\t', 1, TIMELINE - 1) .. '\n' .. kept[TIMELINE]
end

-- Notes the messages that an attempt named. Returns the receipts that waited for them, and what each is
-- as a change.
local function learn(id, said)
  local names, waited = messages_of(said), {}
  for _, name in ipairs(names) do
    redis.call('SET', P .. ':m:' .. name, #names > 1 and id .. '\tof one' or id)
    local waiting = P .. ':r:' .. name
    local parked = on_key('LRANGE', waiting, 0, -1)
    if #parked > 0 then redis.call('DEL', waiting) end
    for _, note in ipairs(parked) do waited[#waited + 1] = note end
  end
  return waited, #names > 1 and 'reported_of_one' or 'reported'
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

local function record(change, id, lane, now, due, note, uncertain, kept)
  local was = kept[1]
  local is_known = was ~= ''
  if is_known and is_first(change) then return end
  if is_known and change == 'promoted' and not moves(change, was) then
    kept[4] = ''
    return
  end

  local said = read(change, lane, note, uncertain)
  if keeps_status(change, was, said.status) then said.status = was end
  local since, shown = now - kept.born, kept[CHANNEL]
  local channel = said.channel and column(said.channel) or shown
  local line = line_of(since, said, channel ~= shown and channel or '')
  if is_receipt(change) and is_told(kept[TIMELINE], line, channel) then return end

  for i = 1, #KEPT_FIELDS do
    local value = said[KEPT_FIELDS[i]]
    if value ~= nil then kept[FIRST_KEPT - 1 + i] = column(value) end
  end
  kept[3], kept[TIMELINE] = since, appended(id, kept[TIMELINE], line)
  local status = said.status
  if not is_known or moves(change, was, status) then
    local reason = said.reason and column(said.reason) or ''
    if status == 'failed' and is_not_replayable(change) then
      status, reason = 'deleted', change == 'deleted' and is_known and kept[2] or reason
    end
    kept[1], kept[2], kept[4] = status, reason, due > 0 and due or ''
  end
  on_key('XADD', P .. ':changes', 'MAXLEN', '~', MAX_CHANGES, '*', 'c', id .. string.format('\t%d\t', now)
     .. (kept[1] == 'deleted' and 'failed' or kept[1]) .. '\t' .. kept[2] .. '\t' .. channel
    .. '\t' .. kept[USER_ID])
  if (said.message_id or said.targets) and not is_receipt(change) then
    local waited, reported = learn(id, said)
    for _, receipt in ipairs(waited) do record(reported, id, '', now, 0, receipt, false, kept) end
  end
end

local function forget(id, told, born, over)
  local kept = opened(told, born)
  index(id, born, kept, NOTHING)
  unlearn(id, kept[TIMELINE], '')
  -- A claim says of a copy that comes again that it is old; an hour later none can be left, unless
  -- it waits among the dead letters, and what is there has not ended.
  if over and over < now - 3600000 then redis.call('DEL', P .. ':q:' .. id) end
end

-- What the release before kept in a message's hash, beside it, and in an index of each status.
local function former(id, hash)
  local born = tonumber(hash['n:ct']) or tonumber(hash.ws) or now
  local text, timeline, shown = on_key('GET', P .. ':t:' .. id), '', ''
  redis.call('DEL', P .. ':t:' .. id)
  if not rank_of(hash['n:s']) then return '', born end
  for line in string.gmatch(text or '', '[^\n]+') do
    local at, status, reason, channel, rest =
      string.match(line, '^(%d+)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$')
    if letter_of(status) then
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
  move_status(id, born, '', kept[1])
  return table.concat(kept, '\t') .. '\n' .. timeline, born
end
