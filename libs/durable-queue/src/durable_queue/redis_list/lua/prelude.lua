-- The beginning of every script. KEYS[1] is the key prefix of the shard: every key is made from it,
-- and it routes the call to the right node of a cluster. damage.lua follows, then the recorder,
-- message.lua, ended.lua, states.lua, each without what the script does not use, then its own body.
-- Time is Redis's, so that no worker's clock matters. All times are milliseconds since 1970.
local P = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
