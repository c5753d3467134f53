-- Extend leases.
-- ARGV id, token, id, token, ...
-- Returns 1 or, where the claim is over, 0 for each.
local alive = {}
for i = 1, #ARGV, 2 do
  local m = load(ARGV[i])
  local held = is_held(m, ARGV[i + 1])
  if held then redis.call('ZADD', key(m.ln, 'lease'), LEASE_END, ARGV[i]) end
  alive[#alive + 1] = held and 1 or 0
end
return alive
