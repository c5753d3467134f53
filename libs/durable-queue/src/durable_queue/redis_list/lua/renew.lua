-- Extend leases.
-- ARGV id, token, id, token, ...
-- Returns 1 or, where the claim is over, 0 for each.
local alive = {}
for i = 1, #ARGV, 2 do
  local kept = kept_of(ARGV[i], 'st', 'tok', 'ln')
  local held = kept[2] == ARGV[i + 1] and (kept[1] == 'leased' or kept[1] == 'started')
  if held then redis.call('ZADD', key(kept[3], 'lease'), now + LEASE_MS, ARGV[i]) end
  alive[#alive + 1] = held and 1 or 0
end
return alive
