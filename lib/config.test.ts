// The settings: defaults, what a wrong one is told, and that the README's table is this table.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { settingsTable } from '../scripts/settings-table.ts'
import { ConfigError, readConfig, settings } from './config.ts'

const secret = 'x'.repeat(32)

const faultsOf = (env: NodeJS.ProcessEnv): string[] => {
  try {
    readConfig(env, 'server')
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n')
  }
}

t.test("the README's settings are these settings", async (t) => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  t.ok(
    readme.includes(`${settingsTable()}\n`),
    'if not: node --import tsx scripts/settings-table.ts prints the table for README.md',
  )
})

t.test('the defaults of the reference hold', async (t) => {
  const config = readConfig({ JWT_SECRET: secret }, 'server')
  t.match(config, {
    HTTP_PORT: 8080,
    HTTP_ENGINE: 'node',
    REDIS_URL: 'redis://localhost:6379/0',
    CACHE_TTL_SEC: 300,
    KAFKA_BROKERS: 'localhost:9092',
    KAFKA_TODO_TOPIC: 'todo-commands',
  })
})

t.test('every setting that cannot be is told in one line that names it', async (t) => {
  const impossible: Partial<Record<keyof typeof settings, string | undefined>> = {
    HTTP_HOST: undefined,
    DATA_DIR: undefined,
    KAFKA_TODO_TOPIC: 'no spaces allowed',
    JWT_SECRET: 'short',
  }
  for (const name of Object.keys(settings) as (keyof typeof settings)[]) {
    const value = name in impossible ? impossible[name] : '-1 is not it'
    if (value === undefined) continue // any text will do for these
    const faults = faultsOf({ JWT_SECRET: secret, [name]: value })
    t.equal(faults.length, 1, name)
    t.match(faults[0], new RegExp(`^${name} is .*: set it to `))
  }
})

t.test('settings that contradict each other are told', async (t) => {
  t.match(faultsOf({ JWT_SECRET: secret, HTTP_REQUEST_TIMEOUT_MS: '5000' }), [
    /^HTTP_REQUEST_TIMEOUT_MS is 5000: set it to HTTP_HEADERS_TIMEOUT_MS \(10000\) or more$/,
  ])
})

t.test('all faults are told at once', async (t) => {
  t.equal(faultsOf({ HTTP_PORT: '70000', DB_POOL_SIZE: '0' }).length, 3, 'the missing secret too')
})

t.test('a secret is required by the server, never repeated, and has 32 bytes', async (t) => {
  t.match(faultsOf({}), [/^JWT_SECRET is not set: set it to .*32 bytes/])
  t.match(faultsOf({ JWT_SECRET: '' }), [/^JWT_SECRET is not set/])
  const [fault = ''] = faultsOf({ JWT_SECRET: 'hunter2' })
  t.match(fault, /^JWT_SECRET is 7 bytes long/)
  t.notMatch(fault, /hunter2/)
  t.same(faultsOf({ JWT_SECRET: 'ü'.repeat(16) }), [], 'bytes, not characters')
  t.doesNotThrow(() => readConfig({}, 'worker'), 'a worker needs none')
})

t.test('a name that nearly spells a setting is refused', async (t) => {
  for (const [wrong, meant] of [
    ['HTTP_PROT', 'HTTP_PORT'],
    ['DB_POOLSIZE', 'DB_POOL_SIZE'],
    ['REDIS_URLS', 'REDIS_URL'],
    ['KAFKA_BROKER', 'KAFKA_BROKERS'],
  ] as const) {
    t.same(faultsOf({ JWT_SECRET: secret, [wrong]: '1' }), [
      `${wrong} is not a setting: did you mean ${meant}?`,
    ])
  }
})

t.test('what others put into the environment is not refused', async (t) => {
  t.same(
    faultsOf({
      JWT_SECRET: secret,
      REDIS_PORT: 'tcp://10.0.0.1:6379',
      REDIS_SERVICE_HOST: '10.0.0.1',
      KAFKA_HOME: '/opt/kafka',
      HTTP_PROXY: 'http://proxy',
      PATH: '/bin',
    }),
    [],
  )
})
