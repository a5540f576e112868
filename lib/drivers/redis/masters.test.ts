// Whom to believe when several nodes say where masters are, and not the same. The nodes are made up: what
// each says, and when it says nothing, is the test's.

import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { RedisHost } from '../../runtime/config/redis-url.ts'
import { eventually } from '../../../testing/eventually.ts'
import { silentLog } from '../../../testing/settings.ts'
import type { RedisConnection } from './connection.ts'
import { watchMasters, type Placement } from './masters.ts'
import { slotCount } from './slot.ts'

const hostOf = (host: string): RedisHost => ({ host, port: 6379 })

const setUp = (t: Test, ...names: readonly [string, ...string[]]) => {
  const says = new Map<string, { epoch: number; master: string } | undefined>()
  const [first, ...others] = names
  const unused = { close() {} } as unknown as RedisConnection
  let asked = 0
  const open = () =>
    watchMasters({
      hosts: [hostOf(first), ...others.map(hostOf)],
      connect: () => unused,
      log: silentLog,
      ask: (_, { host }): Promise<Placement> => {
        asked++
        const said = says.get(host)
        if (!said) return Promise.reject(new Error(`${host} says nothing`))
        const master = hostOf(said.master)
        const ranges = [{ first: 0, last: slotCount - 1, master }]
        return Promise.resolve({ epoch: said.epoch, ranges, others: [] })
      },
    })
  const start = async () => {
    const masters = open()
    t.teardown(masters.close)
    await masters.known()
    const look = async () => {
      const before = asked
      masters.look()
      await eventually(
        () => asked,
        (count) => count >= before + names.length,
      )
      await delay(0)
    }
    return { masters, look, master: (slot = 0) => masters.of(slot)?.host }
  }
  return { says, start }
}

void t.test(
  'the highest epoch wins, whoever says it, and a lower one changes nothing',
  async (t) => {
    const { says, start } = setUp(t, 'a', 'b', 'c')
    says.set('a', { epoch: 1, master: 'old' })
    says.set('b', { epoch: 2, master: 'new' })
    const { look, master } = await start()
    t.equal(master(), 'new')
    says.delete('b')
    await look()
    t.equal(master(), 'new', 'who was cut off tells of the one before')
    says.set('c', { epoch: 3, master: 'newest' })
    await look()
    t.equal(master(), 'newest')
  },
)

void t.test('while nobody answers, the last that is known is used', async (t) => {
  const { says, start } = setUp(t, 'a')
  const { masters, look, master } = await start()
  t.equal(master(), undefined)
  t.equal(masters.cause(), 'a says nothing')
  says.set('a', { epoch: 1, master: 'x' })
  await look()
  t.equal(master(), 'x')
  says.delete('a')
  await look()
  t.equal(master(), 'x')
})

void t.test('a redirection holds against nodes that have not heard of it', async (t) => {
  const { says, start } = setUp(t, 'a')
  says.set('a', { epoch: 1, master: 'from' })
  const { masters, look, master } = await start()
  masters.moved(7, hostOf('to'))
  t.equal(master(7), 'to')
  await look()
  t.equal(master(7), 'to')
  t.equal(master(8), 'from')
  says.set('a', { epoch: 2, master: 'third' })
  await look()
  t.equal(master(7), 'third', 'and ends with a failover')
})
