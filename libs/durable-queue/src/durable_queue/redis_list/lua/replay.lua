-- Put a dead letter back into the lane in which it died, counted anew.
-- ARGV 1 id 2 name of this call 3 delay ms
-- Returns 'DONE', 'UNKNOWN' or 'REFUSED'; 'DONE' again when the same call is repeated.
local id, op, delay = ARGV[1], ARGV[2], tonumber(ARGV[3])
local kept = kept_of(id, 'st', 'ln', 'ex', 'op')
local state, lane = kept[1], kept[2]
if not state then return 'UNKNOWN' end
if kept[4] == op then return 'DONE' end
if state ~= 'dead' or not lane then return 'REFUSED' end
redis.call('ZREM', P .. ':dead', id)
redis.call('HDEL', event(id), 'at', 'dl', 'df', 'er', 'pg')
local due = delay > 0 and now + delay or 0
if due > 0 then
  park(lane, id, due, tonumber(kept[3]), 'rs', now, 'rd', delay, 'op', op)
else
  push(lane, id, 'op', op)
end
record('replayed', id, lane, now, due, '')
return 'DONE'
