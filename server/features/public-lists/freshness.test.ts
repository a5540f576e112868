// A list in memory against a scripted cache and store, every reply and every word of a change let
// through one by one: what is old must never pass for fresh, in any order (C4), and what can't be
// refreshed must be served for so long and no longer.

import t, { type Test } from 'tap'
import { eventually } from '../../../testing/eventually.ts'
import { silentLog } from '../../../testing/settings.ts'
import { seeded } from '../../../testing/seeded.ts'
import type { CacheEvent, ListCache } from '../../../lib/list-cache/list-cache.ts'
import type { ListSnapshot } from '../../../lib/domain/list.ts'
import type { TodoStore } from '../../../lib/todo-store/todo-store.ts'
import { keepFresh, type FreshnessSettings } from './freshness.ts'

const settings: FreshnessSettings = {
  ttlMs: 60_000,
  refreshIntervalMs: 0,
  refreshTimeoutMs: 5_000,
  staleIfErrorMs: 60_000,
}
const snapshot = (version: number): ListSnapshot => ({ version, body: Buffer.from(`[${version}]`) })

/** A backend whose replies are held until the test lets them go, and whose version the test sets. */
const scripted = (t: Test, options: Partial<FreshnessSettings> = {}) => {
  const replies: (() => void)[] = []
  const served: (number | undefined)[] = []
  const world = { version: 1, cacheFails: false, storeFails: false, isWanted: true, held: true }
  const reply = <T>(make: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      // What a reply says is settled when it is asked for; when it arrives is the test's choice.
      let settle: () => void
      try {
        const value = make()
        settle = () => resolve(value)
      } catch (error) {
        const reason = error as Error
        settle = () => reject(reason)
      }
      if (world.held) replies.push(settle)
      else settle()
    })
  const cache = {
    get: () =>
      reply(() => {
        if (world.cacheFails) throw new Error('no cache')
        return { kind: 'hit' as const, snapshot: snapshot(world.version) }
      }),
  } as unknown as ListCache
  const store = {
    readList: () =>
      reply(() => {
        if (world.storeFails) throw new Error('no store')
        return snapshot(world.version)
      }),
  } as unknown as TodoStore
  const list = keepFresh({
    cache,
    store,
    log: silentLog,
    settings: { ...settings, ...options },
    list: 'newest',
    isWanted: () => world.isWanted,
    onList: (seen) => served.push(seen?.version),
  })
  t.teardown(() => {
    list.close()
  })
  const letGo = async (index = 0) => {
    await eventually(
      () => replies.length,
      (count) => count > index,
    )
    replies.splice(index, 1)[0]?.()
    await settled()
  }
  const notice = (kind: CacheEvent['kind']) => {
    list.notice(kind === 'lost' ? { kind, reason: 'a test' } : { kind })
  }
  return { world, list, served, replies, letGo, notice }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

void t.test('a reply asked for before a change never becomes the fresh entry', async (t) => {
  const { world, list, letGo, notice } = scripted(t)
  notice('restored')
  await settled()
  world.version = 2
  notice('changed')
  await letGo() // asked for at version 1
  t.same(
    { ...list.held(), asOfMs: 0 },
    { kind: 'stale', version: 1, asOfMs: 0 },
    'held, but being revalidated',
  )
  await letGo()
  t.same({ ...list.held(), asOfMs: 0 }, { kind: 'fresh', version: 2, asOfMs: 0 })
})

void t.test('losing the word of changes makes the entry unverified until it is back', async (t) => {
  const { world, list, letGo, notice } = scripted(t)
  notice('restored')
  await letGo()
  t.equal(list.held().kind, 'fresh')
  notice('lost')
  t.equal(list.held().kind, 'stale')
  await letGo()
  t.equal(list.held().kind, 'stale', 'what is read meanwhile can change unnoticed')
  world.version = 2 // during the gap: nobody says so
  notice('restored')
  await letGo()
  t.same({ ...list.held(), asOfMs: 0 }, { kind: 'fresh', version: 2, asOfMs: 0 })
})

void t.test('in no order of changes and replies does an old list pass for fresh', async (t) => {
  const random = seeded(t)
  for (let round = 0; round < 1_000; round++) {
    const { world, list, replies, served, letGo, notice } = scripted(t)
    /** Changes made, not yet noticed here: they arrive on another connection than the replies. */
    let unnoticed = 0
    notice('restored')
    for (let step = 0; step < 20; step++) {
      const choice = random.below(4)
      if (choice === 0) {
        world.version++
        unnoticed++
      } else if (choice === 1 && unnoticed > 0) {
        unnoticed = 0
        notice('changed')
      } else if (choice === 2) {
        notice(random.below(2) === 0 ? 'lost' : 'restored')
        // A gap swallows the changes in it; what was unnoticed stays so unless `restored` follows.
        notice('restored')
        unnoticed = 0
      } else if (replies.length > 0) {
        await letGo(random.below(replies.length))
      }
      await settled()
      const held = list.held()
      if (held.kind === 'fresh' && unnoticed === 0 && held.version !== world.version) {
        t.fail(`round ${round} step ${step}: fresh at ${held.version}, changed to ${world.version}`)
        return
      }
    }
    world.held = false
    for (const go of replies.splice(0)) go()
    notice('changed')
    await eventually(list.held, (held) => held.kind === 'fresh' && held.version === world.version)
    const ascending = served.every((version, i) => i === 0 || (version ?? 0) > (served[i - 1] ?? 0))
    if (!ascending) t.fail(`round ${round}: versions went back: ${served.join(' ')}`)
    list.close()
  }
  t.pass('1,000 rounds')
})

void t.test('with the cache unavailable the list comes from the store', async (t) => {
  const { world, list, notice } = scripted(t)
  world.held = false
  world.cacheFails = true
  notice('restored')
  await list.load()
  t.match(list.held(), { kind: 'fresh', version: 1 })
})

void t.test(
  'a list that cannot be refreshed is served up to its bound, then no more',
  async (t) => {
    const { world, list, served, notice } = scripted(t, {
      staleIfErrorMs: 400,
      refreshTimeoutMs: 100,
    })
    world.held = false
    notice('restored')
    await list.load()
    world.cacheFails = true
    world.storeFails = true
    notice('changed')
    t.equal(list.held().kind, 'stale')
    t.same(served, [1], 'still served')
    await eventually(
      () => served,
      (seen) => seen.at(-1) === undefined,
    )
    t.equal(list.held().kind, 'empty')
    await t.rejects(list.load(), { message: 'no store' })
    world.storeFails = false
    await list.load()
    t.same(served, [1, undefined, 1], 'and it recovers by itself')
  },
)

void t.test('a store that hangs counts as one that fails', async (t) => {
  const { list, notice } = scripted(t, { refreshTimeoutMs: 50 })
  notice('restored')
  await t.rejects(list.load(), { message: 'no answer within 50 ms' })
})

void t.test(
  'a list is read again when its time to live is over, change or no change',
  async (t) => {
    const { world, list, notice } = scripted(t, { ttlMs: 100 })
    world.held = false
    notice('restored')
    await list.load()
    world.version = 2 // and nobody ever says so
    await eventually(list.held, (held) => held.kind === 'fresh' && held.version === 2)
    t.pass('refreshed')
  },
)

void t.test('a version that goes back is refused', async (t) => {
  const { world, list, served, notice } = scripted(t)
  world.held = false
  world.version = 5
  notice('restored')
  await list.load()
  world.version = 4
  notice('changed')
  await settled()
  await settled()
  t.match(list.held(), { kind: 'stale', version: 5 })
  world.version = 6
  await eventually(list.held, (held) => held.kind === 'fresh' && held.version === 6)
  t.same(served, [5, 6])
})

void t.test('a list that nobody asks for is let go at the next change', async (t) => {
  const { world, list, served, notice } = scripted(t)
  world.held = false
  notice('restored')
  await list.load()
  world.isWanted = false
  notice('changed')
  await eventually(list.held, (held) => held.kind === 'empty')
  t.same(served, [1, undefined])
})
