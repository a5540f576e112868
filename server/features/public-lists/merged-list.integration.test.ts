// Lists of two shards as one, on two real databases: at any moment it is the merge of what each shard was in
// the version that the ETag names for it. A shard that is down takes its own todos out, says so, and no other.

import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { announceVersion } from '../../../lib/list-cache/announce.ts'
import { createPostgresListCache } from '../../../lib/list-cache/postgres.ts'
import { databasesAt } from '../../../testing/databases.ts'
import { eventually } from '../../../testing/eventually.ts'
import { seeded } from '../../../testing/seeded.ts'
import { databaseUrl } from '../../../testing/services.ts'
import { silentLog } from '../../../testing/settings.ts'
import { todoLayouts, type OpenLayout } from '../../../testing/todo-layouts.ts'
import { createHotLists } from './hot-list.ts'
import { listsAreFresh } from './ready.ts'

const names = ['a', 'b'] as const

const setUp = async (t: Test) => {
  const layout = await (todoLayouts.get('two shards') as OpenLayout)(t)
  const shards = names.map((name, i) => {
    const url = layout.urls[i] as string
    const databases = databasesAt(url)
    t.teardown(() => databases.close())
    const store = layout.store.ofPartition(i)
    // A worker's, beside the server's.
    const announced = createPostgresListCache(databases)
    let made = 0
    /** What the shard's list was, by version: ids, newest first. */
    const history = new Map<number, readonly string[]>()
    const note = async (ids: readonly string[]) => history.set(await store.listVersion(), ids)
    let ids: string[] = []
    return {
      name,
      url,
      store,
      cache: createPostgresListCache(databases),
      history,
      ids: () => ids,
      note: () => note(ids),
      announce: () => announceVersion(store, announced),
      async add(time: number) {
        const id = `${String(time).padStart(6, '0')}-${name}-${made++}`
        await layout.poolOf(i).transaction(async (sql) => {
          await sql`
            INSERT INTO todos (id, title, description, completed, user_id, created_at, updated_at, revision)
            VALUES (${id}, 'one', '', false, 'ann', ${new Date(time)}, ${new Date(time)}, 1)`
          await sql`
            INSERT INTO list_versions AS stored VALUES ('log', 0, 1)
            ON CONFLICT (log, partition) DO UPDATE SET changes = stored.changes + 1`
        })
        ids = [id, ...ids].sort().reverse()
        await note(ids)
        return id
      },
    }
  })
  await Promise.all(shards.map((shard) => shard.note()))
  const lists = createHotLists({
    sources: shards,
    settings: {
      ttlMs: 60_000,
      refreshIntervalMs: 5,
      refreshTimeoutMs: 2_000,
      staleIfErrorMs: 3_000,
      memoryBytesMax: 10_000_000,
    },
    log: silentLog,
  })
  t.teardown(() => {
    lists.close()
  })
  const shown = (limit: number | 'all' = 1_000) => {
    const reply = lists.source(limit)()
    if (!reply) return undefined
    const { headers, body } = reply
    const headerOf = (name: string) => headers[headers.indexOf(name) + 1] as string
    const todos = JSON.parse(body.toString()) as { readonly id: string }[]
    return {
      ids: todos.map(({ id }) => id),
      versions: headerOf('ETag').slice(1).split('-')[0]?.split('.').map(Number) ?? [],
      missing: headers.includes('Missing-Shards') ? headerOf('Missing-Shards') : '',
    }
  }
  return { shards, lists, shown, ready: listsAreFresh(lists) }
}

t.test('it is the merge of what each shard is in the version that is named', async (t) => {
  const random = seeded(t)
  const { shards, lists, shown, ready } = await setUp(t)
  await lists.load(1_000)
  await lists.load('all')
  await eventually(
    () => lists.trust().kind,
    (kind) => kind === 'verified',
  )
  let isOver = false
  let looks = 0
  const seen = new Set<string>()
  const look = async () => {
    while (!isOver) {
      const found = shown(random.below(4) === 0 ? 'all' : 1_000)
      await delay(random.below(3))
      if (!found) continue
      looks++
      const { ids, versions } = found
      seen.add(versions.join())
      const parts = shards.map(({ history }, i) => history.get(versions[i] as number))
      if (parts.includes(undefined)) continue // committed, and not noted here yet
      const expected = parts
        .flatMap((part) => part ?? [])
        .sort()
        .reverse()
      if (ids.join() !== expected.join()) t.same(ids, expected, versions.join())
    }
  }
  const looking = [look(), look()]
  let time = 1_000
  const write = async (shard: (typeof shards)[number]) => {
    for (let i = 0; i < 60; i++) {
      await shard.add((time += random.below(2)))
      // A worker that dies after its commit announces nothing: the next one does, a moment later.
      if (random.below(3) > 0) await shard.announce()
      await delay(random.below(8))
    }
    await shard.announce()
  }
  await Promise.all(shards.map(write))
  const all = shards
    .flatMap((shard) => shard.ids())
    .sort()
    .reverse()
  await eventually(
    () => shown(),
    (found) => found?.ids.join() === all.join(),
  )
  isOver = true
  await Promise.all(looking)
  t.comment(`${looks} looks at ${seen.size} versions`)
  t.ok(seen.size > 10)
  await lists.load('all')
  await eventually(
    () => shown('all')?.ids.join(),
    (ids) => ids === all.join(),
  )
  t.same(shown(7)?.ids, all.slice(0, 7))
  await eventually(
    () => ready.check().then(() => 'fresh', String),
    (state) => state === 'fresh',
  )
})

t.test('a shard that is down takes its own todos out, and says so', async (t) => {
  const { shards, lists, shown, ready } = await setUp(t)
  const [a, b] = shards as [(typeof shards)[0], (typeof shards)[0]]
  const first = [await a.add(1_000), await b.add(2_000), await a.add(3_000)].reverse()
  await a.announce()
  await b.announce()
  await lists.load(10)
  t.same(shown()?.ids, first)
  t.equal(shown()?.missing, '')
  await eventually(
    () => lists.trust().kind,
    (kind) => kind === 'verified',
  )

  const down = new URL(b.url).pathname.slice(1)
  const sql = postgres(databaseUrl(b.url, 'postgres'), { max: 1 })
  t.teardown(() => sql.end())
  await sql.unsafe(`ALTER DATABASE ${down} WITH ALLOW_CONNECTIONS false`)
  await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${down}`
  await eventually(
    () => shown(),
    (found) => found?.missing === 'b' && found.ids.join() === [first[0], first[2]].join(),
  )
  await eventually(
    () => ready.check().then(() => 'fresh', String),
    (state) => /shard b|without those of the shards b/.test(state),
  )
  t.equal(ready.without, 'degraded')
  const next = await a.add(4_000)
  await a.announce()
  await eventually(
    () => shown()?.ids,
    (ids) => ids?.includes(next) === true,
  )
  // Another process that starts meanwhile, and its first request.
  const other = createHotLists({
    sources: shards.map(({ name, url, store }) => {
      const databases = databasesAt(url)
      t.teardown(() => databases.close())
      return { name, store, cache: createPostgresListCache(databases) }
    }),
    settings: {
      ttlMs: 60_000,
      refreshIntervalMs: 5,
      refreshTimeoutMs: 2_000,
      staleIfErrorMs: 3_000,
      memoryBytesMax: 10_000_000,
    },
    log: silentLog,
  })
  t.teardown(() => {
    other.close()
  })
  t.equal(other.source('all')(), undefined, 'asked for, and not held yet')
  await other.load('all')
  t.equal((JSON.parse(other.source('all')()?.body.toString() ?? '') as unknown[]).length, 3)

  await sql.unsafe(`ALTER DATABASE ${down} WITH ALLOW_CONNECTIONS true`)
  await eventually(
    () => shown(),
    (found) => found?.missing === '' && found.ids.length === 4,
  )
  await eventually(
    () => ready.check().then(() => 'fresh', String),
    (state) => state === 'fresh',
  )
})
