-- Put a dead letter back into the lane in which it died, counted anew.
-- ARGV 1 id 2 name of this call 3 delay ms
-- Returns 'DONE', 'UNKNOWN' or 'REFUSED'; 'DONE' again when the same call is repeated.
local id, op, delay = ARGV[1], ARGV[2], tonumber(ARGV[3])
local m = load(id)
if not m then return 'UNKNOWN' end
if m.op == op then return 'DONE' end
if m.st ~= 'dead' or m.ln == '' then return 'REFUSED' end
on_key('ZREM', P .. ':dead', id)
m.op, m.at, m.dl, m.df, m.pg = op, '', '', '', ''
local due = delay > 0 and now + delay or 0
if due > 0 then
  m.rs, m.rd = now, delay
  park(m, m.ln, due)
else
  push(m, m.ln)
end
tell(m, 'replayed', due, '')
save(m)
return 'DONE'
