// Commands for operators on two shards: what each shard has is shown as one, and one that does not answer
// ends them.

import postgres from 'postgres'
import t from 'tap'
import { readConfig } from '../lib/runtime/config/config.ts'
import { silentLog } from '../testing/settings.ts'
import { databasesOf } from '../testing/databases.ts'
import { shardedDatabases } from '../testing/sharded-databases.ts'
import { testTopic } from '../testing/services.ts'
import { ensureCommandLog, openProbe } from '../lib/command-log/open.ts'
import { commandLog } from './command-log.ts'
import { deadLetters } from './dead-letters.ts'
import { examine } from './doctor.ts'
import { readLag } from './lag.ts'
import { seed, targetsOf } from './seed.ts'
import { shards as shardsCommand } from './shards.ts'

const partitions = 4

t.test('what shards have is shown and changed as one', async (t) => {
  const { settings } = await shardedDatabases(t, partitions)
  const environment = {
    ...settings,
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    KAFKA_TODO_TOPIC: testTopic(),
    KAFKA_PARTITIONS: String(partitions),
  }
  const config = readConfig(environment, 'script')
  const log = config.KAFKA_TODO_TOPIC
  const run = async (command: typeof deadLetters, ...args: string[]) => {
    const lines: string[] = []
    const add = (line: string) => void lines.push(line)
    const code = await command(args, () => config, { out: add, err: add })
    return { code, text: lines.join('\n') }
  }
  const shards = settings.DATABASE_SHARDS.split(',').map((one) => {
    const sql = postgres(one.slice(2), { max: 1, onnotice: () => {} })
    t.teardown(() => sql.end())
    return sql
  })

  await t.test('seeded todos are in both, with ids that say so', async (t) => {
    for (const target of await targetsOf(config, 11)) await seed(target, () => {})
    const counts = await Promise.all(
      shards.map(async (sql) => (await sql`SELECT FROM todos`).count),
    )
    t.same(counts, [6, 5])
  })

  await t.test('positions and the log that they belong to', async (t) => {
    const databases = databasesOf(config)
    await ensureCommandLog(config, databases, silentLog)
    const probe = openProbe(config, databases, silentLog)
    t.teardown(probe.close)
    t.match(await run(commandLog, 'adopt', '--from', 'beginning'), {
      code: 0,
      text: /spread over 4 partitions/,
    })
    for (const [i, sql] of shards.entries()) {
      await sql`
        UPDATE command_offsets SET next_offset = ${7 + i} WHERE log = ${log} AND partition = ${i}`
    }
    const applied = (await readLag(config)).map((one) => one.applied)
    t.same(applied, [7, 8, 0, 0])
    t.match(await run(commandLog, 'show'), { code: 0, text: /partition 1: .*position 8/ })
    t.match(await run(commandLog, 'partitions', '8'), { code: 1, text: /stays as it is/ })
  })

  await t.test('a shard with a bucket of another goes on where that one does', async (t) => {
    // Of partition 2, whose home is a.
    t.match(await run(shardsCommand, 'move', '2', 'b'), { code: 0 })
    const position = async () =>
      (
        await Promise.all(
          shards.map(
            (sql) => sql<{ next_offset: string }[]>`
              SELECT next_offset FROM command_offsets WHERE log = ${log} AND partition = 2`,
          ),
        )
      ).map(([row]) => Number(row?.next_offset))
    for (const [i, sql] of shards.entries())
      await sql`
        UPDATE command_offsets SET next_offset = ${9 - i} WHERE log = ${log} AND partition = 2`
    t.match(await run(commandLog, 'show'), { code: 0, text: /partition 2: .*position 8/ })
    const main = postgres(settings.DATABASE_URL, { max: 1, onnotice: () => {} })
    t.teardown(() => main.end())
    await main`UPDATE command_log_partitions SET next_offset = 20 WHERE log = ${log}`
    await main`
      INSERT INTO command_log (log, partition, record_offset, record)
      SELECT ${log}, partition, 0, 'x' FROM generate_series(0, ${partitions - 1}) AS partition`
    t.match(await run(commandLog, 'adopt', '--from', 'stored'), { code: 0 })
    t.same(await position(), [8, 8], 'what one has not applied, neither has')
    t.match(await run(commandLog, 'adopt', '--from', 'end'), { code: 0 })
    t.same(await position(), [20, 20])
  })

  await t.test('dead letters have one id each', async (t) => {
    for (const [partition, sql] of shards.entries()) {
      await sql`
        INSERT INTO dead_letters (log, partition, record_offset, reason, record)
        VALUES (${log}, ${partition}, 3, ${`bad ${partition}`}, 'x')`
    }
    const { text } = await run(deadLetters, 'list')
    t.match(text, /2 of 2 dead letters/)
    const idOf = (reason: string) =>
      /^\d+/.exec(text.split('\n').find((line) => line.includes(reason)) ?? '')?.[0] ?? ''
    t.not(idOf('bad 0'), idOf('bad 1'))
    t.match(await run(deadLetters, 'show', idOf('bad 1')), { code: 0, text: /reason +bad 1/ })
    t.match(await run(deadLetters, 'discard', idOf('bad 0')), { code: 0, text: /1 discarded/ })
    const left = await run(deadLetters, 'list')
    t.match(left.text, /1 of 1/)
    t.match(left.text, /bad 1/)
  })

  await t.test('the doctor looks at each', async (t) => {
    const found = (await examine(environment)).filter(({ area }) => area === 'shards')
    t.match(found, [{ level: 'ok' }, { level: 'ok' }, { level: 'ok' }])
  })

  await t.test('one that does not answer ends it, by its name', async (t) => {
    const [a = ''] = settings.DATABASE_SHARDS.split(',')
    const down = { ...environment, DATABASE_SHARDS: `${a},b=postgres://127.0.0.1:1/none` }
    await t.rejects(readLag(readConfig(down, 'script')), /the shard b: /)
    const found = (await examine(down)).filter(({ area }) => area === 'shards')
    t.match(found, [{ level: 'ok' }, { level: 'ok' }, { level: 'fault', found: /^b does not/ }])
  })
})
