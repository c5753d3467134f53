#!lua flags=no-writes,allow-oom
-- Count dead letters by reason and channel, some of them at a time.
-- KEYS 1 the key prefix
-- ARGV 1 how many were looked at before 2 how many to look at
-- Returns {how many there were, reason, channel, count, first and last time in ms, reason, ...}.
local ids = redis.pcall('ZREVRANGE', KEYS[1] .. ':x:failed', ARGV[1], ARGV[1] + ARGV[2] - 1)
if ids.err then return {0} end -- a damaged index: the audit makes it anew
local groups, order = {}, {}
for _, id in ipairs(ids) do
  local kept = redis.pcall('HMGET', KEYS[1] .. ':e:' .. id, 'n:s', 'n:r', 'n:c', 'n:ut')
  local at = not kept.err and kept[1] == 'failed' and tonumber(kept[4])
  if at then
    local reason, channel = kept[2] or '', kept[3] or ''
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
