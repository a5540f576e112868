// The order of rounds, and what becomes of those that can't be run. Nothing is started: what is
// measured is made up.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ServiceMissing } from '../scripts/stack/service.ts'
import { seeded } from '../testing/seeded.ts'
import { testDirectory } from '../testing/services.ts'
import { fixtureCell } from '../testing/bench/fixture-cell.ts'
import { abbaRounds, readOneLoad, runRounds, shuffledRounds, type Contestant } from './rounds.ts'

const driving = () => {
  const said: string[] = []
  return { said, signal: new AbortController().signal, say: (line: string) => said.push(line) }
}

const sound = (name: string, goodPerSecond = 1_000): Contestant => ({
  name,
  measure: async () => fixtureCell({ goodPerSecond }),
})

const broken = (name: string, error: Error): Contestant => ({
  name,
  measure: () => Promise.reject(error),
})

t.test('every round has everyone once, in an order that its seed repeats', async (t) => {
  const { seed } = seeded(t)
  const items = ['a', 'b', 'c', 'd', 'e']
  const rounds = shuffledRounds(items, 100, seed)
  t.equal(rounds.length, 100)
  for (const round of rounds) t.strictSame(round.toSorted(), items)
  t.strictSame(shuffledRounds(items, 100, seed), rounds)
  t.equal(
    new Set(rounds.map(([first]) => first)).size,
    items.length,
    'everyone comes first some time',
  )
})

t.test('A and B change places every round', async (t) => {
  t.strictSame(abbaRounds('A', 'B', 3), [
    ['A', 'B'],
    ['B', 'A'],
    ['A', 'B'],
  ])
})

t.test('each is measured once a round, and its line says what came out', async (t) => {
  const place = driving()
  const { samples, leftOut } = await runRounds(abbaRounds(sound('A'), sound('B', 2_000), 2), place)
  t.strictSame(leftOut, [])
  t.match(samples, [
    { name: 'A', round: 1, goodput: 1_000 },
    { name: 'B', round: 1, goodput: 2_000 },
    { name: 'B', round: 2 },
    { name: 'A', round: 2 },
  ])
  t.equal(
    place.said[1],
    'round 1 of 2: B: 2,000 good answers a second, 20.0 CPU us per good answer, 2.00 p99 ms',
  )
})

t.test('an invalid measurement is a sample with its reason', async (t) => {
  const place = driving()
  const check = { name: 'CPU stolen', verdict: 'fail', value: '9%', bound: '2% at most' } as const
  const checks = [{ ...check, meaning: 'Wait.' }]
  const noisy = { name: 'A', measure: async () => fixtureCell({ checks }) }
  const { samples } = await runRounds([[noisy, sound('B')]], place)
  t.match(samples[0], { goodput: null, fault: 'CPU stolen: 9% (wanted: 2% at most)' })
  t.match(place.said[0], /A: INVALID: CPU stolen/)
})

t.test('what can’t be run is left out from then on, and the others go on', async (t) => {
  const [a, b, c] = [sound('A'), broken('B', new Error('did not start')), sound('C')]
  const place = driving()
  const { samples, leftOut } = await runRounds(shuffledRounds([a, b, c], 3, 1), place)
  t.strictSame(leftOut, [{ name: 'B', why: 'did not start' }])
  t.equal(samples.length, 6)
  t.equal(place.said.filter((line) => line.includes('B: ')).length, 1, 'it is tried once')
})

t.test('with fewer than two left it stops', async (t) => {
  const rounds = abbaRounds(broken('A', new Error('gone')), sound('B'), 5)
  const { samples, leftOut } = await runRounds(rounds, driving())
  t.match({ samples, leftOut }, { samples: [], leftOut: [{ name: 'A' }] })
})

t.test('a service that is not on this machine ends it at once', async (t) => {
  const missing = broken('A', new ServiceMissing('kafka', 'install it'))
  await t.rejects(runRounds([[missing, sound('B')]], driving()), /kafka is not on this machine/)
})

t.test('when it is interrupted nothing more is measured', async (t) => {
  const interrupt = new AbortController()
  const reason = new Error('interrupted')
  let measured = 0
  const last: Contestant = {
    name: 'A',
    measure() {
      measured++
      interrupt.abort(reason)
      return Promise.reject(new Error('the connection was lost'))
    },
  }
  const place = { ...driving(), signal: interrupt.signal }
  await t.rejects(runRounds(abbaRounds(last, last, 3), place), reason)
  t.equal(measured, 1)
})

t.test('a scenario of one load takes the seconds given, others are refused', async (t) => {
  t.match(readOneLoad('keepalive', 3).loads, [{ connections: 64, seconds: 3 }])
  t.throws(() => readOneLoad('ladder', 3), /ladder has 3 loads and one is needed/)
  t.throws(() => readOneLoad('nosuch', 3), /no scenario "nosuch": there are .*keepalive/)
  const file = join(await testDirectory(t), 'mine.json')
  await writeFile(file, '{ "description": "x", "loads": [{ "connections": 1, "seconds": 9 }] }')
  t.match(readOneLoad(file, 2), { name: 'mine', loads: [{ connections: 1, seconds: 2 }] })
})
