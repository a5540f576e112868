// A connection to Redis that stays open and is of no use any more: silent, to a replica in the master's
// place, refused. Each is replaced without a restart, and the first cause is what callers are told.

import { Redis } from 'ioredis'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { testGate } from '../../../testing/gate.ts'
import { eventually } from '../../../testing/eventually.ts'
import { ownRedis } from '../../../testing/services.ts'
import { silentLog } from '../../../testing/settings.ts'
import { openRedis } from './connections.ts'
import { script, type Evaluation } from './scripts.ts'

const timeoutMs = 500

const setUp = async (t: Test) => {
  const [master, other] = [await ownRedis(t), await ownRedis(t)]
  if (!master || !other) return undefined
  const gate = await testGate(t, master.port)
  const admin = new Redis(master.url)
  t.teardown(() => {
    admin.disconnect()
  })
  const open = (url = `redis://127.0.0.1:${gate.port}/0`) => {
    const connection = openRedis(url, silentLog).follow('key', { timeoutMs })
    t.teardown(() => connection.close())
    const write = () => connection.run((redis) => redis.set('key', '1'))
    const outcome = () => write().catch((error: Error) => error.message)
    return { write, outcome }
  }
  return { master, other, gate, admin, open }
}

void t.test('open connections that fall silent are replaced', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const one = system.open()
  await one.write()
  system.gate.silence()
  t.match(await one.outcome(), /no answer/)
  await eventually(one.outcome, (seen) => seen === 'OK')
  t.equal(system.gate.accepted(), 2, 'by one new one')
})

void t.test('one that nobody uses is found as well', async (t) => {
  const system = await setUp(t)
  if (!system) return
  await system.open().write()
  system.gate.silence()
  await eventually(system.gate.accepted, (count) => count === 2)
  t.pass('replaced')
})

void t.test('the old master is left as soon as it refuses a write', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { master, other, gate, admin, open } = system
  const one = open()
  await one.write()
  await admin.replicaof('127.0.0.1', other.port)
  gate.leadTo(other.port)
  t.match(await one.outcome(), /^READONLY/)
  await eventually(one.outcome, (seen) => seen === 'OK')
  t.equal(gate.accepted(), 2)
  t.not(master.port, other.port)
})

void t.test('so it is when it refuses in a script', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { other, gate, admin } = system
  const url = `redis://127.0.0.1:${gate.port}/0`
  const connection = openRedis(url, silentLog).follow('key', { timeoutMs })
  t.teardown(() => connection.close())
  const write = () =>
    connection
      .run((redis) => redis.eval("return redis.call('SET', KEYS[1], '1')", 1, 'key'))
      .catch((error: Error) => error.message)
  await write()
  await admin.replicaof('127.0.0.1', other.port)
  gate.leadTo(other.port)
  t.match(await write(), /READONLY/)
  await eventually(write, (seen) => seen === 'OK')
})

void t.test('and when it refuses one of several scripts', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { other, gate, admin } = system
  const client = openRedis(`redis://127.0.0.1:${gate.port}/0`, silentLog).connect({ timeoutMs })
  t.teardown(() => client.close())
  const some: Evaluation[] = [
    { script: script("return redis.call('SET', KEYS[1], '1')"), keys: ['key'], values: [] },
  ]
  const write = async () => {
    try {
      const [outcome] = await client.evaluateAll(some)
      return outcome?.isDone ? outcome.reply : outcome?.error.message
    } catch (error) {
      return (error as Error).message
    }
  }
  t.equal(await write(), 'OK')
  await admin.replicaof('127.0.0.1', other.port)
  gate.leadTo(other.port)
  t.match(await write(), /READONLY/)
  await eventually(write, (seen) => seen === 'OK')
})

void t.test('a server that goes on to refuse is not asked on ever new connections', async (t) => {
  const system = await setUp(t)
  if (!system) return
  await system.admin.replicaof('127.0.0.1', 1)
  const one = system.open()
  for (let i = 0; i < 200; i++) t.match(await one.outcome(), /READONLY|closed/)
  t.ok(system.gate.accepted() <= 5, `${system.gate.accepted()} connections for 200 refusals`)
})

void t.test('the first cause is told: a wrong password, a right that is missing', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { admin, open, master } = system
  await admin.acl('SETUSER', 'todos', 'on', '>right', '~*', '+@all')
  const wrong = open(master.url.replace('redis://', 'redis://todos:wrong@'))
  t.match(await wrong.outcome(), /^WRONGPASS/)
  t.match(await wrong.outcome(), /^WRONGPASS/, 'also later')
  await admin.acl('SETUSER', 'todos', '>wrong')
  await eventually(wrong.outcome, (seen) => seen === 'OK')
  await admin.acl('SETUSER', 'todos', '-set')
  t.match(await wrong.outcome(), /^NOPERM/)
  t.match(await open('redis://127.0.0.1:1/0').outcome(), /ECONNREFUSED/)
})

/** A log whose lines the test reads. */
const readableLog = () => {
  const reasons: string[] = []
  const write = (line: string) => void reasons.push((JSON.parse(line) as { reason: string }).reason)
  return { reasons, log: pino({ level: 'warn' }, { write }) }
}

void t.test(
  'what Redis refuses is reported once, with what to set, and tried ever less',
  async (t) => {
    const system = await setUp(t)
    if (!system) return
    const { admin, gate } = system
    await admin.acl('SETUSER', 'todos', 'on', '>right', '~{todos}:*', '+@all', '-set')
    const refusedBy = (login: string) => {
      const { log, reasons } = readableLog()
      const connections = openRedis(`redis://${login}@127.0.0.1:${gate.port}/0`, log)
      t.teardown(connections.close)
      const each = [1, 2, 3].map(() => connections.follow('key', { timeoutMs }))
      const outcomes = () =>
        Promise.all(
          each.map((one) =>
            one
              .run((redis) => redis.set('{todos}:canary:1', '1'))
              .catch((error: Error) => error.message),
          ),
        )
      return { outcomes, reasons }
    }
    const wrong = refusedBy('todos:wrong')
    const before = gate.accepted()
    const startedMs = performance.now()
    await eventually(
      () => wrong.outcomes().then(() => performance.now() - startedMs),
      (passedMs) => passedMs > 4_000,
    )
    const attempts = gate.accepted() - before
    t.ok(attempts <= 5 * 3, `${attempts} attempts of three connections in four seconds`)
    t.same(new Set(await wrong.outcomes()), new Set(wrong.reasons))
    t.match(wrong.reasons, [/^WRONGPASS .*: set the user and the password of REDIS_URL$/])
    const limited = refusedBy('todos:right')
    for (let i = 0; i < 5; i++) await limited.outcomes()
    t.match(limited.reasons, [
      /^NOPERM .*'set'.* \(SET \{todos\}:canary:\*\): give the user of REDIS_URL/,
    ])
    t.equal(limited.reasons.length, 1)
  },
)

void t.test('Redis at an IPv6 address', async (t) => {
  const system = await setUp(t)
  if (!system) return
  await system.admin.config('SET', 'bind', '127.0.0.1 ::1')
  t.equal(await system.open(`redis://[::1]:${system.master.port}/0`).outcome(), 'OK')
})
