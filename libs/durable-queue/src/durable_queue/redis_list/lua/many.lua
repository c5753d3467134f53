-- Follows the body of a script for many messages: `one` runs it, with a message's own values.
-- ARGV for each message: how many values it has, then the values
-- Returns the reply for each, in order. Where one fails, its error is its reply, and the others go on.
local replies, at, last = {}, 1, #ARGV
while at < last do
  local width = tonumber(ARGV[at])
  local is_done, reply = pcall(one, unpack(ARGV, at + 1, at + width))
  if not is_done and not (type(reply) == 'table' and reply.err) then
    reply = {err = 'ERR ' .. tostring(reply)}
  end
  replies[#replies + 1] = reply
  at = at + width + 1
end
return replies
