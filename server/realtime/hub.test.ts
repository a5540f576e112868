// The hub, with a source that takes its time: whoever comes back while events come hears each that he
// missed, once and in order, or is told of a gap, and of the version of the list that has what is in it.

import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { ChannelPosition } from '../../lib/domain/event.ts'
import { eventually } from '../../testing/eventually.ts'
import { createMemoryEvents } from '../../testing/live/memory-events.ts'
import { seeded } from '../../testing/seeded.ts'
import { createHub, type EventSource, type Subscriber } from './hub.ts'

const at = (number: number): ChannelPosition => ({ epoch: 'e1', number })

const versionOf = () => Promise.resolve(7)

type Listener = Subscriber & {
  readonly heard: string[]
  /** That it was told, one for each `joined` and `gap`. */
  readonly versions: (number | undefined)[]
  readonly last: () => number
}

/** No time passes: each batch goes out in the turn in which its events came. */
const atRest = () => 0

/** What it is called with. */
const listen = (): Listener => {
  const heard: string[] = []
  const versions: (number | undefined)[] = []
  let last = 0
  return {
    heard,
    versions,
    last: () => last,
    onJoined({ number }, version) {
      heard.push(`joined ${number}`)
      versions.push(version)
      last = number
    },
    onEvents({ events }) {
      for (const { position } of events) heard.push(String(position.number))
      last = events.at(-1)?.position.number ?? last
    },
    onGap({ number }, version) {
      heard.push(`gap ${number}`)
      versions.push(version)
      last = number
    },
  }
}

t.test('the first join, and all that come while it is under way', async (t) => {
  const events = createMemoryEvents()
  events.append('todos', '1', '2')
  const hub = createHub(events, versionOf, atRest)
  const [one, other] = [listen(), listen()]
  const subscriptions = await Promise.all([
    hub.subscribe('todos', 'todos', undefined, one),
    hub.subscribe('todos', 'todos', at(1), other),
  ])
  events.append('todos', '3')
  await turn()
  t.same(one.heard, ['joined 2', '3'])
  t.same(other.heard, ['joined 1', '2', '3'])
  t.same([one.versions, other.versions], [[7], [undefined]], 'who goes on needs no list')
  t.equal(events.joins(), 2, 'one for both, and one for what was missed')
  for (const subscription of subscriptions) subscription.leave()
  for (const subscription of subscriptions) subscription.leave()
  t.equal(events.listeners('todos'), 0)
  t.equal(hub.channels(), 0)
})

t.test('events of one turn come together, and before a gap behind them', async (t) => {
  const events = createMemoryEvents()
  const hub = createHub(events, versionOf, atRest)
  const batches: number[] = []
  const one = listen()
  await hub.subscribe('todos', 'todos', undefined, {
    ...one,
    onEvents(batch) {
      batches.push(batch.events.length)
      one.onEvents(batch)
    },
  })
  events.append('todos', '1', '2')
  events.append('todos', '3')
  events.forget('todos')
  await turn()
  t.same(batches, [3])
  t.same(one.heard, ['joined 0', '1', '2', '3', 'gap 3'])
})

t.test('what many missed is read once', async (t) => {
  const events = createMemoryEvents()
  events.append('todos', '1', '2')
  const hub = createHub(events, versionOf, atRest)
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
  const hub = createHub(late, versionOf, atRest)
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
  const hub = createHub(events, versionOf, atRest)
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
  const hub = createHub(events, versionOf, atRest)
  await hub.subscribe('todos', 'todos', undefined, listen())
  const one = listen()
  const joining = hub.subscribe('todos', 'todos', at(1), one)
  await Promise.resolve()
  await Promise.resolve()
  events.forget('todos')
  await joining
  await turn()
  t.equal(one.heard.length, 2)
  t.match(one.heard.at(-1), /^gap/)
})

/** The version is read when the test says so. */
const heldVersions = () => {
  const reads: ((version: number | Error) => void)[] = []
  const versionOf = () =>
    new Promise<number>((resolve, reject) => {
      reads.push((version) => (version instanceof Error ? reject(version) : resolve(version)))
    })
  return { reads, versionOf }
}

t.test('how new the list must be is read behind the position, and what comes waits', async (t) => {
  const events = createMemoryEvents()
  events.append('todos', '1')
  const { reads, versionOf } = heldVersions()
  const hub = createHub(events, versionOf, atRest)
  const one = listen()
  const joining = hub.subscribe('todos', 'todos', undefined, one)
  await turn()
  t.equal(reads.length, 1)
  events.append('todos', '2')
  await turn()
  t.same(one.heard, [])
  reads[0]?.(5)
  const subscription = await joining
  t.same([one.heard, one.versions], [['joined 1', '2'], [5]])

  events.forget('todos')
  t.equal(reads.length, 2, 'behind the gap')
  events.append('todos', '3')
  await turn()
  t.same(one.heard.slice(2), [])
  reads[1]?.(6)
  await turn()
  t.same([one.heard.slice(2), one.versions.slice(1)], [['gap 2', '3'], [6]])

  // Its client does not read: what it was not passed must be in the list.
  events.append('todos', '4')
  await turn()
  subscription.skip()
  subscription.skip()
  events.append('todos', '5')
  await turn()
  reads[2]?.(7)
  await turn()
  t.same([one.heard.slice(4), one.versions.slice(2)], [['4', 'gap 4', '5'], [7]])
  t.equal(reads.length, 3)

  // Too much comes: what was read before it says nothing about it.
  subscription.skip()
  events.append('todos', ...Array.from({ length: 1_001 }, (_, i) => String(6 + i)))
  await turn()
  reads[3]?.(8)
  await turn()
  reads[4]?.(9)
  await turn()
  t.same(
    [one.heard.slice(7), one.versions.slice(3)],
    [
      ['gap 5', 'gap 1006'],
      [8, 9],
    ],
  )
})

t.test('while no version can be read nobody begins, and a gap waits for it', async (t) => {
  const events = createMemoryEvents()
  let down: Error | undefined
  const hub = createHub(events, () => (down ? Promise.reject(down) : Promise.resolve(7)), atRest)
  const one = listen()
  await hub.subscribe('todos', 'todos', undefined, one)
  down = new Error('down')
  await t.rejects(hub.subscribe('todos', 'todos', undefined, listen()), { message: 'down' })
  const goesOn = listen()
  await hub.subscribe('todos', 'todos', at(0), goesOn)
  const isBack = listen()
  await hub.subscribe('todos', 'todos', { epoch: 'e0', number: 9 }, isBack)
  events.append('todos', '1')
  await turn()
  t.same(goesOn.heard, ['joined 0', '1'])
  t.same(isBack.heard, ['joined 9'], 'where he was: cut off now, he comes back with it')
  down = undefined
  await eventually(
    () => isBack.heard,
    ({ length }) => length === 3,
  )
  t.same(
    [isBack.heard, isBack.versions],
    [
      ['joined 9', 'gap 0', '1'],
      [undefined, 7],
    ],
  )
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
  let appended = 0
  const hub = createHub(slow, async () => {
    const version = appended
    for (let i = random.below(4); i > 0; i--) await turn()
    return version
  })
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
      if (random.below(10) === 0) subscription.skip()
      for (let turns = random.below(6); turns > 0; turns--) await turn()
      subscription.leave()
      visits++
      let last: number | undefined
      const versions = [...one.versions]
      for (const heard of one.heard) {
        const [, kind, text] = /^(joined |gap )?(\d+)$/.exec(heard) ?? []
        const number = Number(text)
        const version = kind && versions.shift()
        if (version !== undefined && Number(version) < number)
          t.fail(`${heard}: version ${version}`)
        if (kind === 'joined ' && from !== undefined && number !== from)
          t.fail(`${heard} for ${from}`)
        if (kind === 'gap ' && number < (last ?? 0)) t.fail(one.heard.join(' '))
        if (!kind && number !== (last ?? 0) + 1) t.fail(one.heard.join(' '))
        last = number
      }
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
