// What readers see while a replica answers some of them: random writes and reads of two processes, with
// replay on the replica paused and resumed at random. Each read shows all that was written before it
// began (read-your-writes), nothing older than its reader has seen (monotonic reads), and exactly what
// its version says.

import t from 'tap'
import { allCommitted, type MustSee } from '../domain/must-see.ts'
import type { PageOwner } from '../domain/page.ts'
import type { TodoRow } from '../domain/todo.ts'
import { createPool } from '../drivers/postgres/pool.ts'
import { openReplicas, type Replicas } from '../drivers/postgres/replicas.ts'
import { createHomes } from '../command-log/homes.ts'
import { fnv1a } from '../command-log/postgres-partition.ts'
import { eventually } from '../../testing/eventually.ts'
import { replicatedPostgres } from '../../testing/replicated-postgres.ts'
import { seeded } from '../../testing/seeded.ts'
import { silentLog } from '../../testing/settings.ts'
import { openSharesAt } from '../../testing/shares.ts'
import { createPostgresStore } from './postgres.ts'
import { createPrimaryVersions } from './primary-versions.ts'
import { hasAll } from './replica-reads.ts'
import type { TodoStore } from './todo-store.ts'

const { primary, replica, onReplica } = await replicatedPostgres(t)
const log = { name: 'log', identity: 'log of this test' }

/** As a server process opens it. */
const openProcess = async () => {
  const [pool, watch] = [2, 1].map((poolSize) =>
    createPool({ url: primary.url, poolSize, timeoutMs: 20_000 }),
  ) as [ReturnType<typeof createPool>, ReturnType<typeof createPool>]
  const replicas = openReplicas([replica.url], {
    primary: () => watch,
    poolSize: 2,
    lagMsMax: 600_000,
    log: silentLog,
    timeoutMs: 20_000,
  })
  t.teardown(() => Promise.all([replicas.close(), pool.close(), watch.close()]))
  const isUsed = () => eventually(() => replicas.isAnyUsed(), Boolean)
  await isUsed()
  const store = createPostgresStore(pool, Infinity, { replicas, log: log.name })
  return { store, pool, replicas, isUsed }
}
const processes = [await openProcess(), await openProcess()] as const
const { store, pool } = processes[0]
const countsOf = (outcome: 'answered' | 'behind') =>
  processes.reduce((sum, { replicas }) => sum + replicas.counts[outcome], 0)

const owners = ['user:ann', 'user:bob', 'team:red'] as const
const partitions = ['public 0', 'public 1'] as const
type List = (typeof owners)[number] | (typeof partitions)[number]
const isOwner = (list: List): list is (typeof owners)[number] => !list.startsWith('public')
const lists = [...partitions, ...owners] as const
/** Each list has a partition of the log, so that its nth change has the offset n - 1 there. */
await store.registerLog(log.name, { identity: log.identity, partitions: lists.length })
await pool.run(
  (sql) => sql`
    WITH ann AS (
      INSERT INTO users (id, email, password_hash) VALUES ('ann', 'ann@example.com', '') RETURNING id),
    red AS (INSERT INTO teams (id, name) VALUES ('red', 'red') RETURNING id)
    INSERT INTO team_members (team_id, user_id, role) SELECT red.id, ann.id, 'admin' FROM ann, red`,
)

const rowOf = (list: List, nth: number): TodoRow => ({
  id: `${list.replace(/\W/, '-')}-${nth}`,
  title: `${list} ${nth}`,
  description: '',
  completed: false,
  user_id: list.startsWith('user:') ? list.slice(5) : 'carol',
  created_at: new Date(1_795_000_000_000 + nth),
  updated_at: new Date(1_795_000_000_000),
  revision: 1,
  is_personal: isOwner(list),
  team_id: list.startsWith('team:') ? list.slice(5) : null,
  assignee_id: null,
})
/** The nth change makes the nth todo; every third deletes the one before. */
const deletes = (nth: number) => (nth % 3 === 0 ? [nth - 1] : [])
const heldAfter = (changes: number): number[] => {
  const held = new Set<number>()
  for (let nth = 1; nth <= changes; nth++) {
    held.add(nth)
    for (const gone of deletes(nth)) held.delete(gone)
  }
  return [...held]
}

/** Changes whose transaction is known to have ended. */
const written = new Map<List, number>()
const writtenTo = (list: List) => written.get(list) ?? 0
/** Of the version of an owner's first change. */
const firstVersions = new Map<PageOwner, number>()

const write = async (list: List): Promise<void> => {
  const nth = writtenTo(list) + 1
  await store.transaction(async (tx) => {
    const advance = { expected: nth - 1, next: nth, numbers: [] }
    await tx.advanceOffset(log, lists.indexOf(list), advance, !isOwner(list))
    await tx.write({
      inserts: [rowOf(list, nth)],
      updates: [],
      deletes: deletes(nth).map((gone) => rowOf(list, gone).id),
    })
    if (!isOwner(list)) return
    const versions = await tx.changePages([list])
    if (nth === 1) firstVersions.set(list, versions.get(list) ?? 0)
  })
  written.set(list, nth)
}

/** Of what is written to a list by now, as answers to writes that were not waited for say it. */
const positionsOf = (list: List) => [
  { partition: lists.indexOf(list), offset: writtenTo(list) - 1 },
]

type Found = { readonly title: string }
const nthsOf = (body: Buffer, list: List) =>
  (JSON.parse(body.toString()) as Found[])
    .filter(({ title }) => title.startsWith(`${list} `))
    .map(({ title }) => Number(title.slice(list.length + 1)))
    .sort((a, b) => a - b)
const most = { after: undefined, count: 1_000 }

t.test('every read shows what was written before it, and nothing that it has not', async (t) => {
  const random = seeded(t)
  const anyOf = <T>(some: readonly T[]): T => some[random.below(some.length)] as T
  const changesMax = 30
  for (const list of [...owners, ...partitions]) await write(list)
  const born = (await store.listVersion()) - partitions.length
  const bodyOfVersion = new Map<number, string>()

  /** What was read is that after so many changes, which its reader may see. */
  const isSound = (list: List, body: Buffer, known: number, seen: Map<List, number>): number => {
    const nths = nthsOf(body, list)
    const changes = nths.at(-1) ?? 0
    t.same(nths, heldAfter(changes), `${list}: all of ${changes} changes`)
    t.ok(changes >= known, `${list}: ${changes} of ${known} that were written`)
    t.ok(changes >= (seen.get(list) ?? 0), `${list}: ${changes} after ${seen.get(list)}`)
    seen.set(list, changes)
    return changes
  }

  const readOwner = async (store: TodoStore, seen: Map<List, number>) => {
    const owner = anyOf(owners)
    const known = writtenTo(owner)
    // A team's version is asked for by its endpoint.
    const version = owner === 'team:red' ? await store.pagesVersion(owner) : undefined
    if (random.below(2) === 0) {
      const page = await store.readPage({ owner, limit: 100, page: 1 }, { version })
      const changes = isSound(owner, page.body, known, seen)
      t.equal(page.version, (firstVersions.get(owner) ?? 0) + changes - 1, 'as its version says')
      t.equal(page.total, heldAfter(changes).length)
    } else {
      const slice = owner.startsWith('team:')
        ? await store.readTeamSlice('red', most, { version })
        : await store.readPersonalSlice(owner.slice(5), most)
      isSound(owner, slice.body, known, seen)
    }
  }
  /** As who says what he must see: no less than he has seen, though more may have been written. */
  const readWithVersion = async (
    store: TodoStore,
    seen: Map<List, number>,
    versions: Map<PageOwner, number>,
  ) => {
    const owner = anyOf(owners)
    const id = owner.slice(5)
    const first = firstVersions.get(owner) ?? 0
    const min = versions.get(owner) ?? first
    // With the position of the last write, too, he sees what he has written.
    const saysPosition = random.below(2) === 0
    const known = saysPosition ? writtenTo(owner) : 0
    const mustSee = { version: min, positions: saysPosition ? positionsOf(owner) : undefined }
    const changesIn = (version: number) => version - first + 1
    const see = (version: number) => {
      t.ok(version >= min, `${owner}: ${version} after ${min}`)
      versions.set(owner, version)
      seen.set(owner, Math.max(seen.get(owner) ?? 0, changesIn(version)))
    }
    if (random.below(2) === 0) {
      const { body, version } =
        owner === 'team:red'
          ? await store.readTeamSlice(id, most, mustSee)
          : await store.readPersonalSlice(id, most, mustSee)
      t.equal(isSound(owner, body, known, seen), changesIn(version), 'as its version says')
      see(version)
      return
    }
    const nth = 1 + random.below(changesIn(min))
    const todo = rowOf(owner, nth).id
    const { version } =
      (await (owner === 'team:red'
        ? store.readTeamTodo(id, 'ann', todo, mustSee)
        : store.readPersonalTodo(id, todo, mustSee))) ?? {}
    if (version === undefined) t.same(deletes(nth + 1), [nth], `${nth} was deleted`)
    else {
      t.ok(heldAfter(changesIn(version)).includes(nth), 'as its version says')
      t.ok(changesIn(version) >= known, `${owner}: ${changesIn(version)} of ${known}`)
      see(version)
    }
  }

  /** Todos that somebody found to be deleted. */
  const gone = new Set<string>()
  /** One todo, as who names nothing: it is there just when it was at some time since the read began. */
  const readSingle = async (store: TodoStore) => {
    const list = anyOf(lists)
    const known = writtenTo(list)
    const nth = 1 + random.below(known)
    const { id } = rowOf(list, nth)
    const wasGone = gone.has(id) || (known > nth && deletes(nth + 1).includes(nth))
    const owner = list.slice(5)
    const found = !isOwner(list)
      ? await store.readTodo(id, allCommitted)
      : list === 'team:red'
        ? await store.readTeamTodo(owner, 'ann', id, allCommitted)
        : await store.readPersonalTodo(owner, id, allCommitted)
    if (found) t.notOk(wasGone, `${id} was deleted`)
    else {
      t.same(deletes(nth + 1), [nth], `${id} is not there, and was never deleted`)
      gone.add(id)
    }
  }

  const readPublic = async (store: TodoStore, seen: Map<List, number>) => {
    const known = partitions.map(writtenTo)
    if (random.below(2) === 0) {
      const { body } = await store.readPublicSlice(most)
      partitions.forEach((list, i) => isSound(list, body, known[i] ?? 0, seen))
      return
    }
    const { version, body } = await store.readList(anyOf(['newest', 'all']))
    const changes = partitions.map((list, i) => isSound(list, body, known[i] ?? 0, seen))
    t.equal(
      version,
      changes.reduce((sum, one) => sum + one, born),
      'as its version says',
    )
    const text = bodyOfVersion.get(version) ?? body.toString()
    t.equal(text, body.toString(), 'one version is one list, wherever it was read')
    bodyOfVersion.set(version, text)
  }

  const writer = async (lists: readonly List[]) => {
    for (;;) {
      const open = lists.filter((list) => writtenTo(list) < changesMax)
      if (open.length === 0) return
      await write(anyOf(open))
    }
  }
  let isWriting = true
  const reader = async () => {
    const seen = new Map<List, number>()
    const versions = new Map<PageOwner, number>()
    const saysVersion = random.below(2) === 0
    while (isWriting) {
      const { store } = anyOf(processes)
      const kind = random.below(4)
      if (kind === 0) await readPublic(store, seen)
      else if (kind === 1) await readSingle(store)
      else if (saysVersion) await readWithVersion(store, seen, versions)
      else await readOwner(store, seen)
      const chance = random.below(40)
      if (chance === 0) await onReplica`SELECT pg_wal_replay_pause()`
      if (chance === 1) await onReplica`SELECT pg_wal_replay_resume()`
    }
  }
  const readers = Array.from({ length: 4 }, reader)
  await Promise.all([writer(owners), writer(['public 0']), writer(['public 1'])])
  isWriting = false
  await Promise.all(readers)
  t.comment(
    `${countsOf('answered')} reads from the replica, ${countsOf('behind')} it was behind for`,
  )
  t.ok(countsOf('answered') > 0)
  t.ok(countsOf('behind') > 0)
})

t.test(
  'with replay paused what is new comes from the primary, what is old from the replica',
  async (t) => {
    await onReplica`SELECT pg_wal_replay_resume()`
    const page = { owner: 'user:ann', limit: 100, page: 1 } as const
    await eventually(
      async () => {
        const before = countsOf('answered')
        await store.readPage(page)
        return countsOf('answered') - before
      },
      (answered) => answered === 1,
    )
    await onReplica`SELECT pg_wal_replay_pause()`
    const old = await store.pagesVersion('user:ann')
    await write('user:ann')
    const counts = () => [countsOf('answered'), countsOf('behind')]
    const [answered = 0, behind = 0] = counts()
    t.equal((await store.readPage(page)).version, old + 1, 'what was written')
    t.same(counts(), [answered, behind + 1])
    t.equal((await store.readPage(page, { version: old })).version, old, 'who need not see it')
    t.same(counts(), [answered + 1, behind + 1])
    const todo = (nth: number) => rowOf('user:ann', nth).id
    const newest = todo(writtenTo('user:ann'))
    t.match(await store.readPersonalTodo('ann', newest, { version: old + 1 }), { version: old + 1 })
    t.match(await store.readPersonalTodo('ann', todo(1), { version: old }), { version: old })
    t.same(counts(), [answered + 2, behind + 2], 'one todo goes the same ways')
    t.equal(await store.readPersonalTodo('bob', todo(1), { version: 1 }), undefined)
    t.same(counts(), [answered + 2, behind + 3], "another's is asked for on the primary")
    await store.readPage({ ...page, owner: 'user:nobody' })
    t.same(counts(), [answered + 2, behind + 3], 'who has nothing is not looked for')
    await onReplica`SELECT pg_wal_replay_resume()`
  },
)

t.test('who says where his write is in the log needs no primary to have it', async (t) => {
  const page = { owner: 'user:ann', limit: 100, page: 1 } as const
  const counts = () => [countsOf('answered'), countsOf('behind')]
  const positions = positionsOf(page.owner)
  const readWhat = (mustSee: MustSee) =>
    Promise.all([
      store.readPage(page, mustSee).then(({ version }) => version),
      store.readTeamTodo('red', 'ann', rowOf('team:red', 1).id, mustSee).then((one) => one?.row.id),
    ])
  await eventually(
    async () => {
      const [before = 0] = counts()
      await readWhat({ positions })
      return countsOf('answered') - before
    },
    (answered) => answered === 2,
  )
  await onReplica`SELECT pg_wal_replay_pause()`
  const version = await store.pagesVersion(page.owner)
  await write(page.owner)
  const [answered = 0, behind = 0] = counts()
  const team = rowOf('team:red', 1).id
  t.same(await readWhat({ positions }), [version, team], 'what was written before')
  t.same(counts(), [answered + 2, behind])
  t.same(await readWhat({ positions: positionsOf(page.owner) }), [version + 1, team])
  t.same(counts(), [answered + 2, behind + 2], 'the primary has it')
  const [first] = positions
  const other = { partition: first?.partition ?? 0, offset: 1_000_000 }
  t.same(await readWhat({ positions: [other] }), [version + 1, team], 'not applied anywhere')
  t.same(await readWhat({ positions: [{ partition: 99, offset: 0 }] }), [version + 1, team])
  t.same(counts(), [answered + 2, behind + 6])
  await onReplica`SELECT pg_wal_replay_resume()`
})

t.test(
  'the primary is asked once for all who ask at one time, and never before they do',
  async (t) => {
    let questions = 0
    let onAnswered = Promise.resolve()
    const versions = createPrimaryVersions({
      ...pool,
      async run(work, ...rest) {
        questions++
        const answer = await pool.run(work, ...rest)
        await onAnswered
        return answer
      },
    })
    const askAll = () =>
      Promise.all([
        ...Array.from({ length: 20 }, () => versions.ofOwner('user:ann')),
        versions.ofOwner('team:red'),
        versions.ofOwner('user:nobody'),
        versions.ofPublic(),
      ])
    const known = await askAll()
    t.equal(questions, 1)
    t.equal(known[0], await store.pagesVersion('user:ann'))
    t.equal(known[20], await store.pagesVersion('team:red'))
    t.equal(known[21], 0)
    t.match(JSON.parse(known[22] as string), { 'log 0': writtenTo('public 0') })
    // Its answer is on its way while others write and ask.
    let arrive = () => {}
    onAnswered = new Promise((resolve) => (arrive = resolve))
    const early = versions.ofOwner('user:ann')
    await eventually(
      () => questions,
      (count) => count === 2,
    )
    await write('user:ann')
    const late = askAll()
    arrive()
    t.equal((await late)[0], Number(known[0]) + 1, 'with what was written before they asked')
    t.ok((await early) >= Number(known[0]))
    t.equal(questions, 3)
    await pool.run((sql) => sql`ALTER TABLE team_lists RENAME TO elsewhere`)
    await t.rejects(versions.ofOwner('team:red'))
    await pool.run((sql) => sql`ALTER TABLE elsewhere RENAME TO team_lists`)
    t.ok(await versions.ofOwner('user:ann'), 'who asks after a question that failed is answered')
  },
)

t.test('a list that a replica did not have is read on the primary alone for a while', async (t) => {
  let asked = 0
  const behind: Replicas = {
    ...processes[0].replicas,
    isAnyUsed: () => true,
    read() {
      asked++
      return Promise.resolve(undefined)
    },
  }
  const lists = createPostgresStore(pool, Infinity, { replicas: behind, log: log.name })
  const first = await lists.readList('newest')
  t.same(await lists.readList('newest'), first)
  t.equal(asked, 1)
})

t.test('what is shared is seen as on the primary, and its end at once', async (t) => {
  const random = seeded(t)
  const { replicas } = processes[0]
  // Between what the primary says and what the replica shows.
  let beforeRead = (): Promise<void> => Promise.resolve()
  const hooked: Replicas = {
    ...replicas,
    async read(...what) {
      await beforeRead()
      return replicas.read(...what)
    },
  }
  const { shares, account } = openSharesAt(
    t,
    primary.url,
    { sharesOfTodoMax: 9 },
    2,
    undefined,
    hooked,
  )
  const readers = createPostgresStore(pool, Infinity, { replicas: hooked, log: log.name })
  const [eve, owner] = [await account('eve'), await account('owner')]
  const { newTodoId } = createHomes(() => 1, fnv1a)
  const ids = [1, 2, 3].map(() => newTodoId(owner.userId)).sort()
  /** As a worker does. */
  const write = async (id: string, title: string) => {
    const row = { ...rowOf('user:ann', 1), id, title, user_id: owner.userId }
    await store.transaction(async (tx) => {
      await tx.write({ inserts: [row], updates: [], deletes: [] })
      await tx.changePages([`user:${owner.userId}`])
    })
  }
  const change = async (id: string, title: string) => {
    await store.transaction(async (tx) => {
      const row = (await tx.lockTodos([id])).get(id) as TodoRow
      const updated = { ...row, title, revision: row.revision + 1 }
      await tx.write({ inserts: [], updates: [updated], deletes: [] })
      await tx.changePages([`user:${owner.userId}`])
    })
  }
  const titles = new Map(ids.map((id) => [id, 'first']))
  for (const id of ids) await write(id, 'first')
  const shared = new Map<string, string>()
  const share = async (id: string) => {
    const grantee = { kind: 'user', userId: eve.userId } as const
    const made = await shares.share(owner, id, grantee, 'viewer')
    if (made.kind === 'refused') throw new Error(made.refusal)
    shared.set(id, made.value.id)
  }
  const unshare = async (id: string) => {
    await shares.unshare(owner, id, shared.get(id) as string)
    shared.delete(id)
  }
  const seen = async () => {
    const list = await shares.listSharedWith(eve.userId, { after: undefined, count: 10 })
    const single = await Promise.all(
      ids.map((id) => readers.readPersonalTodo(eve.userId, id, allCommitted)),
    )
    return {
      list: list.items.map(({ todo }) => `${todo.id} ${todo.title}`).sort(),
      single: single.flatMap((one) => (one ? [`${one.row.id} ${one.row.title}`] : [])),
    }
  }
  const before = countsOf('answered')
  for (let round = 0; round < 60; round++) {
    const id = ids[random.below(ids.length)] as string
    const dice = random.below(6)
    if (dice === 0) await onReplica`SELECT pg_wal_replay_pause()`
    else if (dice === 1) await onReplica`SELECT pg_wal_replay_resume()`
    else if (dice < 4) {
      titles.set(id, `round ${round}`)
      await change(id, `round ${round}`)
    } else if (shared.has(id)) await unshare(id)
    else await share(id)
    const expected = ids.filter((one) => shared.has(one)).map((one) => `${one} ${titles.get(one)}`)
    t.same(await seen(), { list: expected, single: expected }, `round ${round}`)
  }

  await onReplica`SELECT pg_wal_replay_resume()`
  const [id = ''] = ids
  if (!shared.has(id)) await share(id)
  await eventually(
    () => seen().then(() => countsOf('answered')),
    (answered) => answered > before,
  )
  const isReplayed = (title: string) =>
    eventually(
      () => onReplica`SELECT FROM todos WHERE id = ${id} AND title = ${title}`,
      ({ count }) => count === 1,
    )
  for (const read of ['list', 'single'] as const) {
    if (!shared.has(id)) await share(id)
    const secret = `not for ${read} readers`
    beforeRead = async () => {
      beforeRead = () => Promise.resolve()
      await unshare(id)
      await change(id, secret)
      await isReplayed(secret)
    }
    const shown =
      read === 'list'
        ? (await shares.listSharedWith(eve.userId, { after: undefined, count: 10 })).items.map(
            ({ todo }) => todo.title,
          )
        : [(await readers.readPersonalTodo(eve.userId, id, allCommitted))?.row.title]
    t.notOk(shown.includes(secret), `${read}: nothing that was written behind the end of a share`)
  }
})

t.test('a replica that takes writes of its own answers nothing, at once', async (t) => {
  const page = { owner: 'user:bob', limit: 100, page: 1 } as const
  await Promise.all(processes.map(({ isUsed }) => isUsed()))
  await onReplica`SELECT pg_promote()`
  await onReplica`DELETE FROM todos`
  await onReplica`UPDATE personal_lists SET version = version + 1000`
  await onReplica`UPDATE list_versions SET changes = changes + 1000`
  const { body } = await store.readPage(page)
  t.same(nthsOf(body, 'user:bob'), heldAfter(writtenTo('user:bob')))
  const slice = await store.readPublicSlice(most)
  t.same(nthsOf(slice.body, 'public 0'), heldAfter(writtenTo('public 0')))
})

t.test('partition by partition', async (t) => {
  t.ok(hasAll('{"log 0":2,"log 1":1}', '{"log 0":2}'))
  t.notOk(hasAll('{"log 0":2,"log 1":1}', '{"log 0":1,"log 1":2}'), 'another of the same sum')
  t.notOk(hasAll('{}', '{"log 0":1}'))
})
