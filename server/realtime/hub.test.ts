// The hub, with a source that takes its time: whoever comes back while events come hears each that he
// missed, once and in order, or is told of a gap.

import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { ChannelPosition } from '../../lib/domain/event.ts'
import { createMemoryEvents } from '../../testing/live/memory-events.ts'
import { seeded } from '../../testing/seeded.ts'
import { createHub, type EventSource, type Subscriber } from './hub.ts'

const at = (number: number): ChannelPosition => ({ epoch: 'e1', number })

/** What it is called with. */
const listen = (): Subscriber & { readonly heard: string[]; readonly last: () => number } => {
  const heard: string[] = []
  let last = 0
  return {
    heard,
    last: () => last,
    onJoined({ number }) {
      heard.push(`joined ${number}`)
      last = number
    },
    onEvent({ position }) {
      heard.push(String(position.number))
      last = position.number
    },
    onGap({ number }) {
      heard.push(`gap ${number}`)
      last = number
    },
  }
}

t.test('the first join, and all that come while it is under way', async (t) => {
  const events = createMemoryEvents()
  events.append('todos', '1', '2')
  const hub = createHub(events)
  const [one, other] = [listen(), listen()]
  const subscriptions = await Promise.all([
    hub.subscribe('todos', 'todos', undefined, one),
    hub.subscribe('todos', 'todos', at(1), other),
  ])
  events.append('todos', '3')
  t.same(one.heard, ['joined 2', '3'])
  t.same(other.heard, ['joined 1', '2', '3'])
  t.equal(events.joins(), 2, 'one for both, and one for what was missed')
  for (const subscription of subscriptions) subscription.leave()
  for (const subscription of subscriptions) subscription.leave()
  t.equal(events.listeners('todos'), 0)
  t.equal(hub.channels(), 0)
})

t.test('what many missed is read once', async (t) => {
  const events = createMemoryEvents()
  events.append('todos', '1', '2')
  const hub = createHub(events)
  await hub.subscribe('todos', 'todos', undefined, listen())
  const many = Array.from({ length: 50 }, listen)
  await Promise.all(many.map((one) => hub.subscribe('todos', 'todos', at(1), one)))
  for (const one of many) t.same(one.heard, ['joined 1', '2'])
  t.equal(events.joins(), 2)
})

t.test('who has heard more than this process waits for what is newer', async (t) => {
  const events = createMemoryEvents()
  events.append('todos', '1', '2', '3')
  let isLate = true
  const late: EventSource = {
    async join(channel, since, listener) {
      const joined = await events.join(channel, since, {
        // It is two behind.
        onEvent: (event) => void turn().then(() => listener.onEvent(event)),
        onGap: (position) => listener.onGap(position),
      })
      return isLate && !since ? { ...joined, position: at(1) } : joined
    },
  }
  const hub = createHub(late)
  await hub.subscribe('todos', 'todos', undefined, listen())
  isLate = false
  const ahead = listen()
  await hub.subscribe('todos', 'todos', at(3), ahead)
  events.append('todos', '4')
  await turn()
  await turn()
  t.same(ahead.heard, ['joined 3', '4'])
})

t.test('a source that fails is said to all who wait, and tried anew by the next', async (t) => {
  const events = createMemoryEvents()
  const hub = createHub(events)
  events.failWith(new Error('down'))
  const both = [listen(), listen()]
  for (const one of both.map((each) => hub.subscribe('todos', 'todos', undefined, each)))
    await t.rejects(one, { message: 'down' })
  t.same(
    both.flatMap(({ heard }) => heard),
    [],
  )
  events.failWith(undefined)
  await hub.subscribe('todos', 'todos', undefined, listen())
  events.failWith(new Error('down'))
  await t.rejects(hub.subscribe('todos', 'todos', at(7), listen()), 'what was missed')
  t.equal(hub.channels(), 1)
})

t.test('a gap while what was missed is read', async (t) => {
  const events = createMemoryEvents()
  events.append('todos', '1', '2')
  const hub = createHub(events)
  await hub.subscribe('todos', 'todos', undefined, listen())
  const one = listen()
  const joining = hub.subscribe('todos', 'todos', at(1), one)
  await Promise.resolve()
  await Promise.resolve()
  events.forget('todos')
  await joining
  t.equal(one.heard.length, 2)
  t.match(one.heard.at(-1), /^gap/)
})

t.test('at random: clients come, go and come back while events come', async (t) => {
  const random = seeded(t)
  const events = createMemoryEvents()
  const slow: EventSource = {
    async join(...asked) {
      for (let i = random.below(4); i > 0; i--) await turn()
      const joined = await events.join(...asked)
      for (let i = random.below(4); i > 0; i--) await Promise.resolve()
      return joined
    },
  }
  const hub = createHub(slow)
  let appended = 0
  let isOver = false
  const appending = (async () => {
    while (!isOver) {
      events.append('todos', String(++appended))
      if (random.below(3) > 0) await turn()
    }
  })()
  let visits = 0
  const client = async () => {
    let since: number | undefined
    for (let i = 0; i < 60; i++) {
      const one = listen()
      const from = since
      const subscription = await hub.subscribe(
        'todos',
        'todos',
        from === undefined ? undefined : at(from),
        one,
      )
      for (let turns = random.below(6); turns > 0; turns--) await turn()
      subscription.leave()
      visits++
      const [joined, ...rest] = one.heard
      const start = Number(joined?.slice('joined '.length))
      if (from !== undefined && start !== from) t.fail(`${joined} for ${from}`)
      if (rest.some((number, i) => Number(number) !== start + i + 1)) t.fail(one.heard.join(' '))
      since = one.last()
      const heardThen = one.heard.length
      await turn()
      if (one.heard.length !== heardThen) t.fail('heard after it left')
    }
  }
  await Promise.all(Array.from({ length: 20 }, client))
  isOver = true
  await appending
  t.equal(visits, 1_200, `${appended} events`)
  t.equal(events.listeners('todos'), 0)
})
