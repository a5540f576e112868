// Poison among good commands, through the real log and the real worker's sink into a real Postgres;
// then what an operator does with it.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { databasesOf } from '../testing/databases.ts'
import { createPool } from '../lib/drivers/postgres/pool.ts'
import { openConsumer, readEnds } from '../lib/command-log/open.ts'
import { settleLog } from '../lib/command-log/settle.ts'
import { encodeCommand, type Command, type Stamp } from '../lib/domain/command.ts'
import { createPostgresStore } from '../lib/todo-store/postgres.ts'
import { createSink } from '../worker/todos/sink.ts'
import { deadLetters } from './dead-letters.ts'
import { repository } from './paths.ts'
import { eventually } from '../testing/eventually.ts'
import { silentLog, testConfig } from '../testing/settings.ts'
import { testDatabase, testKafka, testTopic } from '../testing/services.ts'

/** The log's table takes no null, a Kafka topic does: the worker is given null where this stands. */
const nullRecord = Buffer.from('a record without a value')

const setUp = async (t: Test, over: Record<string, string> = {}) => {
  const url = await testDatabase(t)
  const log = testTopic()
  const config = testConfig({
    COMMAND_LOG: 'postgres',
    DATABASE_URL: url,
    KAFKA_TODO_TOPIC: log,
    KAFKA_PARTITIONS: '1',
    ...over,
  })
  const sql = postgres(url, { max: 1 })
  const store = createPostgresStore(createPool({ url, poolSize: 2, timeoutMs: 20_000 }))
  await settleLog(config, databasesOf(config), store, silentLog)
  const consumer = openConsumer(config, databasesOf(config), silentLog)
  t.teardown(async () => {
    await consumer.stop()
    await store.close()
    await sql.end()
  })
  const startWorker = () => {
    const sink = createSink({ log, store, onApplied: () => {}, logger: silentLog })
    return consumer.start(
      (delivery) =>
        sink({
          ...delivery,
          records: delivery.records.map(({ offset, value }) => ({
            offset,
            value: value?.equals(nullRecord) ? null : value,
          })),
        }),
      (reason) => t.fail(reason),
    )
  }
  /** As no publisher of ours would. */
  const append = (records: readonly (Command | Buffer)[], stamp?: Stamp) =>
    sql.begin(async (tx) => {
      for (const [i, record] of records.entries()) {
        const own = stamp && { by: stamp.by, number: stamp.number + i }
        const bytes = Buffer.isBuffer(record) ? record : Buffer.from(encodeCommand(record, own))
        await tx`
          INSERT INTO command_log SELECT log, partition, next_offset, ${bytes}
          FROM command_log_partitions WHERE log = ${log}`
        await tx`
          UPDATE command_log_partitions SET next_offset = next_offset + 1 WHERE log = ${log}`
      }
    })
  const caughtUp = () =>
    eventually(
      async () => {
        const [applied, ends] = [
          await store.nextOffsets(log),
          await readEnds(config, databasesOf(config), silentLog),
        ]
        return (ends.get(0) ?? 0) - (applied.get(0) ?? 0)
      },
      (lag) => lag === 0,
    )
  const run = async (...args: string[]) => {
    const output = { out: [] as string[], err: [] as string[] }
    const code = await deadLetters(args, () => config, {
      out: (line) => output.out.push(line),
      err: (line) => output.err.push(line),
    })
    return { code, out: output.out.join('\n'), err: output.err.join('\n') }
  }
  const letters = () =>
    sql<{ id: string; reason: string; record: Buffer | null }[]>`
      SELECT id, reason, record FROM dead_letters ORDER BY record_offset`
  const todos = () => sql`SELECT id, title, revision FROM todos ORDER BY id`
  return { config, log, sql, startWorker, append, caughtUp, run, letters, todos }
}

const create = (id: string, over: object = {}) =>
  ({
    kind: 'create',
    commandId: `create-${id}`,
    todoId: id,
    userId: 'ann',
    atMs: 1_000,
    title: `todo ${id}`,
    description: '',
    ...over,
  }) as Command
const rename = (id: string, commandId: string, title: string): Command => ({
  kind: 'update',
  commandId,
  todoId: id,
  userId: 'ann',
  atMs: 2_000,
  change: { title },
})
const text = (record: object) => Buffer.from(JSON.stringify(record))

const poison: readonly (readonly [Buffer, RegExp])[] = [
  [Buffer.from('{"schema":1,'), /^not JSON in UTF-8$/],
  [Buffer.from([0xff, 0xfe, 0x00]), /^not JSON in UTF-8$/],
  [text({ schema: 5, ...create('x') }), /^schema must be 1, 2, 3 or 4$/],
  [text({ schema: 1, ...create('x', { title: 7 }) }), /^title must be a string$/],
  [text({ schema: 1, ...create('x', { atMs: 'now' }) }), /^atMs must be a time/],
  [
    text({ schema: 1, ...create('x', { title: 'x'.repeat(300_000) }) }),
    /^title must have 1 to 200/,
  ],
  [nullRecord, /^the record has no value$/],
  [
    text({ schema: 1, ...create('x', { kind: 'explode' }) }),
    /^kind must be create, update, toggle or/,
  ],
]

t.test('poison among good commands becomes letters, and the rest applies', async (t) => {
  const { log, startWorker, append, caughtUp, run, letters, todos } = await setUp(t)
  await append(poison.flatMap(([record], i) => [create(`good-${i}`), record]))
  await startWorker()
  await caughtUp()
  t.same(
    (await todos()).map((todo) => todo['id'] as string),
    poison.map((_, i) => `good-${i}`),
  )
  const found = await letters()
  t.equal(found.length, poison.length)
  for (const [i, [record, reason]] of poison.entries()) {
    t.match(found[i]?.reason, reason)
    t.same(found[i]?.record, record === nullRecord ? null : record, 'its bytes, as they came')
  }
  const idOf = (i: number) => found[i]?.id ?? ''

  await t.test('list shows the newest first, a line each', async (t) => {
    const { code, out } = await run('list')
    const lines = out.split('\n')
    t.equal(code, 0)
    t.equal(lines.pop(), `${log}: 8 of 8 dead letters`)
    t.same(
      lines.map((line) => line.split('  ')[0]),
      found.map(({ id }) => id).reverse(),
    )
    t.match(lines[7], /^\d+ {2}\d{4}-\S+Z {2}0:1 {2}not JSON in UTF-8 {2}{"schema":1,$/)
    t.match(lines[6], /hex fffe00$/)
    t.match(lines[2], /… \(300\d{3} bytes\)$/)
    t.match(lines[1], /\(no value\)$/)
    t.ok(lines.every((line) => line.length < 250))
    t.match((await run('list', '--limit', '2')).out, /: 2 of 8 dead letters$/)
  })

  await t.test('show shows all of one', async (t) => {
    const long = await run('show', idOf(5))
    t.equal(long.code, 0)
    t.ok(long.out.endsWith(String(found[5]?.record)))
    t.match(long.out, /^offset {5}11$/m)
    t.match((await run('show', idOf(1))).out, /\n\nhex fffe00$/)
    t.match((await run('show', idOf(6))).out, /\n\n\(no value\)$/)
  })

  await t.test('what does not decode is refused with its reason, and stays', async (t) => {
    const { code, out, err } = await run('replay', '--all')
    t.equal(code, 1)
    t.equal(out, '0 of 8 replayed')
    for (const [i, line] of err.split('\n').entries()) {
      t.equal(line, `letter ${idOf(i)} stays: ${found[i]?.reason}`)
    }
    const broken = await run('replay', idOf(0), '--record', '{"schema":1')
    t.match(broken, { code: 1, err: `letter ${idOf(0)} stays: not JSON in UTF-8` })
    t.equal((await letters()).length, 8)
  })

  await t.test('a repaired record takes its place, and applies', async (t) => {
    const record = encodeCommand(create('repaired'))
    t.match(await run('replay', idOf(0), '--record', record), { code: 0, out: '1 of 1 replayed' })
    await caughtUp()
    t.match((await todos()).at(-1), { id: 'repaired', revision: 1 })
    t.equal((await letters()).length, 7)
    const again = await run('replay', idOf(1), '--record', record)
    t.match(again, { code: 1, err: /"create-repaired" was applied before: .* another commandId$/ })
    t.equal((await letters()).length, 7, 'one that would come to nothing costs no letter')
  })

  await t.test('discard removes what it is given, or all', async (t) => {
    const unknown = await run('discard', idOf(1), '999')
    t.match(unknown, { code: 1, err: `no dead letter 999 in ${log}: nothing was done` })
    t.equal((await letters()).length, 7)
    t.match(await run('discard', idOf(1), idOf(2)), { code: 0, out: '2 discarded' })
    t.match(await run('discard', '--all'), { code: 0, out: '5 discarded' })
    t.match(await run('discard', '--all'), { code: 0, out: '0 discarded' })
    t.match(await run('replay', '--all'), { code: 0, out: '0 replayed' })
    t.match(await run('list'), { code: 0, out: `${log}: 0 of 0 dead letters` })
  })
})

t.test('what the database refused applies when it no longer does, once', async (t) => {
  const { log, sql, startWorker, append, caughtUp, run, letters, todos } = await setUp(t)
  await sql`ALTER TABLE todos ADD CONSTRAINT no_thirteen CHECK (title NOT LIKE 'thirteen%')`
  await append([
    create('a'),
    rename('a', 'first', 'thirteen'),
    rename('a', 'second', 'thirteen again'),
  ])
  await startWorker()
  await caughtUp()
  t.match(await todos(), [{ id: 'a', title: 'todo a', revision: 1 }])
  t.match([...(await letters())], [{ reason: /no_thirteen/ }, { reason: /no_thirteen/ }])

  t.match(await run('replay', '--all'), { code: 0, out: '2 of 2 replayed' })
  await caughtUp()
  t.equal((await letters()).length, 2, 'refused again: letters again')

  await sql`ALTER TABLE todos DROP CONSTRAINT no_thirteen`
  const kept = await letters()
  t.match(await run('replay', '--all'), { code: 0, out: '2 of 2 replayed' })
  await caughtUp()
  t.match(await todos(), [{ id: 'a', title: 'thirteen again', revision: 3 }], 'in their order')

  for (const [offset, { reason, record }] of kept.entries()) {
    // As if the connection had been lost between the acknowledgement and the removal.
    await sql`INSERT INTO dead_letters (log, partition, record_offset, reason, record)
      VALUES (${log}, 0, ${offset}, ${reason}, ${record})`
  }
  t.match(await run('replay', '--all'), { code: 0, out: '2 of 2 replayed' })
  await caughtUp()
  t.match(await todos(), [{ title: 'thirteen again', revision: 3 }], 'replayed twice, applied once')
  t.equal((await letters()).length, 0)
})

t.test('a letter with a stamp is no duplicate of itself, and is applied once', async (t) => {
  const { log, sql, startWorker, append, caughtUp, run, letters, todos } = await setUp(t)
  const toggle = { ...rename('a', 'toggle', ''), kind: 'toggle' } as Command
  await sql`ALTER TABLE todos ADD CONSTRAINT open_only CHECK (NOT completed)`
  await append([create('a'), toggle], { by: 'a-server-process', number: 1 })
  await startWorker()
  await caughtUp()
  const [letter] = await letters()
  t.match(letter, { reason: /open_only/ })
  t.equal((await sql`SELECT FROM command_outcomes`).count, 0)

  await sql`ALTER TABLE todos DROP CONSTRAINT open_only`
  for (let time = 0; time < 2; time++) {
    t.match(await run('replay', '--all'), { code: 0, out: '1 of 1 replayed' })
    await caughtUp()
    t.match(await todos(), [{ id: 'a', revision: 2 }])
    // As if the connection had been lost between the acknowledgement and the removal.
    await sql`INSERT INTO dead_letters (log, partition, record_offset, reason, record)
      VALUES (${log}, 0, 1, 'why', ${letter?.record ?? null})`
  }
  t.match([...(await sql`SELECT command_id FROM command_outcomes`)], [{ command_id: 'toggle' }])
})

t.test('a letter that the log does not acknowledge stays, and those after it', async (t) => {
  const { sql, run, letters, log } = await setUp(t)
  for (const id of ['a', 'b', 'c']) {
    await sql`INSERT INTO dead_letters (log, partition, record_offset, reason, record)
      VALUES (${log}, 0, ${id.charCodeAt(0)}, 'why', ${Buffer.from(encodeCommand(create(id)))})`
  }
  await sql`
    ALTER TABLE command_log ADD CONSTRAINT never CHECK (convert_from(record, 'UTF8') NOT LIKE '%create-b%')`
  const { code, err } = await run('replay', '--all')
  t.equal(code, 1)
  t.match(err, /^the log did not acknowledge letter 2 \(.*"never"\): it and those after it stay/)
  t.same(
    (await letters()).map(({ id }) => id),
    ['2', '3'],
  )
})

t.test('a log that is closed amid a replay gets no more of it', async (t) => {
  const { config, sql, run, letters, log } = await setUp(t)
  for (const id of ['a', 'b']) {
    await sql`INSERT INTO dead_letters (log, partition, record_offset, reason, record)
      VALUES (${log}, 0, ${id.charCodeAt(0)}, 'why', ${Buffer.from(encodeCommand(create(id)))})`
  }
  // As `npm run command-log -- partitions` does, once the first letter is replayed.
  await sql.unsafe(`
    CREATE FUNCTION close_log() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN UPDATE command_logs SET closed_until = now() + interval '1 minute'; RETURN NULL; END $$;
    CREATE TRIGGER closes AFTER DELETE ON dead_letters FOR EACH ROW EXECUTE FUNCTION close_log()`)
  const { code, err } = await run('replay', '--all')
  t.equal(code, 1)
  t.equal(err, `the number of partitions of ${log} is being changed`)
  t.equal((await letters()).length, 1)
  t.equal((await readEnds(config, databasesOf(config), silentLog)).get(0), 1)
})

t.test('letters of another log are neither shown nor touched', async (t) => {
  const { sql, run, letters, log } = await setUp(t)
  await sql`INSERT INTO dead_letters (log, partition, record_offset, reason)
    VALUES ('another', 0, 0, 'why')`
  t.match(await run('list'), { out: `${log}: 0 of 0 dead letters` })
  t.match(await run('show', '1'), { code: 1, err: `no dead letter 1 in ${log}` })
  t.match(await run('discard', '--all'), { code: 0, out: '0 discarded' })
  t.equal((await letters()).length, 1)
})

t.test('what a letter holds cannot steer the terminal', async (t) => {
  const { sql, run, log } = await setUp(t)
  await sql`INSERT INTO dead_letters (log, partition, record_offset, reason, record)
    VALUES (${log}, 0, 0, ${'why\r\x1b[2J'}, ${Buffer.from('a\x1b]0;b\x07\u202ec\nd')})`
  for (const args of [['list'], ['show', '1']]) {
    const { out } = await run(...args)
    t.notMatch(out, /[\x00-\x09\x0b-\x1f\u202e]/)
    t.match(out, /a\\u001b\]0;b\\u0007\\u202ec/)
  }
  t.equal((await run('list')).out.split('\n').length, 2, 'one line a letter')
})

t.test('on Kafka a letter goes back into the topic', async (t) => {
  const brokers = await testKafka(t)
  if (brokers === undefined) return
  const over = { COMMAND_LOG: 'kafka', KAFKA_BROKERS: brokers }
  const { sql, startWorker, caughtUp, run, todos, letters, log } = await setUp(t, over)
  await startWorker()
  await sql`INSERT INTO dead_letters (log, partition, record_offset, reason, record)
    VALUES (${log}, 0, 0, 'why', ${Buffer.from(encodeCommand(create('a')))})`
  t.match(await run('replay', '--all'), { code: 0, out: '1 of 1 replayed' })
  await caughtUp()
  t.match(await todos(), [{ id: 'a', revision: 1 }])
  t.equal((await letters()).length, 0)
})

t.test('as a program: exit codes, and one line of what is wrong', async (t) => {
  const program = async (env: Record<string, string>, ...args: string[]) => {
    const child = spawn(process.execPath, ['scripts/dead-letters.ts', ...args], {
      cwd: fileURLToPath(repository),
      env: { ...process.env, COMMAND_LOG: 'postgres', ...env },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => (output += data.toString()))
    }
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    return { code, output }
  }
  const env = { DATABASE_URL: await testDatabase(t) }
  t.match(await program(env, '--help'), { code: 0, output: /^usage: / })
  t.match(await program(env, 'list'), { code: 0, output: /^todo-commands: 0 of 0 .*\n$/ })
  t.match(await program(env, 'show', '7'), { code: 1, output: /^no dead letter 7 in .*\n$/ })
  t.match(await program({ DATABASE_URL: 'postgres://127.0.0.1:1/none' }, 'list'), {
    code: 1,
    output: /^the database does not answer \(.*ECONNREFUSED.*\): check DATABASE_URL.*\n$/,
  })
})

t.test('wrong usage touches nothing and says what is right', async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['', /^give a command;/],
    ['remove 1', /^"remove" is not a command;/],
    ['show', /^show takes one id;/],
    ['show one', /^"one" is not an id;/],
    ['list 1', /^list takes no id/],
    ['list --limit 0', /^"0" is not a limit;/],
    ['show 1 --all', /^--all is for/],
    ['discard', /^discard takes ids, or --all;/],
    ['discard 1 --all', /^discard takes ids, or --all;/],
    ['discard 1 --record {}', /^--record is for replay;/],
    ['replay 1 2 --record {}', /give one id;/],
    ['replay --all --record {}', /give one id;/],
    ['replay 1 --recrod {}', /--recrod/],
  ]
  for (const [args, message] of wrong) {
    let said = ''
    const settings = () => t.fail('not even the settings are read') as never
    const code = await deadLetters(args.split(' ').filter(Boolean), settings, {
      out: (line) => (said += line),
      err: (line) => (said += line),
    })
    t.equal(code, 2, args)
    t.match(said, message)
    t.match(said, /^.*; usage: npm run dead-letters [^\n]*$/, 'in one line')
  }
})
