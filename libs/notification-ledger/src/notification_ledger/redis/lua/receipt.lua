-- Follows write.lua: what a provider reports of a message that it took.
-- ARGV 1 provider 2 its id for the message 3 note 4 retention ms
-- Returns 1; 0 if no record has the message: the receipt is parked.
local name = ARGV[1] .. '\t' .. ARGV[2]
local held = redis.pcall('GET', P .. ':m:' .. name)
local id, of_one = string.match(type(held) == 'string' and held or '', '^([^\t]+)(.*)$')
local change = of_one == '' and 'reported' or 'reported_of_one'
if id and write(change, id, '', 0, 0, ARGV[3], ARGV[4]) == 1 then return 1 end

local waiting = P .. ':r:' .. name
local parked = on_key('LRANGE', waiting, 0, -1)
for _, note in ipairs(parked) do
  if note == ARGV[3] then return 0 end
end
if #parked < MAX_PARKED then redis.call('RPUSH', waiting, ARGV[3]) end
redis.call('PEXPIRE', waiting, PARKED_FOR_MS)
return 0
