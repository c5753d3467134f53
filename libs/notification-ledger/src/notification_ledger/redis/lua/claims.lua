-- Claims, for a queue whose broker does not know single messages. `durable_queue.claims.state_machine` is
-- the reference, and `store` beside it says what each operation is given and replies; HELD,
-- RESERVED_STATES, HAS_ENDED and GIVEN_UP are rendered from its sets, RETENTION is in ms.
local FIELDS = {'st', 'hop', 'tok', 'un', 'dl', 'vd', 'mv', 'ho', 'key', 'mm', 'uc', 'sa', 'pg', 'ln'}
local NUMBER = {hop = true, un = true, dl = true, mv = true, ho = true, uc = true,
  sa = true}
local id, claim -- of which message an operation is, and its claim once it is known

local function claim_key(name) return P .. ':q:' .. name end

local function load(name)
  local kept = on_key('HMGET', claim_key(name), unpack(FIELDS)) -- damaged is as good as forgotten
  if not kept[1] then return nil end
  local c = {kept = kept}
  for i, field in ipairs(FIELDS) do
    c[field] = NUMBER[field] and (tonumber(kept[i] or 0) or 0) or kept[i] or ''
  end
  if c.un > now and c.sa > now then -- the clock was set back since: what is left begins anew
    c.un, c.sa = now + c.un - c.sa, now
    redis.call('HSET', claim_key(name), 'un', string.format('%d', c.un), 'sa', now)
  end
  c.was = c.un
  if name == id then claim = c end
  return c
end

-- Writes what is new of a claim. One that takes the place of another says what was `kept` of that.
local function save(name, c)
  local flat, kept = {}, c.kept or {}
  if c.un ~= c.was then c.sa = now end
  for i, field in ipairs(FIELDS) do
    local value = NUMBER[field] and string.format('%d', c[field] or 0) or c[field] or ''
    if value ~= (kept[i] or (NUMBER[field] and '0' or '')) then
      flat[#flat + 1], flat[#flat + 2] = field, value
      kept[i] = value
    end
  end
  c.kept = kept
  if #flat > 0 then redis.call('HSET', claim_key(name), unpack(flat)) end
  if HAS_ENDED[c.st] then redis.call('PEXPIRE', claim_key(name), RETENTION) end
  if name == id then claim = c end
end

-- The claim of this holder; one that was forgotten is taken as it says.
local function held(token, hop)
  local c = load(id) or {st = 'leased', hop = hop, tok = token, un = 0, dl = 1}
  if c.tok == token then return c end
end

local function lost_again(c)
  if c.vd == 'poison' then return {'poison', c.dl, c.uc or 0} end
  return {'ambiguous'}
end

local function gone(c, token, max_deliveries, till)
  if c.st == 'started' then c.uc = 1 end
  if c.st == 'started' and c.ho == 1 then
    c.vd = 'ambiguous'
  elseif c.dl >= max_deliveries then
    c.vd = 'poison'
  else
    return nil
  end
  c.st, c.tok, c.un, c.mm = 'settling', token, till, ''
  save(id, c)
  return lost_again(c)
end

local function go(c, was)
  local reply = {'go', c.dl, was, c.uc or 0}
  if (c.pg or '') ~= '' then reply[5] = c.pg end
  return reply
end

local run = {}

function run.reserve(token, gate_ms, key, fp, answer, keep_ms)
  local named = P .. ':k:' .. key
  if key ~= '' then
    local first = redis.call('HMGET', named, 'id', 'fp', 'an')
    if first[1] then
      if first[2] ~= fp then return {'conflict', first[1]} end
      local known = load(first[1])
      if not known or known.st ~= 'reserved' then return {'duplicate', first[1], first[3]} end
      if known.un > now then return {'wait'} end
      if first[1] ~= id then  -- whatever became of it, it no longer counts
        known.st = 'cancelled'
        save(first[1], known)
      end
    end
  end
  local c = load(id)
  if c and c.st ~= 'reserved' then return {'duplicate', id, ''} end
  if c and c.un > now then return {'wait'} end
  local hop = c and c.hop + 1 or 0
  save(id, {
    st = 'reserved', hop = hop, tok = token, un = now + tonumber(gate_ms), key = key,
    kept = c and c.kept,
  })
  if key ~= '' then
    redis.call('HSET', named, 'id', id, 'fp', fp, 'an', answer)
    redis.call('PEXPIRE', named, keep_ms)
  end
  return {'ok', hop}
end

function run.doubt(token)
  local c = load(id)
  if c and c.st == 'reserved' and c.tok == token then
    c.un = 0
    save(id, c)
  end
  return {'ok'}
end

function run.free(token)
  local c = load(id)
  if c and c.st == 'reserved' and c.tok == token then
    redis.call('DEL', claim_key(id))
    claim = nil
    if c.key ~= '' then redis.call('DEL', P .. ':k:' .. c.key) end
  end
  return {'ok'}
end

function run.recall(fp)  -- here the id is a dedupe key
  local first = redis.call('HMGET', P .. ':k:' .. id, 'id', 'fp', 'an')
  if not first[1] then return {'none'} end
  if first[2] ~= fp then return {'conflict', first[1]} end
  local known = load(first[1])
  if known and known.st == 'reserved' then return {'none'} end
  return {'duplicate', first[1], first[3]}
end

function run.record() return {'ok'} end

function run.begin(hop, token, lease_ms, max_deliveries, uncertain, lane)
  hop, lease_ms, max_deliveries = tonumber(hop), tonumber(lease_ms), tonumber(max_deliveries)
  local c = load(id) or {st = 'waiting', hop = hop, tok = '', un = 0, dl = 0, vd = '', mv = 0, ho = 0}
  local over = HAS_ENDED[c.st]
  if uncertain == '1' and c.uc ~= 1 then
    c.uc = 1
    save(id, c)
  end
  if over or hop < c.hop or (hop == c.hop and c.st == 'dead') then return {'stale'} end
  if RESERVED_STATES[c.st] and c.un > now then return {'wait'} end
  if lane and hop == c.hop and (c.ln or '') ~= '' and c.ln ~= lane then
    if HELD[c.st] and c.un > now then return {'busy', c.un - now, c.ln} end
    return {'elsewhere', c.ln}
  end
  local was = RESERVED_STATES[c.st] and c.st or ''
  if c.st == 'leased' and c.tok == token and hop == c.hop then
    return go(c, '')  -- asked again, for its reply was lost
  end
  if HELD[c.st] and hop == c.hop then
    if c.un > now then return {'busy', c.un - now} end
    if c.st == 'settling' and GIVEN_UP[c.vd] then
      c.tok, c.un = token, now + lease_ms
      save(id, c)
      if c.mm ~= '' then return {'bury', c.mm, c.uc or 0} end
      return lost_again(c)
    end
    local reply = gone(c, token, max_deliveries, now + lease_ms)
    if reply then return reply end
    was = 'leased'
  end
  if hop > c.hop and c.mv ~= 1 then c.dl = 0 end
  if hop > c.hop then c.pg, c.ln = '', '' end  -- from here on the copy itself says it
  c.hop, c.st, c.tok, c.un, c.vd, c.mv, c.mm = hop, 'leased', token, now + lease_ms, '', 0, ''
  c.dl = c.dl + 1
  save(id, c)
  return go(c, was)
end

function run.start(token, hop, lease_ms, hold, progress)
  local c = held(token, tonumber(hop))
  if not c or (c.st ~= 'leased' and c.st ~= 'started') then return {'lost'} end
  local reply = {c.st == 'started' and 'again' or 'ok'}
  c.st, c.un, c.ho = 'started', now + tonumber(lease_ms), tonumber(hold)
  c.pg = progress or c.pg
  save(id, c)
  return reply
end

function run.advance(token, hop, lease_ms, hold, lane, progress)
  local c = held(token, tonumber(hop))
  if not c or (c.st ~= 'leased' and c.st ~= 'started') then return {'lost'} end
  local reply = {c.ln == lane and 'again' or 'ok'}
  if c.ln ~= lane then c.dl = 1 end
  c.st, c.un, c.ho, c.ln = 'started', now + tonumber(lease_ms), tonumber(hold), lane
  c.pg = progress or c.pg
  save(id, c)
  return reply
end

function run.decide(token, hop, verdict, lease_ms, max_deliveries, memo, uncertain)
  local c = held(token, tonumber(hop))
  if not c then return {'lost'} end
  if c.vd and c.vd ~= '' then return {c.vd == verdict and 'again' or 'lost'} end
  if c.st ~= 'leased' and c.st ~= 'started' then return {'lost'} end
  c.st, c.vd, c.un = 'settling', verdict, now + tonumber(lease_ms)
  c.mv, c.mm = verdict == 'release' and 1 or 0, memo
  if uncertain == '1' then c.uc = 1 end
  save(id, c)
  if verdict == 'release' and c.dl >= tonumber(max_deliveries) then return {'poison', c.dl} end
  return {'ok'}
end

function run.explain(token, memo)
  local c = load(id)
  if not c or c.tok ~= token or c.st ~= 'settling' then return {'lost'} end
  if not GIVEN_UP[c.vd] or c.mm ~= '' then return {'lost'} end
  c.mm = memo
  save(id, c)
  return {'ok'}
end

function run.finish(token, hop, verdict)
  local c = held(token, tonumber(hop))
  if not c then return {'lost'} end
  if c.vd and c.vd ~= '' then return {c.vd == verdict and 'again' or 'lost'} end
  if c.st ~= 'leased' and c.st ~= 'started' then return {'lost'} end
  c.st, c.vd = 'ended', verdict
  save(id, c)
  return {'ok'}
end

function run.settled(token, hop, state, suspect)
  local c = load(id)
  if not c or c.tok ~= token or (c.st ~= 'settling' and not RESERVED_STATES[c.st]) then return {'lost'} end
  if tonumber(hop) > c.hop then c.pg, c.ln = '', '' end
  c.hop, c.st, c.mm = tonumber(hop), state, ''
  if suspect == '0' then c.dl, c.mv = 0, 0 end
  save(id, c)
  return {'ok'}
end

function run.renew(token, hop, lease_ms)
  local c = held(token, tonumber(hop))
  if not c or not HELD[c.st] then return {'lost'} end
  c.un = now + tonumber(lease_ms)
  save(id, c)
  return {'ok'}
end

function run.lose(token, max_deliveries, lease_ms)
  local c = load(id)
  if not c or c.tok ~= token or (c.st ~= 'leased' and c.st ~= 'started') then return {'lost'} end
  local reply = gone(c, token, tonumber(max_deliveries), now + tonumber(lease_ms))
  if reply then return reply end
  c.st, c.tok = 'waiting', ''
  save(id, c)
  return (c.ln or '') ~= '' and {'waiting', c.ln} or {'waiting'}
end

function run.hand_back(token)
  local c = load(id)
  if c and c.tok == token and c.st == 'leased' then
    c.st, c.tok, c.dl = 'waiting', '', c.dl - 1
    save(id, c)
  end
  return {'ok'}
end

function run.cancel()
  local c = load(id)
  if not c then return {'unknown'} end
  local moving = c.st == 'settling' and not GIVEN_UP[c.vd]
  if c.st == 'reserved' or c.st == 'waiting' or c.st == 'leased' or moving then
    c.st = 'cancelled'
    save(id, c)
    return {'done'}
  end
  return {'refused'}
end

function run.move(token, gate_ms)
  local c = load(id)
  if not c then return {'unknown'} end
  if c.st ~= 'dead' and not (c.st == 'moving' and c.un <= now) then return {'refused'} end
  c.st, c.tok, c.un, c.vd = 'moving', token, now + tonumber(gate_ms), ''
  save(id, c)
  return {'ok', c.hop}
end

function run.audit(hop, uncertain)
  hop = tonumber(hop)
  local c = load(id) or {st = 'waiting', hop = hop}
  if uncertain == '1' and c.uc ~= 1 then
    c.uc = 1
    save(id, c)
  end
  if hop == c.hop and (c.st == 'dead' or c.st == 'moving') then return {'kept'} end
  if hop < c.hop or HAS_ENDED[c.st] then return {'stale'} end
  if (HELD[c.st] or RESERVED_STATES[c.st]) and c.un > now then return {'busy'} end
  local told = c.st == 'settling' and GIVEN_UP[c.vd]
  save(id, {st = 'dead', hop = hop, key = c.key, ho = c.ho, uc = c.uc, kept = c.kept})
  return {told and 'kept' or 'adopted'}
end

-- ... 1 operation 2 id 3 how many changes go on record if it is carried out; each: change, lane, at ms,
-- due ms, note, '1' if it is uncertain; then the operation's own
local function one(operation, name, changes, ...)
  id, claim = name, nil
  changes = tonumber(changes)
  local reply = run[operation](select(6 * changes + 1, ...))
  for nth = 1, (reply[1] == 'ok' or reply[1] == 'done') and changes or 0 do
    local change, lane, at, due, note, uncertain = select(6 * nth - 5, ...)
    local known = claim or load(id) or {}
    write(change, id, lane, at, due, note, RETENTION, uncertain == '1' or known.uc == 1)
  end
  return {now, unpack(reply)}
end
