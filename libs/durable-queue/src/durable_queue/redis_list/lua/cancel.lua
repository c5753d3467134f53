-- Withdraw a message that isn't started.
-- ARGV 1 id 2 name of this call
-- Returns 'DONE', 'UNKNOWN' or 'REFUSED'; 'DONE' again when the same call is repeated.
local id, op = ARGV[1], ARGV[2]
local m = load(id)
local index = {queued = 'wait', leased = 'lease', delayed = 'delay'}
if not m then return 'UNKNOWN' end
if m.op == op then return 'DONE' end
if m.damage or m.ln == '' or not index[m.st] then return 'REFUSED' end
redis.call('ZREM', key(m.ln, index[m.st]), id)
finish(m, 'cancelled', op)
tell_end(m, 'cancelled', '')
save(m)
return 'DONE'
