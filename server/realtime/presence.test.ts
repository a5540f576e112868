// Presence, with many processes on a network that loses, doubles, delays and reorders: what clients are told
// becomes what is so, whatever happened before, and nobody is told of another channel.

import t from 'tap'
import type { ChannelName } from '../../lib/domain/event.ts'
import { createWorld, reliable, ttlMs, type Client } from '../../testing/live/presence-world.ts'
import { seeded } from '../../testing/seeded.ts'
import { signalOf, stateBody, typingBody } from './presence-signals.ts'
import { createStates, named } from './presence-states.ts'

/** Changes are gathered for 100 ms here and there. */
const soonMs = 350

const users = (client: Client) => client.known?.users

t.test('who comes and goes is told to all who look, in whichever process', async (t) => {
  const world = createWorld()
  const [one, other] = [world.start(), world.start()]
  const ann = one.join('team:1', 'ann')
  await world.pass(soonMs)
  t.same(ann.known, { type: 'presence', channel: 'team:1', users: ['ann'], count: 1 })
  const bob = other.join('team:1', 'bob')
  const stranger = other.join('team:2', 'cid')
  await world.pass(soonMs)
  for (const client of [ann, bob]) t.same(users(client), ['ann', 'bob'])
  t.same(bob.heard, ['presence'], 'one answer, with those of the other process')
  t.same(users(stranger), ['cid'])

  const second = one.join('team:1', 'bob')
  await world.pass(soonMs)
  t.same(users(second), ['ann', 'bob'], 'once, with two sockets')
  second.leave()
  await world.pass(soonMs)
  t.same(users(ann), ['ann', 'bob'], 'until the last of them goes')
  bob.leave()
  bob.leave()
  await world.pass(soonMs)
  t.same(users(ann), ['ann'])
  t.same(ann.heard, ['presence', 'presence-change', 'presence-change'])
  t.equal(one.presence.present(), 1)
  t.equal(other.presence.present(), 1)
})

t.test('many who come at once are told together', async (t) => {
  const world = createWorld()
  const [one, other] = [world.start(), world.start()]
  const first = one.join('team:1', 'ann')
  await world.pass(soonMs)
  const sent = world.sent()
  for (let i = 0; i < 100; i++) other.join('team:1', `user-${i}`)
  await world.pass(soonMs)
  t.equal(first.known?.count, 101)
  t.ok(first.heard.length <= 3, first.heard.join())
  t.ok(world.sent() - sent <= 3, `${world.sent() - sent} signals`)
})

t.test('who was in a process that died is gone after a while', async (t) => {
  const world = createWorld()
  const [one, other] = [world.start(), world.start()]
  const ann = one.join('team:1', 'ann')
  other.join('team:1', 'bob')
  await world.pass(10 * ttlMs)
  t.same(users(ann), ['ann', 'bob'], 'not while it lives')
  other.die()
  await world.pass(ttlMs / 2)
  t.same(users(ann), ['ann', 'bob'])
  await world.pass(ttlMs)
  t.same(users(ann), ['ann'])
})

t.test('who comes back through another process does not seem to leave', async (t) => {
  const world = createWorld()
  const [one, other] = [world.start(), world.start()]
  const ann = one.join('team:1', 'ann')
  const bob = other.join('team:1', 'bob')
  await world.pass(soonMs)
  other.presence.close()
  bob.leave()
  await world.pass(ttlMs / 3)
  one.join('team:1', 'bob')
  await world.pass(2 * ttlMs)
  t.same(ann.heard, ['presence'])
  t.same(users(ann), ['ann', 'bob'])
})

t.test('while signals do not come, presence is unknown', async (t) => {
  const world = createWorld()
  const [one, other, third] = [world.start(), world.start(), world.start()]
  const ann = one.join('team:1', 'ann')
  const bob = other.join('team:1', 'bob')
  const fay = third.join('team:1', 'fay')
  await world.pass(soonMs)
  one.isDeaf = true
  bob.leave()
  fay.leave()
  const late = one.join('team:1', 'cid')
  const eve = other.join('team:1', 'eve')
  await world.pass(1_000 + soonMs)
  for (const client of [ann, late]) t.equal(client.known, undefined)
  t.same(late.heard.at(-1), 'presence-unknown')
  const early = one.join('team:2', 'ann')
  other.join('team:2', 'dan')
  await world.pass(soonMs)
  t.same(early.heard, ['presence-unknown'], 'of a channel that can not be listened to')
  one.isDeaf = false
  await world.pass(1_000 + soonMs)
  for (const client of [ann, late]) t.same(users(client), ['ann', 'cid', 'eve'])
  t.same(users(early), ['ann', 'dan'])
  t.same(early.heard, ['presence-unknown', 'presence'], 'all at once')

  other.isDeaf = true
  await world.pass(1_000)
  ann.leave()
  await world.pass(soonMs)
  other.isDeaf = false
  await world.pass(1_000 + soonMs)
  t.same(users(eve), ['cid', 'eve'])
})

t.test('what could not be sent is sent a second later', async (t) => {
  const world = createWorld()
  const [one, other] = [world.start(), world.start()]
  const ann = one.join('team:1', 'ann')
  other.isMute = true
  other.join('team:1', 'bob')
  await world.pass(soonMs)
  t.same(users(ann), ['ann'])
  other.isMute = false
  await world.pass(1_000 + soonMs)
  t.same(users(ann), ['ann', 'bob'])
})

t.test('who has no room is told all anew when there is', async (t) => {
  const world = createWorld()
  const one = world.start()
  const ann = one.join('team:1', 'ann')
  await world.pass(soonMs)
  ann.isFull = true
  one.join('team:1', 'bob')
  await world.pass(3_000)
  ann.isFull = false
  await world.pass(1_000 + soonMs)
  t.same(users(ann), ['ann', 'bob'])
  t.same(ann.heard, ['presence', 'presence'])
})

t.test('the smallest 100 are named, and all are counted', async (t) => {
  const world = createWorld()
  const [one, other] = [world.start(), world.start()]
  const ids = Array.from({ length: 250 }, (_, i) => `user-${String(i).padStart(3, '0')}`)
  const clients = ids.map((id, i) => (i % 2 === 0 ? one : other).join('team:1', id))
  await world.pass(soonMs)
  const first = clients[0] as Client
  t.same(users(first), ids.slice(0, 100))
  t.equal(first.known?.count, 250)
  clients[3]?.leave()
  await world.pass(soonMs)
  t.same(users(first), [...ids.slice(0, 3), ...ids.slice(4, 101)])
  t.equal(first.known?.count, 249)

  t.same(named(['b', 'a']), ['a', 'b'])
  const long = named(Array.from({ length: 100 }, (_, i) => `${i}${'ü'.repeat(120)}`))
  const state = { process: 'x'.repeat(12), sequence: 1e15, users: long, count: 1e15 }
  t.ok(long.length > 20 && Buffer.byteLength(stateBody(state, true)) < 7_000)
})

t.test('typing is told to the others, and no oftener than it may be', async (t) => {
  const world = createWorld()
  const [one, other] = [world.start(), world.start()]
  const ann = one.join('team:1', 'ann')
  const anns = Array.from({ length: 100 }, () => one.join('team:1', 'ann'))
  const bob = other.join('team:1', 'bob')
  const cid = one.join('team:1', 'cid')
  const stranger = other.join('team:2', 'dan')
  await world.pass(soonMs)
  const sent = world.sent()
  for (const client of [ann, ...anns]) for (let i = 0; i < 10; i++) client.type('todo-1')
  await world.pass(soonMs)
  for (const client of [bob, cid]) t.same(client.typing, ['ann'], 'once, from 101 sockets')
  for (const client of [ann, ...anns, stranger]) t.same(client.typing, [])
  t.equal(one.presence.typingDropped(), 1_009)
  t.equal(world.sent() - sent, 1)
  await world.pass(1_000)
  anns[0]?.type()
  await world.pass(soonMs)
  t.same(bob.typing, ['ann', 'ann'])

  const crowd = Array.from({ length: 300 }, (_, i) => one.join('team:1', `user-${i}`))
  for (const client of crowd) client.type()
  await world.pass(soonMs)
  t.ok(bob.typing.length <= 102, `${bob.typing.length}: a bound for all of a channel`)
  const before = bob.typing.length
  ann.leave()
  for (const client of anns) client.leave()
  await world.pass(10_000)
  ann.type()
  await world.pass(soonMs)
  t.equal(bob.typing.length, before, 'who is not present does not type')
})

t.test('the first and the last of a channel, in any haste', async (t) => {
  const world = createWorld()
  const [one, other] = [world.start(), world.start()]
  const bob = other.join('team:1', 'bob')
  for (let i = 0; i < 10; i++) one.join('team:1', 'ann').leave()
  await world.pass(soonMs)
  t.same(users(bob), ['bob'])
  const ann = one.join('team:1', 'ann')
  await world.pass(soonMs)
  for (const client of [ann, bob]) t.same(users(client), ['ann', 'bob'])
  t.equal(world.listeners(one), 1)
  ann.leave()
  t.equal(world.listeners(one), 0)
})

t.test('what a process said before does not undo what it said last', (t) => {
  const states = createStates(ttlMs)
  const state = (sequence: number, ...ids: readonly string[]) => ({
    process: 'p',
    sequence,
    users: ids,
    count: ids.length,
  })
  t.equal(states.take(state(2, 'ann'), 0), true)
  t.equal(states.take(state(3, 'ann'), 0), false, 'the same again')
  t.equal(states.take(state(5), 0), true)
  t.equal(states.take(state(4, 'ann'), 0), false)
  t.same(states.present(new Set()), { users: [], count: 0 })
  t.end()
})

t.test('what is no signal of ours is ignored', (t) => {
  const state = { process: 'p', sequence: 1, users: ['ann'], count: 1 }
  t.match(signalOf(stateBody(state, false)), state)
  t.match(signalOf(stateBody(state, true)), { ask: true })
  t.match(signalOf(typingBody('p', 'ann', 'todo-1')), { user: 'ann', todo: 'todo-1' })
  for (const one of [
    { ...state, users: Array.from({ length: 101 }, String), count: 101 },
    { ...state, users: ['ann', 'bob'] },
    { ...state, users: [7] },
    { ...state, sequence: -1 },
  ])
    t.equal(signalOf(stateBody(one as never, false)), undefined)
  for (const body of ['', 'x', 'null', '7', '[]', '{}', '{"type":"typing"}', '{"type":"other"}'])
    t.equal(signalOf(body), undefined, body)
  const states = createStates(1)
  for (let i = 0; i < 5_000; i++) states.take({ ...state, process: String(i) }, 0)
  t.ok(states.present(new Set()).count <= 1_000, 'of so many processes at most')
  t.end()
})

t.test('in any interleaving, what is told becomes what is so', async (t) => {
  const random = seeded(t)
  const channels: readonly ChannelName[] = ['team:1', 'team:2', 'team:3']
  const pick = <T>(some: Iterable<T>): T => {
    const all = [...some]
    return all[random.below(all.length)] as T
  }
  for (let round = 0; round < 15; round++) {
    const world = createWorld()
    const joined = new Map(channels.map((channel) => [channel, new Set<string>()]))
    for (let i = 0; i < 3; i++) world.start()
    world.use(() => {
      if (random.below(10) < 2) return []
      const once = () => (random.below(4) === 0 ? random.below(2_000) : 1)
      return random.below(10) === 0 ? [once(), once()] : [once()]
    })
    const steps: Record<string, () => void> = {
      join() {
        const channel = pick(channels)
        const userId = `user-${random.below(8)}`
        joined.get(channel)?.add(userId)
        pick(world.processes).join(channel, userId)
      },
      leave: () => pick(pick(world.processes).clients)?.leave(),
      type: () => pick(pick(world.processes).clients)?.type(),
      full() {
        const client = pick(pick(world.processes).clients)
        if (client) client.isFull = !client.isFull
      },
      deaf() {
        const process = pick(world.processes)
        process.isDeaf = !process.isDeaf
      },
      die() {
        if (random.below(4) > 0) return
        pick(world.processes).die()
        world.start()
      },
    }
    for (let step = 0; step < 60; step++) {
      steps[pick([...Object.keys(steps), 'join', 'join', 'leave'])]?.()
      if (random.below(2) === 0) await world.pass(random.below(3_000))
      for (const { clients } of world.processes)
        for (const { channel, known } of clients)
          for (const id of known?.users ?? [])
            if (!joined.get(channel)?.has(id)) t.fail(`${id} was never in ${channel}`)
    }
    world.use(reliable)
    for (const process of world.processes) {
      process.isDeaf = false
      for (const client of process.clients) client.isFull = false
    }
    await world.pass(2 * ttlMs)
    for (const { clients } of world.processes)
      for (const { channel, known } of clients) {
        const present = world.present(channel)
        t.match(known, { users: present, count: present.length }, `round ${round}, ${channel}`)
      }
    for (const { clients } of world.processes) for (const client of [...clients]) client.leave()
    for (const { presence } of world.processes) t.equal(presence.present(), 0)
  }
})
