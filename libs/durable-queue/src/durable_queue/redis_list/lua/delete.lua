-- Forget a dead letter's bytes; its hash stays until the retention is over.
-- ARGV 1 id 2 name of this call
-- Returns 'DONE', 'UNKNOWN' or 'REFUSED'; 'DONE' again when the same call is repeated.
local id, op = ARGV[1], ARGV[2]
local kept = kept_of(id, 'st', 'ln', 'op')
if not kept[1] then return 'UNKNOWN' end
if kept[3] == op then return 'DONE' end
if kept[1] ~= 'dead' or not kept[2] then return 'REFUSED' end
redis.call('ZREM', P .. ':dead', id)
finish(id, 'deleted', op)
record('deleted', id, kept[2], now, 0, '')
return 'DONE'
