-- Follows record.lua where no queue's script is around it: keeps the text, and forgets what ended.
-- `at` is in ms, 0 for now, as is `due`. Returns 0 if there is nothing to report about.
local function write(change, id, lane, at, due, note, retention, uncertain)
  local m = load(id)
  if is_receipt(change) and not m then return 0 end
  at = tonumber(at) > 0 and tonumber(at) or now
  if not m or m.damage then
    if m then put_aside(event(id)) end
    m = blank(id, at)
  end
  uncertain = uncertain == true or uncertain == '1'
  m.kept = m.kept or recorder().opened(m.told, tonumber(m.born) or at)
  recorder().record(change, id, lane, at, tonumber(due), note, uncertain, m.kept)
  if has_ended(m.kept[1]) and m.over == '' then
    m.over = now - m.born
    note_end(m)
  end
  save(m)
  -- Each ended notification is added once, and two are taken away per call: no sweeper is needed.
  forget_ended(now - tonumber(retention), 2)
  return 1
end
