// The steps of events in Redis that must be one step, as scripts that Redis runs. The keys of a channel
// share a hash tag: its state (epoch, last number, sources) and a stream of what was appended together.

import { script } from '../drivers/redis/scripts.ts'

// An epoch belongs to one run of one server. What a server has after a restart or a failover may lack
// what was acknowledged last, and its numbers would be given again, to other events. KEYS: state, stream;
// ARGV: an epoch that may begin, seconds until an idle channel is forgotten.
const channelFunction = `
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
local function whole(number) return string.format('%.0f', number) end
local function keep()
  redis.call('EXPIRE', KEYS[1], ARGV[2])
  redis.call('EXPIRE', KEYS[2], ARGV[2])
end
local function begin()
  redis.call('UNLINK', KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'last', '0', 'run', run)
  keep()
  return ARGV[1], 0
end
local function channel()
  local state = redis.pcall('HMGET', KEYS[1], 'epoch', 'last', 'run')
  if state.err then
    -- Somebody else has put something under its name.
    if not string.find(state.err, 'WRONGTYPE', 1, true) then error(state.err) end
    redis.call('UNLINK', KEYS[1])
    return begin()
  end
  local last = state[2] and tonumber(state[2])
  if not state[1] or not last or state[3] ~= run then return begin() end
  return state[1], last
end`

// ARGV, after the two above: events to keep, the channel to publish to, then for each part its source,
// number, count of numbers, whether it has a body for each ('1'), and the bodies as lines.
export const appendScript = script(`${channelFunction}
local epoch, last = channel()
local count, lines, known = 0, {}, {}
for i = 5, #ARGV, 5 do
  local source, number = 's:' .. ARGV[i], tonumber(ARGV[i + 1])
  local before = known[source]
  if before == nil and source ~= 's:' then before = tonumber(redis.call('HMGET', KEYS[1], source)[1] or '-1') end
  if before == nil or number > before then
    if source ~= 's:' then known[source] = number end
    count = count + tonumber(ARGV[i + 2])
    if ARGV[i + 3] ~= '1' then lines = {} end
    if ARGV[i + 4] ~= '' then lines[#lines + 1] = ARGV[i + 4] end
  end
end
if count == 0 then return 0 end
last = last + count
local text = table.concat(lines, '\\n')
local function add()
  if text == '' then return false end
  local oldest = math.max(0, last - tonumber(ARGV[3]) + 1)
  local added = redis.pcall('XADD', KEYS[2], 'MINID', '=', whole(oldest), whole(last) .. '-0', 'b', text)
  return type(added) == 'table' and added.err
end
local failed = add()
if failed and (string.find(failed, 'WRONGTYPE', 1, true) or string.find(failed, 'smaller', 1, true)) then
  epoch, last = begin()
  last = last + count
  failed = add()
end
if failed then return redis.error_reply(failed) end
local state = {'last', whole(last)}
for source, number in pairs(known) do
  state[#state + 1] = source
  state[#state + 1] = whole(number)
end
-- From here on something is kept: what can't be finished is undone, or it would count as done.
local function undo(answer)
  redis.call('UNLINK', KEYS[1], KEYS[2])
  return answer
end
local stored = redis.pcall('HSET', KEYS[1], unpack(state))
if type(stored) == 'table' and stored.err then return undo(stored) end
keep()
local sent = redis.pcall('PUBLISH', ARGV[4], epoch .. ' ' .. whole(last) .. '\\n' .. text)
if type(sent) == 'table' and sent.err then return undo(sent) end
return count`)

// ARGV, after the two above: the number after which events are wanted or '', and the most bytes of them.
export const readScript = script(`${channelFunction}
local epoch, last = channel()
local answer = {epoch, whole(last)}
if ARGV[3] == '' then return answer end
local bytes = 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '(' .. ARGV[3] .. '-0', '+')) do
  local text = entry[2][2]
  bytes = bytes + #text
  if bytes > tonumber(ARGV[4]) then return {epoch, whole(last)} end
  answer[#answer + 1] = string.match(entry[1], '^%d+')
  answer[#answer + 1] = text
end
return answer`)

// It is written, too: a server that is a replica now publishes to its own clients only. KEYS: a key;
// ARGV: milliseconds, the canary, the channel.
export const canaryScript = script(`
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
redis.call('PUBLISH', ARGV[3], ARGV[2])`)
