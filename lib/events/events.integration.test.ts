// What events promise, run against both drivers, and Redis in each way in which it is run: each event once
// and in order, and a gap where one can't be had.

import t, { type Test } from 'tap'
import type { ChannelName } from '../domain/event.ts'
import { databasesAt } from '../../testing/databases.ts'
import { eventually } from '../../testing/eventually.ts'
import { hear } from '../../testing/heard-events.ts'
import { seeded } from '../../testing/seeded.ts'
import { redisTopologies, testRedis } from '../../testing/redis-topologies.ts'
import { testDatabase } from '../../testing/services.ts'
import { signalBytesMax, type EventAppender, type EventBatch, type EventReader } from './events.ts'
import { createPostgresEventAppender, createPostgresEventReader } from './postgres.ts'
import { createRedisEventAppender, createRedisEventReader } from './redis.ts'

type Backend = {
  /** One more on the same backend, as another process would have it. */
  appender(): EventAppender
  reader(): EventReader
}

const inRedis =
  (start: (t: Test) => Promise<string | undefined>) =>
  async (t: Test): Promise<Backend | undefined> => {
    const url = await start(t)
    if (url === undefined) return undefined
    return {
      appender: () => createRedisEventAppender(testRedis(t, url)),
      reader: () => createRedisEventReader(testRedis(t, url)),
    }
  }

const backends: Record<string, (t: Test) => Promise<Backend | undefined>> = {
  ...Object.fromEntries(
    Object.entries(redisTopologies).map(([name, start]) => [name, inRedis(start)]),
  ),
  async postgres(t) {
    const url = await testDatabase(t)
    return {
      appender: () => createPostgresEventAppender(databasesAt(url)),
      reader: () => createPostgresEventReader(databasesAt(url)),
    }
  },
}

const text = (n: number): string => JSON.stringify({ n })
const texts = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => text(from + i))

/** The events `from` to `to` of a channel, in one batch. */
const batch = (
  number: number,
  channel: ChannelName,
  from: number,
  to = from,
  source: string | undefined = 'log/0',
): EventBatch => ({
  source,
  number,
  events: texts(from, to).map((body) => ({ channel, body })),
})

for (const [name, open] of Object.entries(backends)) {
  void t.test(`events in ${name}`, async (t) => {
    const backend = await open(t)
    if (!backend) return
    const appender = backend.appender()
    t.teardown(() => appender.close())
    const openReader = async () => {
      const reader = backend.reader()
      t.teardown(() => reader.close())
      await eventually(
        () => reader.fault(),
        (fault) => fault === undefined,
      )
      return reader
    }
    const reader = await openReader()
    let channels = 0
    const newChannel = (): ChannelName => `user:${name}-${channels++}`

    await t.test('come to every listener of every process, in order and once', async (t) => {
      const channel = newChannel()
      const other = await openReader()
      const heard = await Promise.all([reader, reader, other].map((one) => hear(one, channel)))
      await appender.append([batch(1, channel, 1, 3)])
      await appender.append([batch(2, channel, 4), batch(3, channel, 5)])
      for (const { bodies } of heard) {
        t.same(
          await eventually(
            () => bodies,
            ({ length }) => length === 5,
          ),
          texts(1, 5),
        )
      }
      t.same(new Set(heard.map((one) => one.at().number)), new Set([5]))
    })

    await t.test('are not appended again, alone or with others', async (t) => {
      const channel = newChannel()
      const { bodies } = await hear(reader, channel)
      await appender.append([batch(1, channel, 1), batch(4, channel, 2)])
      await appender.append([batch(4, channel, 2)])
      await appender.append([batch(1, channel, 1), batch(4, channel, 2), batch(5, channel, 3)])
      // Another source, and one that has none, count for themselves.
      await appender.append([
        batch(2, channel, 4, 4, 'log/1'),
        { ...batch(1, channel, 5), source: undefined },
      ])
      t.same(
        await eventually(
          () => bodies,
          ({ length }) => length >= 5,
        ),
        texts(1, 5),
      )
    })

    await t.test('that came meanwhile are had by who comes back', async (t) => {
      const channel = newChannel()
      const first = await hear(reader, channel)
      t.same(first.missed, [])
      await appender.append([batch(1, channel, 1, 3)])
      await eventually(
        () => first.bodies,
        ({ length }) => length === 3,
      )
      first.leave()
      await appender.append([batch(2, channel, 4, 5)])
      await appender.append([batch(3, channel, 6)])
      const second = await hear(reader, channel, first.at())
      t.same(second.bodies, texts(4, 6))
      await appender.append([batch(4, channel, 7)])
      await eventually(
        () => second.bodies,
        ({ length }) => length === 4,
      )
      t.same(first.bodies, texts(1, 3), 'who has left hears nothing more')
      const others = await Promise.all([
        hear(reader, channel, { ...first.at(), number: 5 }),
        hear(reader, channel, { ...first.at(), number: 2 }),
        hear(reader, channel),
      ])
      t.same(
        others.map(({ bodies }) => bodies),
        [texts(6, 7), texts(3, 7), []],
      )
      t.same(new Set(others.map(({ position }) => position.number)), new Set([7]))
    })

    await t.test('that are too old, or of another epoch, are not had', async (t) => {
      const channel = newChannel()
      const { position } = await hear(reader, channel)
      await appender.append([batch(1, channel, 1, 500)])
      await appender.append([batch(2, channel, 501, 1_001)])
      t.same((await hear(reader, channel, { ...position, number: 1 })).bodies.length, 1_000)
      await appender.append([batch(3, channel, 1_002, 1_501)])
      t.same((await hear(reader, channel, { ...position, number: 501 })).bodies.length, 1_000)
      t.same((await hear(reader, channel, position)).missed, 'too-old')
      t.same((await hear(reader, channel, { ...position, number: 1_502 })).missed, 'too-old')
      t.same((await hear(reader, channel, { epoch: 'other', number: 3 })).missed, 'too-old')
    })

    await t.test('of which only the newest are kept come as a gap', async (t) => {
      const channel = newChannel()
      const { bodies, position } = await hear(reader, channel)
      await appender.append([batch(1, channel, 1, 1_200)])
      t.same(
        await eventually(
          () => bodies,
          ({ length }) => length > 0,
        ),
        ['gap'],
      )
      const back = await hear(reader, channel, { ...position, number: 200 })
      t.same(back.bodies, texts(201, 1_200))
    })

    await t.test('that can not be had come as a gap, and those after them are heard', async (t) => {
      const channel = newChannel()
      const { bodies, position } = await hear(reader, channel)
      await appender.append([batch(1, channel, 1)])
      await eventually(
        () => bodies,
        ({ length }) => length === 1,
      )
      const lost = { source: 'log/0', number: 2, events: [{ channel, body: undefined }] }
      await appender.append([lost, batch(3, channel, 2)])
      await eventually(
        () => bodies,
        ({ length }) => length === 2,
      )
      await appender.append([batch(4, channel, 3)])
      t.same(
        await eventually(
          () => bodies,
          ({ length }) => length === 3,
        ),
        [text(1), 'gap', text(3)],
      )
      t.same((await hear(reader, channel, { ...position, number: 1 })).missed, 'too-old')
      t.same((await hear(reader, channel, { ...position, number: 2 })).bodies, texts(2, 3))
    })

    await t.test(
      'begin anew after a reset, for those who listen and those who come back',
      async (t) => {
        const channel = newChannel()
        const { bodies, position, at } = await hear(reader, channel)
        await appender.append([batch(1, channel, 1)])
        await eventually(
          () => bodies,
          ({ length }) => length === 1,
        )
        await appender.reset()
        t.same(
          await eventually(
            () => bodies,
            ({ length }) => length === 2,
          ),
          [text(1), 'gap'],
        )
        t.not(at().epoch, position.epoch)
        t.same((await hear(reader, channel, position)).missed, 'too-old')
        await appender.append([batch(2, channel, 2)])
        t.same(
          await eventually(
            () => bodies,
            ({ length }) => length === 3,
          ),
          [text(1), 'gap', text(2)],
        )
      },
    )

    await t.test('of other channels are not heard', async (t) => {
      const names = Array.from({ length: 250 }, newChannel)
      const heard = await Promise.all(names.map((channel) => hear(reader, channel)))
      await appender.append([
        {
          source: 'log/0',
          number: 1,
          events: names.map((channel, i) => ({ channel, body: text(i) })),
        },
      ])
      await eventually(
        () => heard.filter(({ bodies }) => bodies.length === 0).length,
        (silent) => silent === 0,
      )
      t.same(
        heard.map(({ bodies }) => bodies),
        names.map((_, i) => [text(i)]),
      )
      for (const { leave } of heard) leave()
    })

    await t.test('and signals come to whoever listens now, in any process', async (t) => {
      const [channel, another] = [newChannel(), newChannel()]
      const other = await openReader()
      const heard: Record<string, string[]> = { here: [], twice: [], there: [], another: [] }
      const listen = (one: EventReader, to: ChannelName, as: string) =>
        one.listen(to, (body) => heard[as]?.push(body))
      const bodies = ['{"a":"{events:x}:now"}', '! team:1 x', '*', 'ü'.repeat(signalBytesMax / 2)]
      const stops = await Promise.all([
        listen(reader, channel, 'here'),
        listen(reader, channel, 'twice'),
        listen(other, channel, 'there'),
        listen(other, another, 'another'),
      ])
      const { bodies: events } = await hear(reader, channel)
      await other.send(bodies.map((body) => ({ channel, body })))
      await reader.send([{ channel: another, body: 'x' }])
      await eventually(
        () => heard,
        ({ here = [], there = [], another: of = [] }) =>
          here.length >= 4 && there.length >= 4 && of.length > 0,
      )
      t.same(heard, { here: bodies, twice: bodies, there: bodies, another: ['x'] })
      stops[0]()
      stops[0]()
      await reader.send([{ channel, body: 'last' }])
      await eventually(
        () => heard['twice'],
        (some) => some?.at(-1) === 'last',
      )
      t.same(heard['here'], bodies, 'who has stopped hears nothing more')
      for (const stop of stops) stop()
      stops.push(await listen(reader, channel, 'here'))
      await other.send([{ channel, body: 'again' }])
      await eventually(
        () => heard['here'],
        (some) => some?.at(-1) === 'again',
      )
      t.same(events, [], 'they are no events')
      t.same((await hear(reader, channel)).position.number, 0)
    })

    await t.test('in any interleaving of appends, repetitions, joins and leaves', async (t) => {
      const random = seeded(t)
      const channel = newChannel()
      const [one, other] = [await openReader(), backend.appender()]
      t.teardown(() => other.close())
      const whole = await hear(reader, channel)
      let number = 0
      const append = async () => {
        const some: EventBatch[] = []
        for (let i = random.below(3); i >= 0; i--) some.push(batch(++number, channel, number))
        const again = Array.from(
          { length: Math.max(0, number - random.below(number + 1)) },
          (_, i) => i + 1,
        )
        // A worker that died, and the one that took over, append the same at the same time.
        await Promise.all([
          appender.append(some),
          other.append([...again.map((n) => batch(n, channel, n)), ...some].slice(-20)),
        ])
      }
      const comeAndGo = async () => {
        let at = whole.position
        const bodies: string[] = []
        for (let i = 0; i < 15; i++) {
          const heard = await hear(random.below(2) === 0 ? one : reader, channel, at)
          for (let wait = random.below(4); wait > 0; wait--) {
            await new Promise((resolve) => setImmediate(resolve))
          }
          heard.leave()
          bodies.push(...heard.bodies)
          at = heard.at()
        }
        const last = await hear(one, channel, at)
        return () => [...bodies, ...last.bodies]
      }
      const appending = async () => {
        for (let i = 0; i < 40; i++) await append()
      }
      const [, ...clients] = await Promise.all([appending(), ...[1, 2, 3, 4].map(comeAndGo)])
      for (const bodies of [() => whole.bodies, ...clients]) {
        await eventually(bodies, ({ length }) => length >= number)
        t.same(bodies(), texts(1, number))
      }
    })
  })
}
