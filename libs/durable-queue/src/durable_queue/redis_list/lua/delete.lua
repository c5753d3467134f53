-- Forget a dead letter's bytes; its text stays until the retention is over.
-- ARGV 1 id 2 name of this call
-- Returns 'DONE', 'UNKNOWN' or 'REFUSED'; 'DONE' again when the same call is repeated.
local id, op = ARGV[1], ARGV[2]
local m = load(id)
if not m then return 'UNKNOWN' end
if m.op == op then return 'DONE' end
if m.st ~= 'dead' or m.ln == '' then return 'REFUSED' end
on_key('ZREM', P .. ':dead', id)
finish(m, 'deleted', op)
tell(m, 'deleted', 0, '')
save(m)
return 'DONE'
