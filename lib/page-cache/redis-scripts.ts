// The steps of the page cache that must be one step, as scripts that Redis runs. The keys of each have
// one hash tag, the owner's: Redis Cluster refuses a script whose keys are in different slots.

import { script } from '../drivers/redis/scripts.ts'

// Whatever somebody else has put under a version's key is no version, and is replaced.
const knownFunction = `
local function known(key)
  local text = redis.pcall('GET', key)
  if type(text) ~= 'string' or #text > 16 or not string.match(text, '^-?%d+$') then return nil end
  local version = tonumber(text)
  if version > 9007199254740991 then return nil end
  return version
end`

/**
 * Another one in each run of each server. Measured: 4 to 7 us of the 20 that a page takes of Redis. Asked once for
 * each connection it would be free, and wrong: proxies of managed servers keep a client's connection through a
 * failover, and the pages of before would be believed.
 */
const runFunction = `
local function run() return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or '' end`

// Without a version nothing is believed, neither a page nor a fill: it may have been forgotten, with
// the announcement of a change. Asking for a page begins one, below every version. And each time it is
// written: a Redis that refuses writes (a replica, one out of memory) has refused announcements, too,
// and its pages may be of before them. So may those that one run of a server had kept and another one has:
// a failover loses what was acknowledged last, such as a change. KEYS: version, page; ARGV: the version's
// ttl.
export const getScript = script(`${knownFunction}${runFunction}
local version = known(KEYS[1])
redis.call('SET', KEYS[1], string.format('%.0f', version or -1), 'EX', ARGV[1])
if not version then return {} end
local page = redis.pcall('HMGET', KEYS[2], 'version', 'total', 'body', 'run')
if not page[1] or tonumber(page[1]) ~= version or page[4] ~= run() then return {} end
return page`)

// KEYS: version, page; ARGV: version, total, body, ttl, the version's ttl.
export const fillScript = script(`${knownFunction}${runFunction}
local version = known(KEYS[1])
if not version or tonumber(ARGV[1]) < version then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[5])
redis.call('UNLINK', KEYS[2])
redis.call('HSET', KEYS[2], 'version', ARGV[1], 'total', ARGV[2], 'body', ARGV[3],
  'run', run())
redis.call('EXPIRE', KEYS[2], ARGV[4])
return 1`)

// KEYS: version; ARGV: its ttl, the new one. One owner at a time: keys of two are in different slots.
export const changedScript = script(`${knownFunction}
local version = known(KEYS[1]) or -1
if tonumber(ARGV[2]) > version then redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[1]) end
return 1`)

// The same where there is a version: without one, nobody believes a page. KEYS: version; ARGV: its ttl,
// the new one.
export const raiseOlderScript = script(`${knownFunction}
local version = known(KEYS[1])
if version and tonumber(ARGV[2]) > version then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[1])
end
return 1`)
