// A worker that can't begin yet: it waits, for it may be started before the rest, and its log says
// what is to be done.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { freePort } from '../scripts/stack/ports.ts'
import { eventually, startTimeoutMs } from '../testing/eventually.ts'
import { testDatabase } from '../testing/services.ts'

const says = async (t: Test, env: NodeJS.ProcessEnv, line: string) => {
  const script = fileURLToPath(new URL('main.ts', import.meta.url))
  const worker = spawn(process.execPath, [script], {
    env: { ...process.env, WORKER_METRICS_PORT: 'off', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => worker.kill('SIGKILL'))
  let output = ''
  worker.stdout.on('data', (data: Buffer) => (output += data.toString()))
  // The pool says for itself that Postgres is unavailable; the worker says what to do.
  const waitingLines = () =>
    output.split('\n').filter((text) => /"msg":"(waiting|the database)/.test(text))
  await eventually(waitingLines, ({ length }) => length > 0, startTimeoutMs)
  await new Promise((resolve) => setTimeout(resolve, 3_000)) // it has tried again by then
  t.equal(waitingLines().length, 1, 'in one line')
  t.match(waitingLines()[0], `"msg":"${line}"`)
  t.equal(worker.exitCode, null, 'and it goes on waiting')
}

// Each waits most of the time.
t.jobs = 4

t.test('without tables', async (t) => {
  const empty = new URL(await testDatabase(t))
  empty.pathname = '/postgres'
  const env = { COMMAND_LOG: 'postgres', LIST_CACHE: 'postgres', DATABASE_URL: empty.href }
  await says(t, env, 'the database has no tables yet: run npm run migrate')
})

for (const kind of ['postgres', 'kafka']) {
  t.test(`without a database, the log in ${kind}`, async (t) => {
    const url = `postgres://postgres:postgres@127.0.0.1:${await freePort()}/todos`
    const env = {
      COMMAND_LOG: kind,
      LIST_CACHE: 'postgres',
      KAFKA_BROKERS: `127.0.0.1:${await freePort()}`,
      DATABASE_URL: url,
    }
    await says(t, env, 'waiting for Postgres: start it, or set DATABASE_URL')
  })
}

t.test('without a broker', async (t) => {
  const brokers = `127.0.0.1:${await freePort()}`
  const env = {
    COMMAND_LOG: 'kafka',
    LIST_CACHE: 'postgres',
    KAFKA_BROKERS: brokers,
    DATABASE_URL: await testDatabase(t),
  }
  await says(t, env, 'waiting for the command log, kafka: start it, or set KAFKA_BROKERS')
})
