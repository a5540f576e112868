// The steps of the list cache that must be one step, as scripts that Redis runs. Whatever somebody else
// has put under their keys (text, a list, a number that no version can be), they replace it and go on:
// once, `SET todos:version abc` broke both for good.

import { script } from '../drivers/redis/scripts.ts'

// A version is a whole number that a double holds exactly; anything else counts as none. As a reply it is
// text: ioredis reads the integer 9007199254740991 as one more. Shared by all scripts below. KEYS[1]: the
// version.
const knownFunction = `
local function known()
  local text = redis.pcall('GET', KEYS[1])
  -- Without this right no version was ever known, and nobody was told.
  if type(text) == 'table' and text.err and (string.find(text.err, 'NOPERM', 1, true) or
      string.find(text.err, 'The user executing', 1, true)) then error('NOPERM GET ' .. KEYS[1]) end
  if type(text) ~= 'string' or #text > 16 or not string.match(text, '^%d+$') then return -1 end
  local version = tonumber(text)
  if version > 9007199254740991 then return -1 end
  return version
end
local function text(version) return string.format('%.0f', version) end`

// A list is only ever as good as the version it was read under: stored with it, and handed out only
// while that is still the version. A lease is only one while it ends by itself. KEYS: version, list,
// lease; ARGV: the lease's milliseconds.
export const getScript = script(`${knownFunction}
local list = redis.pcall('HMGET', KEYS[2], 'version', 'body')
if list[1] and list[2] and tonumber(list[1]) == known() then return {'hit', list[1], list[2]} end
local left = redis.call('PTTL', KEYS[3])
if left >= 0 and left <= tonumber(ARGV[1]) then return {'wait'} end
redis.call('SET', KEYS[3], '1', 'PX', ARGV[1])
return {'fill'}`)

// A newer version drops every list and every lease in the same step. The first one after a flush
// does not: there are no lists, and the leases are those of processes that fill them again just
// now. Returns the version that is known then.
const announceFunction = `${knownFunction}
local function announce(version)
  local before = known()
  if version <= before then return before end
  redis.call('SET', KEYS[1], ARGV[1])
  if before >= 0 then redis.call('UNLINK', unpack(KEYS, 2)) end
  return version
end`

/** KEYS: version, then all lists and leases; ARGV: version. */
export const announceScript = script(`${announceFunction}
return text(announce(tonumber(ARGV[1])))`)

/** KEYS: version, then all lists and leases; ARGV: version, body, ttl, list, lease. */
export const fillScript = script(`${announceFunction}
local version = tonumber(ARGV[1])
local latest = announce(version)
redis.call('UNLINK', ARGV[5])
if version < latest then return 0 end
redis.call('UNLINK', ARGV[4])
redis.call('HSET', ARGV[4], 'version', ARGV[1], 'body', ARGV[2])
redis.call('EXPIRE', ARGV[4], ARGV[3])
return 1`)

/** KEYS: version, then all lists and leases; ARGV: the version that is known, the one that is true. */
export const overruleScript = script(`${knownFunction}
if known() ~= tonumber(ARGV[1]) then return 0 end
redis.call('UNLINK', unpack(KEYS, 2))
redis.call('SET', KEYS[1], ARGV[2])
return 1`)

/** KEYS: version. */
export const knownScript = script(`${knownFunction}
return text(known())`)
