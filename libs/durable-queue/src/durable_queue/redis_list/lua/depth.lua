-- Count the messages of a lane.
-- ... 1 lane
-- Returns {waiting, leased, delayed, ms that the one at the front has waited, the last ticket number}.
local lane = ...
local first = redis.call('ZRANGE', key(lane, 'wait'), 0, 0)[1]
local kept = first and kept_of(first, 'ws', 'born') or {}
local since = whole(kept[1]) or tonumber(kept[2]) or now -- `ws` is left out where it is the same
return {
  redis.call('ZCARD', key(lane, 'wait')),
  redis.call('ZCARD', key(lane, 'lease')),
  redis.call('ZCARD', key(lane, 'delay')),
  math.max(now - since, 0),
  whole(redis.pcall('GET', key(lane, 'seq'))) or 0,
}
