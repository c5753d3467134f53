-- A message's state is one text: its first line says in columns where the message is, in the order of
-- `save`; all after it is the recorder's. `born` is in ms since 1970, `over` in ms after it. What has
-- ended, or is not in this queue, has only the first columns, and the end of its token; else empty ones
-- at the end are left out. The release before kept a hash: it becomes a text when it is first read.
local function event(id) return P .. ':e:' .. id end
local function payload(id) return P .. ':b:' .. id end
local function key(lane, part) return P .. ':' .. lane .. ':' .. part end

-- Times that many messages get, as texts: it takes long to make one of a number.
local NOW = string.format('%d', now)
local LEASE_END = string.format('%d', now + LEASE_MS)

local COLUMNS = '^([^\t]*)\t(%d*)\t(%-?%d*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)'
  .. '\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)\t*$'
local EMPTY_COLUMNS = '\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t'
local HAS_ENDED = {done = true, cancelled = true, expired = true, deleted = true}

local function end_of(token) return string.sub(token, -8) end

-- A worker's own words as a column, and back.
local function escaped(text)
  return (string.gsub(text, '[%c%%]', function(c) return string.format('%%%02x', string.byte(c)) end))
end
local function unescaped(text)
  return (string.gsub(text, '%%(%x%x)', function(code) return string.char(tonumber(code, 16)) end))
end

local function save(m)
  if m.kept then m.told = recorder().closed(m.id, m.kept) end
  local text = m.st .. '\t' .. m.born .. '\t' .. m.over .. '\t' .. m.op .. '\t'
  if HAS_ENDED[m.st] or m.st == '' then
    text = text .. end_of(m.tok) .. '\t' .. m.unc .. '\n' .. m.told
  else
    text = text .. m.tok .. '\t' .. m.unc .. '\t' .. m.ln .. '\t' .. m.mx .. '\t' .. m.at .. '\t' .. m.df
      .. '\t' .. m.dl .. '\t' .. m.am .. '\t' .. m.ex .. '\t' .. m.du .. '\t' .. m.ws .. '\t' .. m.rs
      .. '\t' .. m.rd .. '\t' .. m.pg
    text = string.match(text, '^.*[^\t]') .. '\n' .. m.told
  end
  redis.call('SET', event(m.id), text)
end

-- A message of which nothing is known but its id and since when there is one.
local function blank(id, born)
  return {
    id = id, st = '', born = born, over = '', op = '', tok = '', unc = '', ln = '', mx = '', at = '',
    df = '', dl = '', am = '', ex = '', du = '', ws = '', rs = '', rd = '', pg = '', told = '',
  }
end

local function from_hash(id)
  local flat = redis.pcall('HGETALL', event(id))
  local m, hash = blank(id, NOW), {}
  if flat.err then
    m.damage = 'its state is a ' .. redis.call('TYPE', event(id)).ok .. ', not a string'
    return m
  end
  for i = 1, #flat, 2 do hash[flat[i]] = flat[i + 1] end
  for name, value in pairs(hash) do
    if m[name] and name ~= 'id' and name ~= 'told' then m[name] = escaped(value) end
  end
  m.told, m.born = recorder().former(id, hash)
  local ended_at = redis.pcall('ZSCORE', P .. ':ended', id)
  m.over = type(ended_at) == 'string' and ended_at - m.born or HAS_ENDED[m.st] and now - m.born or ''
  save(m)
  return m
end

-- The message that a text is about.
local function parsed(id, text)
  local line, told = string.match(text, '^([^\n]*)\n(.*)$')
  local st, born, over, op, tok, unc, ln, mx, at, df, dl, am, ex, du, ws, rs, rd, pg =
    string.match((line or '') .. EMPTY_COLUMNS, COLUMNS)
  if told and st and born ~= '' and (ln ~= '' or HAS_ENDED[st] or st == '') then
    return {
      id = id, st = st, born = born, over = over, op = op, tok = tok, unc = unc, ln = ln, mx = mx,
      at = at, df = df, dl = dl, am = am, ex = ex, du = du, ws = ws, rs = rs, rd = rd, pg = pg,
      told = told,
    }
  end
  local m = blank(id, NOW)
  m.damage = 'its state is no such text'
  if told and st and born ~= '' then m.born, m.told = born, told end
  return m
end

-- A message, by column; nil if there is none. Of one that can't be read, `damage` says why.
local function load(id)
  local text = redis.pcall('GET', event(id))
  if not text then return nil end
  return type(text) == 'string' and parsed(id, text) or from_hash(id)
end
