#!lua flags=no-writes,allow-oom
-- Count dead letters by reason and channel, some of them at a time.
-- KEYS 1 the key prefix
-- ARGV 1 how many were looked at before 2 how many to look at
-- Returns {how many there were, reason, channel, count, first and last time in ms, reason, ...}.
local first, last = rank_of('failed') * RANK_STEP, (rank_of('failed') + 1) * RANK_STEP - 1
local ids = redis.pcall('ZREVRANGEBYSCORE', KEYS[1] .. ':x', last, first, 'LIMIT', ARGV[1], ARGV[2])
if ids.err then ids = {} end -- a damaged index: the audit makes it anew
local former = redis.pcall('ZCARD', KEYS[1] .. ':x:failed') -- of the release before, until it is read
if #ids == 0 and type(former) == 'number' and former > 0 then
  local passed = ARGV[1] - redis.call('ZCOUNT', KEYS[1] .. ':x', first, last)
  ids = redis.call('ZREVRANGE', KEYS[1] .. ':x:failed', passed, passed + ARGV[2] - 1)
end
local groups, order = {}, {}
local TEXT = '^[^\t\n]*\t(%d+)[^\n]*\n([^\t\n]*)\t([^\t\n]*)\t(%-?%d+)\t[^\t\n]*\t([^\t\n]*)'
for _, id in ipairs(ids) do
  local text = redis.pcall('GET', KEYS[1] .. ':e:' .. id)
  local born, status, reason, channel, at
  if type(text) == 'string' then
    born, status, reason, at, channel = string.match(text, TEXT)
    at = born and born + at
  elseif text then
    local kept = redis.pcall('HMGET', KEYS[1] .. ':e:' .. id, 'n:s', 'n:r', 'n:c', 'n:ut')
    if not kept.err then status, reason, channel, at = kept[1], kept[2] or '', kept[3] or '', tonumber(kept[4]) end
  end
  if at and status == 'failed' then
    local name = reason .. '\t' .. channel
    local group = groups[name]
    if not group then
      group = {reason, channel, 0, at, at}
      groups[name] = group
      order[#order + 1] = group
    end
    group[3] = group[3] + 1
    group[4], group[5] = math.min(group[4], at), math.max(group[5], at)
  end
end
local found = {#ids}
for _, group in ipairs(order) do
  for i = 1, 3 do found[#found + 1] = group[i] end
  for i = 4, 5 do found[#found + 1] = string.format('%d', group[i]) end
end
return found
