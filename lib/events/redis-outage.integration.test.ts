// Events with a Redis that is frozen, restarted, emptied, silent or refuses writes: what is heard is in
// order and once, and what can't be had is a gap. Never silence.

import { readFile } from 'node:fs/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { openRedis } from '../drivers/redis/connections.ts'
import type { ChannelName } from '../domain/event.ts'
import { repository } from '../../scripts/paths.ts'
import { startRedis } from '../../scripts/stack/redis.ts'
import { eventually } from '../../testing/eventually.ts'
import { hear } from '../../testing/heard-events.ts'
import { restartable } from '../../testing/restartable.ts'
import { orSkip, ownRedis } from '../../testing/services.ts'
import { silentLog } from '../../testing/settings.ts'
import type { EventReader } from './events.ts'
import { createRedisEventAppender, createRedisEventReader } from './redis.ts'

const channel: ChannelName = 'todos'

const setUp = async (t: Test) => {
  const redis = await orSkip(t, () => restartable(t, startRedis))
  if (!redis) return undefined
  const reader = createRedisEventReader(openRedis(redis.url, silentLog))
  const appender = createRedisEventAppender(openRedis(redis.directUrl(), silentLog))
  t.teardown(async () => {
    await reader.close()
    await appender.close()
  })
  await isProven(reader)
  let number = 0
  /** Tries until it is kept, as a worker does. */
  const append = async () => {
    number++
    const events = [{ channel, body: String(number) }]
    await eventually(
      () =>
        appender.append([{ source: 'log/0', number, events }]).then(
          () => true,
          () => false,
        ),
      (isKept) => isKept,
    )
    return String(number)
  }
  return { redis, reader, append, appender }
}

const isProven = (reader: EventReader) => eventually(reader.fault, (fault) => fault === undefined)
const isFaulty = (reader: EventReader) => eventually(reader.fault, (fault) => fault !== undefined)

const heardIs = async (t: Test, bodies: readonly string[], wanted: readonly string[]) =>
  t.same(
    await eventually(
      () => bodies,
      ({ length }) => length >= wanted.length,
    ),
    wanted,
  )

void t.test(
  'what came while the connection was away or silent is heard when it is back',
  async (t) => {
    const system = await setUp(t)
    if (!system) return
    const { redis, reader, append } = system
    const { bodies } = await hear(reader, channel)
    await append()
    await heardIs(t, bodies, ['1'])
    await redis.gate.shut()
    t.match(await isFaulty(reader), /closed|refused/i)
    await t.rejects(hear(reader, channel))
    await append()
    await append()
    await redis.gate.open()
    await heardIs(t, bodies, ['1', '2', '3'])
    redis.gate.silence()
    await append()
    await heardIs(t, bodies, ['1', '2', '3', '4'])
    await isProven(reader)
    await append()
    await heardIs(t, bodies, ['1', '2', '3', '4', '5'])
  },
)

void t.test('signals are heard again after a break, and what came meanwhile is not', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { redis, reader } = system
  const bodies: string[] = []
  await reader.listen(channel, (body) => bodies.push(body))
  const send = (body: string) => reader.send([{ channel, body }])
  await send('1')
  await heardIs(t, bodies, ['1'])
  await redis.gate.shut()
  await isFaulty(reader)
  await t.rejects(send('2'))
  await t.rejects(reader.listen('user:ann', () => {}))
  await redis.gate.open()
  await isProven(reader)
  await send('3')
  await heardIs(t, bodies, ['1', '3'])
})

void t.test('messages that are swallowed are noticed by the canary', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { redis, reader, append } = system
  const { bodies } = await hear(reader, channel)
  redis.gate.inspect('to-client', (chunk) => (chunk.includes('message') ? 'drop' : 'pass'))
  await append()
  t.match(await isFaulty(reader), /delivers nothing/)
  redis.gate.passAll()
  await heardIs(t, bodies, ['1'])
})

void t.test(
  'a frozen Redis is a fault, and nothing is lost or doubled when it thaws',
  async (t) => {
    const system = await setUp(t)
    if (!system) return
    const { redis, reader, append } = system
    const { bodies } = await hear(reader, channel)
    await append()
    redis.freeze()
    const appended = append()
    await isFaulty(reader)
    redis.thaw()
    await appended
    await append()
    await heardIs(t, bodies, ['1', '2', '3'])
  },
)

void t.test(
  'a Redis that was restarted begins a new epoch, with its data or without',
  async (t) => {
    const system = await setUp(t)
    if (!system) return
    const { redis, reader } = system
    const heard = await hear(reader, channel)
    await system.append()
    await heardIs(t, heard.bodies, ['1'])
    const before = heard.at()
    await redis.takeAway()
    await isFaulty(reader)
    await redis.giveBack()
    await heardIs(t, heard.bodies, ['1', 'gap'])
    t.not(heard.at().epoch, before.epoch)
    t.same((await hear(reader, channel, before)).missed, 'too-old')
    await system.append()
    await heardIs(t, heard.bodies, ['1', 'gap', '2'])
  },
)

void t.test('a Redis that was emptied is a gap with the next event', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { redis, reader, append } = system
  const admin = new Redis(redis.directUrl())
  t.teardown(() => admin.disconnect())
  const heard = await hear(reader, channel)
  await append()
  await heardIs(t, heard.bodies, ['1'])
  const before = heard.at()
  await admin.flushall()
  await append()
  await heardIs(t, heard.bodies, ['1', 'gap'])
  t.same((await hear(reader, channel, before)).missed, 'too-old')
  await append()
  await heardIs(t, heard.bodies, ['1', 'gap', '3'])
  // Whatever somebody else puts under its names.
  for (const key of await admin.keys('{events:*')) await admin.set(key, 'abc')
  await append()
  await heardIs(t, heard.bodies, ['1', 'gap', '3', 'gap'])
  await append()
  await heardIs(t, heard.bodies, ['1', 'gap', '3', 'gap', '5'])
})

const refusals: readonly [
  string,
  RegExp,
  (admin: Redis) => Promise<unknown>,
  (admin: Redis) => Promise<unknown>,
][] = [
  ['a replica', /READONLY/, (a) => a.replicaof('127.0.0.1', 1), (a) => a.replicaof('NO', 'ONE')],
  [
    'out of memory',
    /OOM/,
    (a) => a.config('SET', 'maxmemory', 1),
    (a) => a.config('SET', 'maxmemory', 0),
  ],
  [
    'without the right to add',
    /NOPERM|can't/,
    (a) => a.acl('SETUSER', 'default', '-xadd'),
    (a) => a.acl('SETUSER', 'default', '+@all'),
  ],
  [
    'without the right to publish',
    /NOPERM|can't/,
    (a) => a.acl('SETUSER', 'default', '-publish'),
    (a) => a.acl('SETUSER', 'default', '+@all'),
  ],
  [
    'without the right to keep',
    /NOPERM|can't/,
    (a) => a.acl('SETUSER', 'default', '-hset'),
    (a) => a.acl('SETUSER', 'default', '+@all'),
  ],
]

void t.test('a Redis that refuses says so, and what it refused is heard later, once', async (t) => {
  const system = await setUp(t)
  if (!system) return
  const { redis, reader, append, appender } = system
  const admin = new Redis(redis.directUrl())
  t.teardown(() => admin.disconnect())
  await append()
  for (const [why, reason, refuse, allow] of refusals) {
    await isProven(reader)
    const { bodies, leave } = await hear(reader, channel)
    await refuse(admin)
    await t.rejects(
      appender.append([{ source: 'other', number: Date.now(), events: [{ channel, body: why }] }]),
      reason,
      why,
    )
    const later = append()
    await allow(admin)
    await later
    // Heard, or behind a gap where what was half done had to be undone.
    await eventually(
      () => bodies,
      ({ length }) => length > 0,
    )
    const last = await append()
    const heard = await eventually(
      () => bodies.filter((body) => body !== 'gap'),
      (some) => some.includes(last),
    )
    t.same(heard, [...new Set(heard)], `${why}: ${bodies.join()}`)
    t.notOk(heard.includes(why), 'what was refused, and never tried again, is not there')
    leave()
  }
})

void t.test('the rights that the documentation asks for are enough', async (t) => {
  const redis = await ownRedis(t)
  if (!redis) return
  const guide = await readFile(new URL('docs/how-to/managed-services.md', repository), 'utf8')
  const [, rule = ''] = /^ACL SETUSER todos on >PASSWORD (.*)$/m.exec(guide) ?? []
  const admin = new Redis(redis.url)
  t.teardown(() => admin.disconnect())
  await admin.call('ACL', 'SETUSER', 'todos', 'on', '>secret', ...rule.split(' '))
  const connections = openRedis(redis.url.replace('redis://', 'redis://todos:secret@'), silentLog)
  t.teardown(() => connections.close())
  const [reader, appender] = [
    createRedisEventReader(connections),
    createRedisEventAppender(connections),
  ]
  await isProven(reader)
  const { bodies, leave, position } = await hear(reader, channel)
  const signals: string[] = []
  await reader.listen(channel, (body) => signals.push(body))
  await reader.send([{ channel, body: 'now' }])
  await heardIs(t, signals, ['now'])
  await appender.append([{ source: 'log/0', number: 1, events: [{ channel, body: '1' }] }])
  await heardIs(t, bodies, ['1'])
  t.same((await hear(reader, channel, position)).bodies, ['1'])
  await appender.reset()
  await heardIs(t, bodies, ['1', 'gap'])
  leave()
  await reader.close()
  await appender.close()
})
