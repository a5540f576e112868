// Before a command writes: it names where, and asks where no setting did.

import t from 'tap'
import { readConfig } from '../lib/runtime/config/config.ts'
import { commandLogTarget, databaseTarget, databaseText } from '../lib/runtime/config/targets.ts'
import { confirmTargets } from './confirm.ts'

const targetsIn = (env: NodeJS.ProcessEnv) => {
  const config = readConfig(env, 'script')
  return [databaseTarget(config, env, { isDirect: true }), commandLogTarget(config, env)]
}

/** What it says, and how it ends. */
const confirm = async (
  env: NodeJS.ProcessEnv,
  { isConfirmed = false, answer }: { isConfirmed?: boolean; answer?: string } = {},
) => {
  const lines: string[] = []
  const outcome = await confirmTargets(targetsIn(env), isConfirmed, {
    isInteractive: answer !== undefined,
    say: (line) => lines.push(line),
    ask: (question) => {
      lines.push(question)
      return Promise.resolve(answer ?? '')
    },
  }).then(
    () => 'writes',
    (error: Error) => `${error.name}: ${error.message}`,
  )
  return { lines, outcome }
}

const database = 'postgres://ann:hunter2@db.example/todos?sslpassword=hunter2'

t.test('what a setting names is named and not asked for, without its password', async (t) => {
  const env = { DATABASE_URL: database, KAFKA_BROKERS: 'kafka.example:9092' }
  t.same(await confirm(env), {
    lines: [
      'writes to postgres://ann@db.example:5432/todos (DATABASE_URL)',
      'writes to topic todo-commands of Kafka at kafka.example:9092 (KAFKA_BROKERS)',
    ],
    outcome: 'writes',
  })
  t.same((await confirm({ DATABASE_URL: database, COMMAND_LOG: 'postgres' })).lines.length, 1)
  const direct = { ...env, DATABASE_DIRECT_URL: 'postgres://ann@primary.example/todos' }
  t.match((await confirm(direct)).lines[0], /primary\.example.* \(DATABASE_DIRECT_URL\)$/)
})

t.test('the default is asked for, refused without a terminal, and taken with --yes', async (t) => {
  const refused =
    'NotConfirmed: nothing was written: set DATABASE_URL and KAFKA_BROKERS, or give --yes to write there'
  const { lines, outcome } = await confirm({})
  t.equal(
    lines[0],
    'writes to postgres://postgres@localhost:5432/todos (DATABASE_URL is not set: the default)',
  )
  t.equal(outcome, refused)
  t.equal((await confirm({}, { isConfirmed: true })).outcome, 'writes')
  for (const [answer, expected] of [
    ['y', 'writes'],
    ['Yes', 'writes'],
    ['', refused],
    ['no', refused],
  ] as const) {
    const asked = await confirm({}, { answer })
    t.same([asked.lines.at(-1), asked.outcome], ['write there? [y/N] ', expected])
  }
  t.match((await confirm({ KAFKA_BROKERS: 'k:1' })).outcome, /: set DATABASE_URL, or/)
})

t.test('a URL that leaves parts out is completed as the driver does', async (t) => {
  t.equal(
    databaseText('postgres:///x', { PGHOST: 'h', PGPORT: '7', PGUSER: 'u' }),
    'postgres://u@h:7/x',
  )
  t.equal(databaseText('postgres://u@[::1]/x', {}), 'postgres://u@[::1]:5432/x')
  t.equal(databaseText('postgres://u:p@a:1,b/x', {}), 'postgres://u@a:1,b:5432/x')
  t.equal(databaseText('postgres://u@/x?host=/run/pg', {}), 'postgres://u@/x (socket in /run/pg)')
})
