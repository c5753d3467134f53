-- Lease up to n messages: the one whose ticket was popped, then those at the head of the lists.
-- ARGV 1 claim id, the token of all its leases 2 n 3 '1' if this claim was called before and its
--      answer was lost 4 lane of the popped element ('' none) 5 the element 6.. lanes, most urgent first
-- Returns {id, lane, body, attempts, max attempts, deferrals, expires ('' never), deliveries without
-- an outcome, this one included, how far its workers came if they said so} for each. A message that
-- is suspect comes alone.
local token, n, again = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'
local claimed, alone = {}, false

local function give(m, body, deliveries)
  claimed[#claimed + 1] = {
    m.id, m.ln, body or '', m.at ~= '' and m.at or '0', m.mx ~= '' and m.mx or '1',
    m.df ~= '' and m.df or '0', m.ex, deliveries, m.pg ~= '' and unescaped(m.pg) or nil,
  }
end

local function lease(m, lane)
  local body = redis.pcall('GET', payload(m.id))
  if condemn(m, lane, body) then return end
  if m.st ~= 'queued' then return end -- an index that disagrees with its message is wrong
  local ex, deliveries = tonumber(m.ex), (tonumber(m.dl) or 0) + 1
  if ex and ex <= now then
    expire(m)
    return
  end
  alone = deliveries > SUSPECT_AFTER
  m.st, m.tok, m.dl = 'leased', token, deliveries
  redis.call('ZADD', key(lane, 'lease'), LEASE_END, m.id)
  save(m)
  give(m, body, deliveries)
end

local UUID7 = '^%x%x%x%x%x%x%x%x%-%x%x%x%x%-7%x%x%x%-[89abAB]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$'

local function own_id(raw)
  local is_json, content = pcall(cjson.decode, raw)
  local id = is_json and type(content) == 'table' and content.trace_id
  if type(id) ~= 'string' or not string.match(id, UUID7) then return nil end
  id = string.lower(id)
  return redis.call('EXISTS', event(id)) == 0 and id or nil
end

local function made_id(lane, raw)
  local ms = string.format('%012x', now)
  local hash = redis.sha1hex(token .. next_number(lane) .. raw)
  local variant = string.sub('89ab', now % 4 + 1, now % 4 + 1)
  return string.sub(ms, 1, 8) .. '-' .. string.sub(ms, 9, 12) .. '-7' .. string.sub(hash, 1, 3)
    .. '-' .. variant .. string.sub(hash, 4, 6) .. '-' .. string.sub(hash, 7, 18)
end

-- Bytes that a foreign producer pushed by hand: they become a message, whatever they are.
local function adopt(lane, raw)
  local id = own_id(raw) or made_id(lane, raw)
  redis.call('SET', payload(id), raw)
  local m = blank(id, NOW)
  m.st, m.ln, m.mx, m.ws = 'queued', lane, tostring(RAW_ATTEMPTS), ''
  tell(m, 'adopted', 0, '')
  save(m)
  lease(m, lane)
end

-- True for a ticket that was issued once more than needed, or whose message was withdrawn.
local function is_spent(lane, seq, id, m)
  if m then return true end
  local issued = tonumber(redis.call('GET', key(lane, 'seq')) or 0) or 0
  return tonumber(seq) <= issued and string.match(id, UUID7) ~= nil
end

-- The number and the id of a ticket, and the message.
local function ticket_of(element)
  local seq, id = string.match(element, '^(%-?%d+)|(.+)$')
  return seq, id, seq and load(id)
end

local function take(lane, element, seq, id, m)
  if seq and redis.call('ZREM', key(lane, 'wait'), id) == 1 then
    if m then lease(m, lane) end
  elseif not seq or not is_spent(lane, seq, id, m) then
    adopt(lane, element)
  end
end

-- An element may be empty, too: somebody has pushed nothing by hand.
local lanes, popped, is_popped = {}, ARGV[5], ARGV[4] ~= ''
for i = 6, #ARGV do lanes[#lanes + 1] = ARGV[i] end

if again then
  for _, lane in ipairs(lanes) do -- the newest leases have the latest deadlines
    for _, id in ipairs(redis.call('ZREVRANGE', key(lane, 'lease'), 0, 1999)) do
      local m = load(id)
      local body = redis.pcall('GET', payload(id))
      if m and m.st == 'leased' and m.tok == token and not condemn(m, lane, body) then
        give(m, body, tonumber(m.dl) or 1)
        if claimed[#claimed][3] == popped then is_popped = false end
      end
    end
  end
end
if is_popped then take(ARGV[4], popped, ticket_of(popped)) end
if again and #claimed > 0 then return claimed end

-- True for a suspect that would not be alone, and for all that would join one.
local function must_wait(m)
  if alone or #claimed == 0 then return alone end
  return m and (tonumber(m.dl) or 0) >= SUSPECT_AFTER
end

local tries = n * 4 -- bounds the time spent on spent tickets
local room = string.format('%d', n - #claimed)
for _, lane in ipairs(lanes) do
  while #claimed < n and tries > 0 and not alone do
    local elements = redis.call('LPOP', key(lane, 'ready'), room)
    if not elements then break end
    tries = tries - #elements
    for i, element in ipairs(elements) do
      local seq, id, m = ticket_of(element)
      if must_wait(m) then
        for back = #elements, i, -1 do redis.call('LPUSH', key(lane, 'ready'), elements[back]) end
        return claimed
      end
      take(lane, element, seq, id, m)
    end
    room = string.format('%d', n - #claimed)
  end
end
return claimed
