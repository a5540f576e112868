// The lists in Redis as an operator looks for them: `GET todos:limit:10` is that list's JSON. Nobody here
// reads them. They are copies of what was filled in under the version's guard (redis-scripts.ts).
//
// That guard can't cover them in one script: `todos:limit:10` is in another slot than `{todos}:…`. So each
// has a version of its own in its own slot, `{todos:limit:10}:version`, and one script compares, then
// writes both with one lifetime. Copies of two versions may arrive in any order; what is there never
// goes back. What is no longer true ends with its lifetime, CACHE_TTL_SEC after it was written.

import { firstOf, isTooLong, type ListName, type ListSnapshot } from '../domain/list.ts'
import type { RedisClient } from '../drivers/redis/client.ts'
import { script } from '../drivers/redis/scripts.ts'

/** Larger ones cost more than anybody who looks at them gains. */
const allBytesMax = 1_000_000
/** For each process. Lists may change fifty times a second, and nobody watches them here. */
const intervalMs = 1_000

const copies: Readonly<Record<ListName, readonly PlainList[]>> = {
  newest: [10, 100, 1_000].map((limit) => ({
    key: `todos:limit:${limit}`,
    bodyOf: (body) => firstOf(body, limit),
  })),
  all: [
    {
      key: 'todos:all',
      bodyOf: (body) => (body.length > allBytesMax ? undefined : body),
    },
  ],
}
type PlainList = {
  readonly key: string
  readonly bodyOf: (body: Buffer) => Buffer | undefined
}

const versionKeyOf = (key: string) => `{${key}}:version`

/** KEYS: list, its version; ARGV: version, body, ttl. The version has a lifetime, or it is nobody's. */
const copyScript = script(`
local text = redis.pcall('GET', KEYS[2])
local known = -1
if type(text) == 'string' and #text <= 16 and string.match(text, '^%d+$') then known = tonumber(text) end
if known > 9007199254740991 or redis.call('PTTL', KEYS[2]) < 0 then known = -1 end
if tonumber(ARGV[1]) < known then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[3])
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`)

export type PlainLists = {
  /** `snapshot` was filled in just now. Copied at once, or the latest of those that come too fast. */
  copy(list: ListName, snapshot: ListSnapshot): void
  /** The version went back: none of them is true. */
  drop(): Promise<void>
  close(): void
}

export const createPlainLists = (
  onData: (work: (client: RedisClient) => Promise<unknown>) => Promise<unknown>,
  ttlSec: number,
  /** Whose list it is, where there are several: `GET todos:limit:10:of:a`. */
  shard?: string,
): PlainLists => {
  const keyOf = (key: string) => (shard === undefined ? key : `${key}:of:${shard}`)
  const latest = new Map<ListName, ListSnapshot>()
  let timer: NodeJS.Timeout | undefined

  const copyOne = async ({ key: name, bodyOf }: PlainList, snapshot: ListSnapshot) => {
    const { version, body } = snapshot
    const copied = isTooLong(snapshot) ? undefined : bodyOf(body)
    if (copied === undefined) return
    const key = keyOf(name)
    const keys = [key, versionKeyOf(key)] as const
    const values = [version, copied, ttlSec]
    await onData((client) => client.evaluate({ script: copyScript, keys, values }))
  }

  const copyAll = () => {
    for (const [list, snapshot] of latest) {
      // Nobody waits for it, and a Redis that refuses it is reported by those who do.
      for (const one of copies[list]) copyOne(one, snapshot).catch(() => {})
    }
    const isBusy = latest.size > 0
    latest.clear()
    timer = isBusy ? setTimeout(copyAll, intervalMs).unref() : undefined
  }

  return {
    copy(list, snapshot) {
      latest.set(list, snapshot)
      if (timer === undefined) copyAll()
    },
    async drop() {
      latest.clear()
      const keys = Object.values(copies).flatMap((some) => some.map(({ key }) => keyOf(key)))
      const dropOne = (key: string) =>
        onData((client) => client.run(key, (redis) => redis.unlink(key, versionKeyOf(key))))
      await Promise.all(keys.map(dropOne))
    },
    close() {
      clearTimeout(timer)
      latest.clear()
    },
  }
}
