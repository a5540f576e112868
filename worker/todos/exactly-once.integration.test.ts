// The promise itself, tried in random interleavings. Publishers with stamps and without write to a log in
// which records come twice, late or as poison. Workers redeliver, crash, race and lose answers. The
// database is restored and refuses some commands, the log is adopted anew and gets more partitions. In
// the end each acknowledged command has been applied once, in its todo's order, and no other twice.

import postgres, { type Sql } from 'postgres'
import t, { type Test } from 'tap'
import type { LogRecord } from '../../lib/command-log/command-log.ts'
import type { Command } from '../../lib/domain/command.ts'
import { createPool } from '../../lib/drivers/postgres/pool.ts'
import { openCommandLogs } from '../../lib/todo-store/command-logs.ts'
import { createPostgresStore } from '../../lib/todo-store/postgres.ts'
import { seeded } from '../../testing/seeded.ts'
import { testDatabase } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import {
  chains,
  createClients,
  createLog,
  refusedTitle,
  type Expectation,
} from '../../testing/unreliable-log.ts'
import { applyBatch } from './apply.ts'
import { createSink } from './sink.ts'

type Random = ReturnType<typeof seeded>

const log = 'log'
const steps = 300

const tables = [
  'todos',
  'command_offsets',
  'publisher_numbers',
  'command_outcomes',
  'list_versions',
  'dead_letters',
]

const backUp = async (sql: Sql) => {
  for (const table of tables) {
    await sql.unsafe(
      `DROP TABLE IF EXISTS saved_${table}; CREATE TABLE saved_${table} AS TABLE ${table}`,
    )
  }
}

/** Under the feet of the workers, who remember what was there. */
const restore = (sql: Sql) =>
  sql.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica` // without triggers
    for (const table of tables) {
      await tx.unsafe(
        `DELETE FROM ${table};
        INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM saved_${table}`,
      )
    }
  })

const setUp = async (t: Test, random: Random) => {
  const url = await testDatabase(t)
  const pool = createPool({ url, poolSize: 4, timeoutMs: 20_000 })
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  t.teardown(async () => {
    await pool.close()
    await sql.end()
  })
  await sql`
    INSERT INTO todos
    SELECT id, 'title', '', false, 'ann', now(), now(), 1
    FROM (SELECT 'single-' || n AS id FROM generate_series(0, ${steps * 4 * 8}::int) AS n
      UNION SELECT 'chain-' || n FROM generate_series(0, ${chains - 1}::int) AS n) AS ids`
  await sql.unsafe(`ALTER TABLE todos ADD CONSTRAINT refused CHECK (title <> '${refusedTitle}')`)
  let identity = 'kafka:a:1'
  const store = createPostgresStore(pool)
  await store.registerLog(log, { identity, partitions: 2 })
  const commandLog = createLog(random)
  let failures = 0
  const createWorker = () =>
    createSink({
      log,
      store,
      onApplied: () => {},
      logger: silentLog,
      async apply(...batch) {
        // Its answer, or the request itself, is lost. Each costs the pause before the next attempt.
        const isLost = failures < 12 && random.below(12) === 0
        if (isLost && failures++ % 2 === 0) throw new Error('the request was lost')
        const result = await applyBatch(...batch)
        if (isLost) throw new Error('the answer was lost')
        return result
      },
    })
  const workers = [createWorker(), createWorker()]
  /** A piece of a partition, which may begin before what is new. */
  const deliver = async (partition: number, sizeMax: number) => {
    const all = commandLog.partitions[partition] as LogRecord[]
    const next = await store.nextOffset(log, partition)
    const from = Math.max(0, next - random.below(4))
    const records = all.slice(from, from + 1 + random.below(sizeMax))
    if (records.length === 0) return
    const worker = workers[random.below(workers.length)] as (typeof workers)[number]
    const result = await worker({
      partition,
      records,
      endOffset: all.length,
      foundLog: () => Promise.resolve({ identity, partitions: commandLog.partitions.length }),
      abandoned: () => false,
      inDoubt: random.below(5) === 0,
    })
    if (result.kind !== 'applied' && result.kind !== 'gap') t.fail(JSON.stringify(result))
  }
  const deliverSome = () =>
    Promise.all(
      // The same one twice: a worker that does not know yet that it lost it.
      Array.from({ length: 1 + random.below(3) }, () =>
        deliver(random.below(commandLog.partitions.length), 12),
      ),
    )
  const deliverAll = async () => {
    for (const [partition, all] of commandLog.partitions.entries()) {
      while ((await store.nextOffset(log, partition)) < all.length) await deliver(partition, 60)
    }
  }
  const crash = () => void (workers[random.below(workers.length)] = createWorker())
  const adopt = async () => {
    identity = `kafka:b:${random.below(1_000_000)}`
    const offsets = await store.nextOffsets(log)
    // A mirror has the same records, and may be asked to go on earlier.
    const positions = [...offsets].map(
      ([partition, next]) => [partition, Math.max(0, next - random.below(20))] as const,
    )
    const found = { identity, partitions: commandLog.partitions.length }
    await openCommandLogs(pool).adopt(log, found, new Map(positions))
  }
  return { sql, store, commandLog, deliverSome, deliverAll, crash, adopt }
}

t.test('each command at most once, each acknowledged one once, in order', async (t) => {
  const random = seeded(t)
  const { sql, commandLog, deliverSome, deliverAll, crash, adopt } = await setUp(t, random)
  const clients = createClients(random, commandLog)
  const phase = async () => {
    for (let step = 0; step < steps; step++) {
      const dice = random.below(100)
      if (dice < 40) clients.write()
      else if (dice < 55) clients.follow()
      else if (dice < 65) clients.create()
      else if (dice < 70) commandLog.sendAgain(commandLog.any())
      else if (dice < 74) commandLog.arrive()
      else if (dice < 77) commandLog.poison(commandLog.any())
      else if (dice < 80) commandLog.copy()
      else if (dice < 97) await deliverSome()
      else if (dice < 99) crash()
      else await adopt()
    }
  }
  await phase()
  await backUp(sql)
  await phase()
  await restore(sql)
  await phase()
  // As npm run command-log -- partitions does: it waits until all is applied.
  await deliverAll()
  commandLog.grow()
  await phase()
  await deliverAll()

  // What was refused, sent again by somebody else, some of it twice.
  await sql`ALTER TABLE todos DROP CONSTRAINT refused`
  const letters = await sql<{ record: Buffer }[]>`
    SELECT record FROM dead_letters WHERE convert_from(record, 'UTF8') NOT LIKE '{"schema":9%'
    ORDER BY id`
  for (const { record } of letters) {
    const {
      schema: _,
      by: __,
      n: ___,
      ...command
    } = JSON.parse(record.toString()) as Command & {
      readonly schema: number
      readonly by?: string
      readonly n?: number
    }
    const replayed: Command = { ...command, keepsOutcome: true }
    for (let times = 1 + random.below(2); times > 0; times--) {
      commandLog.publish(replayed, commandLog.any(), 'acknowledged')
    }
  }
  await deliverAll()

  const rows = await sql<{ id: string; revision: number; description: string }[]>`
    SELECT id, revision, description FROM todos`
  const found = new Map(rows.map((row) => [row.id, row]))
  const wrong = clients.expected.filter(({ todoId, atLeast, atMost }) => {
    const times = (found.get(todoId)?.revision ?? -1) - 1
    return times < atLeast || times > atMost
  })
  const describe = (one: Expectation) => ({ ...one, revision: found.get(one.todoId)?.revision })
  t.same(wrong.slice(0, 5).map(describe), [], `of ${clients.expected.length} commands`)
  for (const [chain, end] of clients.ends.entries()) {
    const must = { revision: end, description: end === 1 ? '' : `after ${end - 1}` }
    t.match(found.get(`chain-${chain}`), must, `chain ${chain}, in order`)
  }
  t.ok(letters.length > 0, `${letters.length} letters were replayed`)
})
