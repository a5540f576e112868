// `npm run lag` against both command logs: what the log has and the store has not.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { databasesOf } from '../testing/databases.ts'
import { openGate } from '../lib/command-log/command-log.ts'
import { ensureCommandLog, openPublisher } from '../lib/command-log/open.ts'
import { lagAsJson, lagAsText, readLag } from './lag.ts'
import { repository } from './paths.ts'
import { eventually, startTimeoutMs } from '../testing/eventually.ts'
import { silentLog, testConfig } from '../testing/settings.ts'
import { testDatabase, testKafka, testTopic } from '../testing/services.ts'

type Settings = Record<string, string>

const run = async (env: Settings, ...args: string[]) => {
  const child = spawn(process.execPath, ['scripts/lag.ts', ...args], {
    cwd: fileURLToPath(repository),
    env: { ...process.env, ...env },
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...output }
}

const backends: Record<string, (t: Test) => Promise<Settings | undefined>> = {
  postgres: () => Promise.resolve({ COMMAND_LOG: 'postgres' }),
  async kafka(t) {
    const brokers = await testKafka(t)
    return brokers === undefined ? undefined : { COMMAND_LOG: 'kafka', KAFKA_BROKERS: brokers }
  },
}

for (const [name, backend] of Object.entries(backends)) {
  t.test(`the lag behind the ${name} log, by partition`, async (t) => {
    const chosen = await backend(t)
    if (!chosen) return
    const url = await testDatabase(t)
    const log = testTopic()
    const settings = {
      ...chosen,
      DATABASE_URL: url,
      KAFKA_TODO_TOPIC: log,
      KAFKA_PARTITIONS: '3',
    }
    const config = testConfig(settings)
    t.same(await readLag(config), [], 'no log yet')
    const partitions = await ensureCommandLog(config, databasesOf(config), silentLog)
    const none = { end: 0, applied: 0, lag: 0 }
    // A broker may say for a moment that it does not lead the partitions that it has just made.
    const lagNow = () => readLag(config).catch((error: Error) => error.message)
    t.same(
      await eventually(lagNow, (seen) => typeof seen !== 'string'),
      [0, 1, 2].map((partition) => ({ partition, ...none })),
    )

    const publisher = openPublisher(config, databasesOf(config), openGate(partitions), silentLog)
    t.teardown(() => publisher.close())
    const isUp = () =>
      publisher.ping().then(
        () => true,
        () => false,
      )
    await eventually(isUp, (answers) => answers, startTimeoutMs)
    for (let i = 0; i < 30; i++) {
      const outcome = await publisher.publish({
        kind: 'delete',
        commandId: `c${i}`,
        todoId: `t${i}`,
        userId: 'ann',
        atMs: 1_000,
      })
      t.equal(outcome.kind, 'acknowledged')
    }
    const sql = postgres(url, { max: 1 })
    t.teardown(() => sql.end())
    await sql`INSERT INTO command_offsets VALUES (${log}, 1, 2, 1), ('another', 1, 9, 1)`
    const seen = await readLag(config)
    t.equal(
      seen.reduce((sum, { end }) => sum + end, 0),
      30,
    )
    t.same(
      seen.map(({ applied }) => applied),
      [0, 2, 0],
    )
    for (const { end, applied, lag } of seen) t.equal(lag, end - applied)

    const asText = await run(settings)
    t.same([asText.code, asText.stderr], [0, ''])
    t.equal(asText.stdout, `${lagAsText(log, seen)}\n`)
    t.match(asText.stdout, /^partition 1: log end \d+, applied 2, lag \d+$/m)
    t.match(asText.stdout, new RegExp(`^${log}: lag 28 in 3 partitions$`, 'm'))
    const asJson = await run(settings, '--json')
    t.same(JSON.parse(asJson.stdout), { log, lag: 28, partitions: seen })
  })
}

t.test('what is in the way is one line', async (t) => {
  const env = { COMMAND_LOG: 'postgres', DATABASE_URL: 'postgres://127.0.0.1:1/none' }
  const away = await run(env)
  t.equal(away.code, 1)
  t.match(away.stderr, /^can't read the lag \(.*ECONNREFUSED.*\): check DATABASE_URL.*\n$/)
  const none = await run({ ...env, DATABASE_URL: await testDatabase(t) })
  t.equal(none.code, 1)
  t.match(none.stderr, /^can't read the lag \(there is no command log todo-commands yet\).*\n$/)
  const wrong = await run(env, '--jsno')
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, /^.*; usage: npm run lag .*\n$/)
})

t.test(
  'replicas are told with how far each is behind, or why nothing is read from it',
  async (t) => {
    const partitions = [{ partition: 0, end: 9, applied: 9, lag: 0 }]
    const reason = 'it is no replica: it was promoted, and takes writes'
    const replicas = [
      { name: 'a:5432', state: { kind: 'used', lagMs: 3.4 } },
      { name: 'b:5432', state: { kind: 'left out', reason } },
    ] as const
    const lines = lagAsText('todos', partitions, replicas).split('\n')
    t.same(lines.slice(2), ['replica a:5432: 3 ms behind', `replica b:5432: left out: ${reason}`])
    t.match(JSON.parse(lagAsJson('todos', partitions, replicas)), {
      replicas: [
        { replica: 'a:5432', lagMs: 3.4 },
        { replica: 'b:5432', leftOut: reason },
      ],
    })
  },
)

t.test('a log that ends before what was applied is pointed out, and hides no lag', async (t) => {
  const text = lagAsText('todos', [
    { partition: 0, end: 3, applied: 9, lag: -6 },
    { partition: 1, end: 9, applied: 4, lag: 5 },
  ])
  t.match(text, /^partition 0: .*lag -6 \(the log ends before the applied offset/m)
  t.match(text, /^todos: lag 5 /m)
})
