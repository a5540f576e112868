// The store on one database and on two shards: the same answers, whatever is where. And what only shards
// have: locks in another database, and one of them down.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { eventually } from '../../testing/eventually.ts'
import { seeded } from '../../testing/seeded.ts'
import { databaseUrl } from '../../testing/services.ts'
import {
  layoutLog as log,
  layoutPartitions,
  todoLayouts,
  type OpenLayout,
  type TodoLayout,
} from '../../testing/todo-layouts.ts'
import type { Position, Slice } from '../domain/page.ts'
import { eraseUserFrom } from './erasing.ts'
import { rowJson, todoJson, type TodoRow } from '../domain/todo.ts'
import { bucketCount, bucketOfOwner, idStart, uniqueLength } from '../domain/todo-id.ts'

type Layout = TodoLayout

const rowOf = (id: string, over: Partial<TodoRow> = {}): TodoRow => ({
  id,
  title: `title of ${id}`,
  description: '',
  completed: false,
  user_id: 'ann',
  created_at: new Date(1_000),
  updated_at: new Date(1_000),
  revision: 1,
  is_personal: false,
  team_id: null,
  assignee_id: null,
  ...over,
})

let ids = 0
const idIn = (bucket: number) =>
  `${idStart(String(++ids).padStart(uniqueLength, '0'), bucket % bucketCount)}A`
/** Todos of ann's are in the bucket of her name. */
const ownId = (owner: string) => idIn(bucketOfOwner(owner))

const insert = async ({ store, homes }: Layout, ...rows: TodoRow[]) => {
  for (let partition = 0; partition < layoutPartitions; partition++) {
    const inserts = rows.filter(({ id }) => homes.partitionOf(id) === partition)
    if (inserts.length === 0) continue
    const changed = inserts.map(({ user_id, team_id, is_personal }) => {
      if (team_id !== null) return [`team:${team_id}` as const]
      return is_personal ? [`user:${user_id}` as const] : []
    })
    await store.ofPartition(partition).transaction(async (tx) => {
      await tx.write({ inserts, updates: [], deletes: [] })
      await tx.changePages([...new Set(changed.flat())])
    })
  }
}

const addTeam = async ({ accounts }: Layout, teamId: string, ...userIds: string[]) => {
  await accounts.run((sql) => sql`INSERT INTO teams (id, name) VALUES (${teamId}, 'A team')`)
  for (const userId of ['boss', ...userIds]) {
    await accounts.run(
      (sql) => sql`
        INSERT INTO users (id, email, password_hash) VALUES (${userId}, ${`${userId}@x.y`}, '')
        ON CONFLICT DO NOTHING`,
    )
    await accounts.run(
      (sql) => sql`
        INSERT INTO team_members (team_id, user_id, role)
        VALUES (${teamId}, ${userId}, ${userId === 'boss' ? 'admin' : 'member'})`,
    )
  }
}

const share = async ({ accounts }: Layout, todoId: string, teamId: string) => {
  await accounts.run(
    (sql) => sql`
      INSERT INTO todo_shares (id, todo_id, role, team_id)
      VALUES (${`share of ${todoId}`}, ${todoId}, 'editor', ${teamId})`,
  )
}
const countShares = async ({ accounts }: Layout) =>
  (await accounts.run((sql) => sql`SELECT FROM todo_shares`)).count

const byNewest = (one: TodoRow, other: TodoRow) =>
  other.created_at.getTime() - one.created_at.getTime() || (one.id < other.id ? 1 : -1)

const walk = async (read: (after: Position | undefined) => Promise<Slice>) => {
  const walked: unknown[] = []
  let after: Position | undefined
  do {
    const { body, next } = await read(after)
    walked.push(...(JSON.parse(body.toString()) as unknown[]))
    after = next
  } while (after)
  return walked
}

const onEach = (name: string, test: (t: Test, layout: Layout) => Promise<void>) => {
  for (const [where, open] of todoLayouts)
    void t.test(`${where}: ${name}`, async (t) => test(t, await open(t)))
}

onEach('each todo is found by its id, by whom it is for', async (t, layout) => {
  const { store } = layout
  await addTeam(layout, 'team', 'ann')
  const open = rowOf(idIn(7))
  const own = rowOf(ownId('ann'), { is_personal: true })
  const ofTeam = rowOf(ownId('team'), { is_personal: true, team_id: 'team' })
  const shared = rowOf(ownId('eve'), { is_personal: true, user_id: 'eve' })
  await insert(layout, open, own, ofTeam, shared)

  t.same(await store.readTodo(open.id), open)
  for (const { id } of [own, ofTeam, shared]) t.equal(await store.readTodo(id), undefined)
  const version = await store.pagesVersion('user:ann')
  t.same(await store.readPersonalTodo('ann', own.id), { row: own, standing: 'owner', version })
  for (const { id } of [open, ofTeam, shared])
    t.equal(await store.readPersonalTodo('ann', id), undefined)
  t.same(await store.readTeamTodo('team', 'ann', ofTeam.id), {
    row: ofTeam,
    version: await store.pagesVersion('team:team'),
  })
  t.equal(await store.readTeamTodo('team', 'eve', ofTeam.id), undefined, 'not a member')
  t.equal(await store.readTeamTodo('other', 'ann', ofTeam.id), undefined)
  t.equal(await store.readTeamTodo('team', 'ann', own.id), undefined)
  t.equal(await store.revisionOf(shared.id), 1)
  for (const id of ['made-up', idIn(9)]) {
    t.equal(await store.readTodo(id), undefined)
    t.equal(await store.readPersonalTodo('ann', id), undefined)
    t.equal(await store.readTeamTodo('team', 'ann', id), undefined)
    t.equal(await store.revisionOf(id), 0)
  }

  await share(layout, shared.id, 'team')
  t.same(await store.readPersonalTodo('ann', shared.id), {
    row: shared,
    standing: 'editor',
    version: undefined,
  })
  await layout.accounts.run((sql) => sql`DELETE FROM team_members WHERE user_id = 'ann'`)
  t.equal(await store.readPersonalTodo('ann', shared.id), undefined, 'access has ended')
})

onEach('lists are whole, in order, and each owner has his own', async (t, layout) => {
  const { store } = layout
  const random = seeded(t)
  const owners = ['ann', 'eve', 'bob', 'zoe']
  const rows = Array.from({ length: 60 }, (): TodoRow => {
    const owner = owners[random.below(owners.length)] as string
    const created_at = new Date(1_000 + random.below(10))
    const kind = random.below(3)
    if (kind === 0) return rowOf(idIn(random.below(bucketCount)), { created_at })
    return kind === 1
      ? rowOf(ownId(owner), { created_at, user_id: owner, is_personal: true })
      : rowOf(ownId(`team ${owner}`), { created_at, team_id: `team ${owner}`, is_personal: true })
  })
  await insert(layout, ...rows)
  const of = (wanted: (row: TodoRow) => boolean) => rows.filter(wanted).sort(byNewest)
  const asJson = (found: readonly TodoRow[]) =>
    found.map((row) => JSON.parse(todoJson(row)) as unknown)

  const count = 1 + random.below(7)
  const walked = await walk((after) => store.readPublicSlice({ after, count }))
  t.same(walked, asJson(of((row) => !row.is_personal)))
  for (const owner of owners) {
    const own = of((row) => row.is_personal && row.team_id === null && row.user_id === owner)
    t.same(await walk((after) => store.readPersonalSlice(owner, { after, count })), asJson(own))
    const page = await store.readPage({ owner: `user:${owner}`, limit: 5, page: 1 })
    t.same(JSON.parse(page.body.toString()), asJson(own.slice(0, 5)))
    t.equal(page.total, own.length)
    t.equal(page.version, await store.pagesVersion(`user:${owner}`))
    const teams = of((row) => row.team_id === `team ${owner}`)
    const ofTeam = await walk((after) => store.readTeamSlice(`team ${owner}`, { after, count }))
    t.same(
      ofTeam,
      teams.map((row) => JSON.parse(rowJson(row)) as unknown),
    )
  }
})

onEach(
  'who is erased has nothing left, and others see his todos without a name',
  async (t, layout) => {
    const { store, accounts, poolOf } = layout
    await addTeam(layout, 'team')
    const rows = ['ann', 'eve'].flatMap((user_id) => [
      rowOf(idIn(0), { user_id }),
      rowOf(idIn(1), { user_id }),
      rowOf(ownId(user_id), { user_id, is_personal: true }),
      rowOf(ownId('team'), { user_id, is_personal: true, team_id: 'team' }),
    ])
    await insert(layout, ...rows)
    await store.claimIdempotencyKey('ann', 'key', Buffer.from('one'))
    const versions = new Set<string>()
    const pools = new Set([
      accounts,
      ...Array.from({ length: layoutPartitions }, (_, i) => poolOf(i)),
    ])
    for await (const { pages } of eraseUserFrom(() => [...pools], 'ann'))
      for (const owner of pages?.keys() ?? []) versions.add(owner)
    t.same([...versions].sort(), ['team:team', 'user:ann'], 'whose pages have changed')
    t.equal(await store.claimIdempotencyKey('ann', 'key', Buffer.from('another')), 'ours')
    const [open, , own, ofTeam] = rows
    t.match(await store.readTodo(open?.id ?? ''), { user_id: 'deleted', revision: 2 })
    t.equal(await store.readPersonalTodo('ann', own?.id ?? ''), undefined)
    t.equal(await store.revisionOf(own?.id ?? ''), 0)
    t.match(await store.readTeamTodo('team', 'boss', ofTeam?.id ?? ''), {
      row: { user_id: 'deleted' },
    })
    t.equal(await store.pagesVersion('user:ann'), 0)
    for (const row of rows.slice(4)) t.equal(await store.revisionOf(row.id), 1, 'nobody else is')
  },
)

onEach('each partition goes on where it is, and is known by its own', async (t, layout) => {
  const { store } = layout
  const advance = (partition: number, expected: number, next: number) =>
    store.ofPartition(partition).transaction(async (tx) => {
      const numbers = [{ publisher: `p${partition}`, expected, next }]
      const ours = await tx.advanceOffset(log, partition, { expected, next, numbers }, true)
      if (ours) {
        const commandId = `c${partition}-${next}`
        await tx.recordOutcomes([{ commandId, todoId: 'todo', outcome: 'applied' }])
        await tx.deadLetter(log, partition, [{ offset: next - 1, reason: 'poison', record: null }])
      }
      return ours
    })
  for (let partition = 0; partition < layoutPartitions; partition++) {
    t.equal(await advance(partition, 0, 5 + partition), true)
    t.equal(await advance(partition, 0, 6), false, 'a second time')
  }
  t.same([...(await store.nextOffsets(log.name))].sort(), [
    [0, 5],
    [1, 6],
    [2, 7],
    [3, 8],
  ])
  t.equal(await store.nextOffset(log.name, 3), 8)
  t.same(
    await store.numbersOf(log.name, 2, ['p2', 'p3']),
    new Map([
      ['p2', 7],
      ['p3', 0],
    ]),
  )
  t.equal(await store.isDeadLetter(log.name, 1, 5), true)
  t.equal(await store.isDeadLetter(log.name, 2, 5), false)
  const outcomes = await store.outcomesOf(['c0-5', 'c1-6', 'none'])
  t.same(
    new Map([...outcomes].sort()),
    new Map([
      ['c0-5', 'applied'],
      ['c1-6', 'applied'],
    ]),
  )
  const key = Buffer.from('fingerprint')
  t.equal(await store.claimIdempotencyKey('ann', 'key', key), 'ours')
  t.equal(await store.claimIdempotencyKey('ann', 'key', Buffer.from('another')), 'other')
})

onEach(
  'a membership that a write relies on ends after it, and none is relied on that has ended',
  async (t, layout) => {
    const { store, accounts, homes } = layout
    await addTeam(layout, 'team', 'ann')
    const todo = rowOf(ownId('team'), { is_personal: true, team_id: 'team' })
    await insert(layout, todo)
    const partition = homes.partitionOf(todo.id)
    const lock = { teamId: 'team', userId: 'ann' }
    let leaving: Promise<unknown> | undefined
    let hasLeft = false
    await store.ofPartition(partition).transaction(async (tx) => {
      const [members, rows] = await Promise.all([
        tx.lockMemberships([lock], []),
        tx.lockTodos([todo.id]),
      ])
      t.match(members, [{ ...lock, role: 'member' }])
      leaving = accounts
        .run((sql) => sql`DELETE FROM team_members WHERE user_id = 'ann'`)
        .then(() => (hasLeft = true))
      await eventually(
        () =>
          accounts.run(
            (sql) => sql`
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`,
          ),
        ({ count }) => count === 1,
      )
      t.equal(hasLeft, false, 'he waits')
      const row = rows.get(todo.id) as TodoRow
      await tx.write({
        inserts: [],
        updates: [{ ...row, title: 'after', revision: 2 }],
        deletes: [],
      })
    })
    await leaving
    t.match(await store.readTeamTodo('team', 'boss', todo.id), { row: { title: 'after' } })
    await store.ofPartition(partition).transaction(async (tx) => {
      t.same(await tx.lockMemberships([lock], []), [])
    })
  },
)

onEach('shares go with their todo, unless that stays', async (t, layout) => {
  const { store, homes } = layout
  await addTeam(layout, 'team', 'ann')
  const todo = rowOf(ownId('eve'), { is_personal: true, user_id: 'eve' })
  await insert(layout, todo)
  await share(layout, todo.id, 'team')
  const shard = store.ofPartition(homes.partitionOf(todo.id))
  const remove = { inserts: [], updates: [], deletes: [todo.id] }

  await shard.transaction(async (tx) => {
    const shares = await tx.lockShares([{ todoId: todo.id, userId: 'ann' }])
    t.match(shares, [{ todoId: todo.id, role: 'editor', teamId: 'team' }])
    await tx.lockTodos([todo.id])
    t.same(await tx.sharedTodos([todo.id, 'other']), new Set([todo.id]))
    // Refused by the database, and undone by itself.
    const refused = tx.savepoint(async (inner) => {
      await inner.write(remove)
      await inner.recordOutcomes([{ commandId: 'c', todoId: todo.id, outcome: null as never }])
    })
    await t.rejects(refused)
  })
  t.equal(await countShares(layout), 1)
  await t.rejects(
    shard.transaction(async (tx) => {
      await tx.lockTodos([todo.id])
      await tx.write(remove)
      throw new Error('rolled back')
    }),
  )
  t.equal(await countShares(layout), 1)
  await shard.transaction(async (tx) => {
    await tx.lockTodos([todo.id])
    await tx.write(remove)
  })
  t.equal(await countShares(layout), 0)
})

const openTwo = todoLayouts.get('two shards') as OpenLayout

t.test('nothing is committed whose locks were lost', async (t) => {
  const layout = await openTwo(t)
  await addTeam(layout, 'team', 'ann')
  const id = ownId('team')
  const partition = layout.homes.partitionOf(id)
  const writing = layout.store.ofPartition(partition).transaction(async (tx) => {
    await tx.lockMemberships([{ teamId: 'team', userId: 'ann' }], [])
    await tx.write({ inserts: [rowOf(id)], updates: [], deletes: [] })
    await layout.accounts.run(
      (sql) => sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND state = 'idle in transaction'`,
    )
  })
  await t.rejects(writing)
  t.equal(await layout.store.readTodo(id), undefined)
  await layout.store.ofPartition(partition).transaction(async (tx) => {
    await tx.lockMemberships([{ teamId: 'team', userId: 'ann' }], [])
    await tx.write({ inserts: [rowOf(id)], updates: [], deletes: [] })
  })
  t.match(await layout.store.readTodo(id), { id }, 'the next one is')
})

t.test('a shard that is down takes what it has, and nothing else', async (t) => {
  const layout = await openTwo(t)
  const { store, urls } = layout
  const rows = Array.from({ length: 8 }, (_, bucket) => rowOf(idIn(bucket)))
  await insert(layout, ...rows)
  const there = rows.filter((_, bucket) => bucket % 2 === 0)
  for (let partition = 0; partition < layoutPartitions; partition++) {
    const advance = { expected: 0, next: 3, numbers: [] }
    await store.ofPartition(partition).transaction(async (tx) => {
      await tx.advanceOffset(log, partition, advance, false)
    })
  }
  await store.nextOffsets(log.name)
  const sql = postgres(databaseUrl(urls[1] as string, 'postgres'), { max: 1 })
  t.teardown(() => sql.end())
  const down = new URL(urls[1] as string).pathname.slice(1)
  await sql.unsafe(`ALTER DATABASE ${down} WITH ALLOW_CONNECTIONS false`)
  await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${down}`

  const slice = (await store.readPublicSlice({ after: undefined, count: 10 })) as Slice & {
    readonly missing: readonly string[]
  }
  t.same(slice.missing, ['b'])
  const found = JSON.parse(slice.body.toString()) as { id: string }[]
  t.same(
    found.map(({ id }) => id).sort(),
    there.map(({ id }) => id),
  )
  t.match(await store.readTodo(there[0]?.id ?? ''), there[0])
  await t.rejects(store.readTodo(rows[1]?.id ?? ''))
  t.same(await store.outcomesOf(['none']), new Map())
  t.equal((await store.nextOffsets(log.name)).get(1), 3, 'its positions are known')
  await t.rejects(store.prune(1))
  await store.ping()

  await sql.unsafe(`ALTER DATABASE ${down} WITH ALLOW_CONNECTIONS true`)
  const whole = await eventually(
    () => store.readPublicSlice({ after: undefined, count: 10 }),
    (one) => (one as typeof slice).missing.length === 0,
  )
  t.equal((JSON.parse(whole.body.toString()) as unknown[]).length, 8)
})

t.test(
  'shards know the log that accounts know, over as many partitions as the map has',
  async (t) => {
    const { store, poolOf } = await openTwo(t)
    const register = (identity: string, partitions: number) =>
      store.registerLog('other', { identity, partitions })
    await t.rejects(register('kafka:a:1', 3), /has 3 partitions and the map of shards 4/)
    t.match(await register('kafka:a:1', 9), { identity: 'kafka:a:1', partitions: 4 })
    t.match(await store.ofPartition(1).registeredLog('other'), { partitions: 4 })
    await poolOf(1).run((sql) => sql`UPDATE command_logs SET identity = 'kafka:b:2'`)
    await t.rejects(register('kafka:a:1', 4), /a shard knows the log other as kafka:b:2/)
  },
)
