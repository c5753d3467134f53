-- Withdraw a message that isn't started.
-- ARGV 1 id 2 name of this call
-- Returns 'DONE', 'UNKNOWN' or 'REFUSED'; 'DONE' again when the same call is repeated.
local id, op = ARGV[1], ARGV[2]
local kept = kept_of(id, 'st', 'ln', 'op')
local state, lane = kept[1], kept[2]
local index = {queued = 'wait', leased = 'lease', delayed = 'delay'}
if not state then return 'UNKNOWN' end
if not lane then return 'REFUSED' end -- damaged
if kept[3] == op then return 'DONE' end
if not index[state] then return 'REFUSED' end
redis.call('ZREM', key(lane, index[state]), id)
finish(id, 'cancelled', op)
record_end('cancelled', id, lane, '')
return 'DONE'
