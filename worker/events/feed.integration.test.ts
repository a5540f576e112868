// What becomes of a batch's events: each is heard once and in order, whichever worker dies between commit
// and append, and whatever the appends come to. Against a real Postgres.

import postgres from 'postgres'
import t, { type Test } from 'tap'
import { encodeCommand, type Command } from '../../lib/domain/command.ts'
import { publicChannel, todoChannel, userChannel } from '../../lib/domain/event.ts'
import { createPool } from '../../lib/drivers/postgres/pool.ts'
import type { EventAppender } from '../../lib/events/events.ts'
import {
  createPostgresEventAppender,
  createPostgresEventReader,
} from '../../lib/events/postgres.ts'
import { createPostgresStore } from '../../lib/todo-store/postgres.ts'
import { databasesAt } from '../../testing/databases.ts'
import { eventually } from '../../testing/eventually.ts'
import { hear } from '../../testing/heard-events.ts'
import { seeded } from '../../testing/seeded.ts'
import { testDatabase } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import { createSink } from '../todos/sink.ts'
import { createEventFeed, type EventFeed } from './feed.ts'
import { untilAppended } from './until-appended.ts'

const found = { identity: 'kafka:cluster:topic', partitions: 1 }

const setUp = async (t: Test) => {
  const url = await testDatabase(t)
  const store = createPostgresStore(createPool({ url, poolSize: 4, timeoutMs: 5_000 }))
  await store.registerLog('log', found)
  const appender = createPostgresEventAppender(databasesAt(url))
  const reader = createPostgresEventReader(databasesAt(url))
  const sql = postgres(url, { max: 1 })
  const alive = new Set<EventFeed>()
  t.teardown(async () => {
    await Promise.all([...alive].map((feed) => feed.close()))
    await sql.end()
    await reader.close()
    await appender.close()
    await store.close()
  })
  await eventually(reader.fault, (fault) => fault === undefined)
  const records: { offset: number; value: Buffer }[] = []
  let from = 0
  /** A worker: it can be killed, and then does nothing more. */
  const startWorker = (
    inner: Pick<EventAppender, 'append' | 'reset'> = appender,
    bytesMax?: number,
  ) => {
    let isKilled = false
    const never = () => new Promise<never>(() => {})
    const feed = createEventFeed(
      store,
      {
        append: (batches) => (isKilled ? never() : inner.append(batches)),
        reset: () => (isKilled ? never() : inner.reset()),
      },
      silentLog,
      bytesMax,
    )
    alive.add(feed)
    const sink = createSink({ log: 'log', store, onApplied() {}, logger: silentLog, events: feed })
    return {
      feed,
      kill() {
        isKilled = true
        alive.delete(feed)
      },
      async apply(commands: readonly Command[]) {
        for (const command of commands) {
          const offset = records.length
          const stamp = { by: 'a-server-process', number: offset + 1 }
          records.push({ offset, value: Buffer.from(encodeCommand(command, stamp)) })
        }
        const delivery = {
          partition: 0,
          records: records.slice(from),
          endOffset: records.length,
          foundLog: () => Promise.resolve(found),
          abandoned: () => false,
        }
        from = records.length
        await sink(delivery)
      },
    }
  }
  return { store, appender, reader, sql, startWorker }
}

let made = 0
const create = (): Command => ({
  kind: 'create',
  commandId: `c${++made}`,
  todoId: `t${made}`,
  userId: 'ann "A"',
  atMs: made,
  title: `"quoted"\n${made}`,
  description: '\u2028',
})

/** What an event tells, as text. */
const told = (body: string): string => {
  if (body === 'gap') return body
  const { kind, revision, id, todo } = JSON.parse(body) as {
    kind: string
    revision: number
    id?: string
    todo?: { id: string }
  }
  return `${kind} ${todo?.id ?? id ?? ''} ${revision}`
}

void t.test('what is told of a public todo is what the API shows, whoever tells', async (t) => {
  const { store, reader, startWorker, sql } = await setUp(t)
  const { bodies } = await hear(reader, publicChannel)
  const first = startWorker()
  const one = create()
  await first.apply([one])
  await eventually(
    () => bodies.length,
    (length) => length === 1,
  )
  const shown = JSON.stringify(await store.readTodo(one.todoId), (key, value: unknown) =>
    ['revision', 'is_personal', 'team_id', 'assignee_id'].includes(key) ? undefined : value,
  )
  t.equal(bodies[0], `{"kind":"created","by":"ann \\"A\\"","revision":1,"todo":${shown}}`)
  first.kill()
  const [two, three] = [create(), create()]
  await first.apply([two, three])
  const [row] = await sql`SELECT created FROM event_outbox WHERE number = 3`
  t.same(row, { created: [two.todoId, three.todoId] })
  const second = startWorker()
  await second.apply([
    create(),
    { kind: 'toggle', commandId: 'c', todoId: one.todoId, userId: one.userId, atMs: 5 },
    { kind: 'delete', commandId: 'd', todoId: one.todoId, userId: one.userId, atMs: 6 },
  ])
  await eventually(
    () => bodies.length,
    (length) => length === 6,
  )
  t.same(bodies.map(told).slice(1), [
    `created ${two.todoId} 1`,
    `created ${three.todoId} 1`,
    `created t${made} 1`,
    `updated ${one.todoId} 2`,
    `deleted ${one.todoId} 3`,
  ])
  const text = bodies[1]?.replaceAll(two.todoId, one.todoId).replaceAll(/1970-[^"]+/g, '')
  t.equal(
    text?.replace(/\\n\d+/, ''),
    bodies[0]?.replaceAll(/1970-[^"]+/g, '').replace(/\\n\d+/, ''),
  )
})

void t.test(
  'whoever waits until all is appended waits for what a dead worker has left',
  async (t) => {
    const { store, reader, startWorker } = await setUp(t)
    const { bodies } = await hear(reader, publicChannel)
    const dead = startWorker()
    dead.kill()
    await dead.apply([create()])
    await t.rejects(untilAppended(store, 300), /not appended yet/)
    startWorker().feed.start()
    await untilAppended(store)
    t.same(await store.outboxSources(0), [])
    await eventually(
      () => bodies.length,
      (length) => length === 1,
    )
  },
)

void t.test('a change of a shared todo is told to its owner, and where it is shared', async (t) => {
  const { reader, startWorker, sql } = await setUp(t)
  const one: Command = { ...create(), isPersonal: true }
  const own = await hear(reader, userChannel(one.userId))
  const shared = await hear(reader, todoChannel(one.todoId))
  const worker = startWorker()
  const toggle = (): Command => {
    const commandId = `c${++made}`
    const { todoId, userId } = one
    return { kind: 'toggle', commandId, todoId, userId, atMs: made, isPersonal: true }
  }
  await worker.apply([one])
  await worker.apply([toggle()])
  await sql`INSERT INTO users (id, email, password_hash) VALUES ('bob', 'bob@x.y', 'x')`
  // Who shares it has the todo's row first: the write waits, and sees the share.
  let applying = Promise.resolve()
  await sql.begin(async (tx) => {
    await tx`SELECT FROM todos WHERE id = ${one.todoId} FOR SHARE`
    applying = worker.apply([toggle()])
    for (;;) {
      const [row] = await tx<{ waiting: boolean }[]>`
        SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted
          AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())) AS waiting`
      if (row?.waiting) break
    }
    await tx`
      INSERT INTO todo_shares (id, todo_id, role, user_id) VALUES ('s', ${one.todoId}, 'viewer', 'bob')`
  })
  await applying
  await worker.apply([toggle()])
  await worker.apply([{ ...toggle(), kind: 'delete' }])
  await eventually(
    () => own.bodies.length + shared.bodies.length,
    (count) => count === 8,
  )
  t.same(
    own.bodies.map(told).map((text) => text.split(' ')[2]),
    ['1', '2', '3', '4', '5'],
  )
  t.same(shared.bodies, own.bodies.slice(2), 'from the share on')
})

void t.test('a personal change is told to its owner only', async (t) => {
  const { reader, startWorker } = await setUp(t)
  const everybody = await hear(reader, publicChannel)
  const owner = await hear(reader, userChannel('ann "A"'))
  const worker = startWorker()
  await worker.apply([{ ...create(), isPersonal: true }])
  await worker.apply([create()])
  await eventually(
    () => everybody.bodies.length + owner.bodies.length,
    (count) => count === 2,
  )
  t.same(owner.bodies.map(told), [`created t${made - 1} 1`])
  t.same(everybody.bodies.map(told), [`created t${made} 1`])
})

void t.test(
  'what a worker left that is gone is appended without new commands, and forgotten',
  async (t) => {
    const { reader, startWorker, sql } = await setUp(t)
    const { bodies } = await hear(reader, publicChannel)
    const gone = startWorker()
    gone.kill()
    await gone.apply([create(), create()])
    const other = startWorker()
    other.feed.start()
    await eventually(
      () => bodies.length,
      (length) => length === 2,
    )
    await eventually(
      async () => (await sql`SELECT FROM event_outbox`).count,
      (left) => left === 0,
    )
    t.equal(other.feed.fault(), undefined)
  },
)

void t.test(
  'commands are applied while nothing can be appended, and then all is told',
  async (t) => {
    const { appender, reader, startWorker, sql } = await setUp(t)
    const { bodies } = await hear(reader, publicChannel)
    let isRefused = true
    const append: EventAppender['append'] = (batches) =>
      isRefused ? Promise.reject(new Error('READONLY')) : appender.append(batches)
    const worker = startWorker({ append, reset: appender.reset })
    for (let i = 0; i < 10; i++) await worker.apply([create()])
    await eventually(worker.feed.fault, (fault) => fault === 'READONLY')
    t.match(worker.feed.waiting(), { events: 10 })
    t.equal((await sql`SELECT FROM todos`).count, 10)
    isRefused = false
    await eventually(
      () => bodies.length,
      (length) => length === 10,
    )
    t.equal(worker.feed.fault(), undefined)
    await worker.apply([create()])
    t.equal((await sql`SELECT FROM event_outbox`).count, 1, 'forgotten with the next transaction')
  },
)

void t.test('past the bound readers get a gap, also when that worker dies', async (t) => {
  const { appender, reader, startWorker, sql } = await setUp(t)
  for (const dies of [false, true]) {
    const { bodies, leave } = await hear(reader, publicChannel)
    let isRefused = true
    const refusedOr = (work: () => Promise<void>) =>
      isRefused ? Promise.reject(new Error('OOM')) : work()
    const worker = startWorker(
      {
        append: (batches) => refusedOr(() => appender.append(batches)),
        reset: () => refusedOr(() => appender.reset()),
      },
      1_000,
    )
    for (let i = 0; i < 20; i++) await worker.apply([create(), create()])
    t.equal((await sql`SELECT FROM event_outbox`).count, 1, 'one row says that there were too many')
    const next = dies ? startWorker() : worker
    if (dies) worker.kill()
    isRefused = false
    if (dies) await next.apply([create()])
    await eventually(
      () => bodies.length,
      (length) => length > 0,
    )
    await eventually(next.feed.waiting, ({ events }) => events === 0)
    await next.apply([create()])
    await eventually(
      () => bodies.map(told).at(-1),
      (last) => last === `created t${made} 1`,
    )
    t.equal(bodies[0], 'gap')
    t.match(next.feed.counts, { resets: 1 })
    leave()
  }
})

void t.test('workers that die, hang and race tell everything once, in order', async (t) => {
  const random = seeded(t)
  const { appender, reader, startWorker } = await setUp(t)
  const { bodies } = await hear(reader, publicChannel)
  const expected: string[] = []
  /** As a network does: nothing arrives, or its answer does not. */
  const append: EventAppender['append'] = async (batches) => {
    const fate = random.below(4)
    if (fate === 0) throw new Error('not sent')
    await appender.append(batches)
    if (fate === 1) throw new Error('no answer')
  }
  const start = () => startWorker({ append, reset: appender.reset })
  const workers = [start(), start()]
  const own: string[] = []
  for (let step = 0; step < 60; step++) {
    const which = random.below(2)
    if (random.below(5) === 0) {
      workers[which]?.kill()
      workers[which] = start()
      if (random.below(2) === 0) workers[which]?.feed.start()
    }
    const commands: Command[] = []
    for (let i = random.below(4); i >= 0; i--) {
      const command = create()
      const id = own[random.below(own.length * 2 + 1)]
      if (id === undefined) {
        commands.push(command)
        expected.push(`created ${command.todoId} 1`)
        own.push(command.todoId)
      } else {
        const { commandId, userId, atMs } = command
        commands.push({ kind: 'toggle', commandId, todoId: id, userId, atMs })
        const revision = 1 + expected.filter((one) => one.includes(` ${id} `)).length
        expected.push(`updated ${id} ${revision}`)
      }
    }
    await workers[which]?.apply(commands)
  }
  const last = startWorker()
  last.feed.start()
  await eventually(
    () => bodies.length,
    (length) => length >= expected.length,
  )
  t.same(bodies.map(told), expected)
})
