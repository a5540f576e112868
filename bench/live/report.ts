// The results of npm run bench:live in words: each system in one row, with the medians of its rounds. Pure.

import { spread } from '../engines/summary.ts'
import { layOut } from '../engines/table.ts'
import { mediansOf, type Result } from './result.ts'

export type LeftOut = { readonly name: string; readonly why: string }

const columns: readonly (readonly [
  head: string,
  show: (medians: Result, rounds: readonly Result[]) => string,
])[] = [
  ['', ({ system }) => system],
  ['KiB a socket', (one) => one.memoryKibPerSocket.toFixed(1)],
  ['CPU us a delivery', (one) => one.cpuUsPerDelivery.toFixed(2)],
  ['spread', (_, rounds) => percent(spread(rounds.map((one) => one.cpuUsPerDelivery)))],
  ['clients us', (one) => one.generatorUsPerDelivery.toFixed(2)],
  ['deliveries/s', (one) => Math.round(one.deliveriesPerSecond).toLocaleString('en')],
  ['p99 ms from the answer', (one) => one.p99FromAcknowledgedMs.toFixed(1)],
  ['from sending', (one) => one.p99FromSentMs.toFixed(1)],
  ['lost', (one) => String(one.lost)],
  ['doubled', (one) => String(one.doubled)],
]

const percent = (share: number): string => `${Math.round(share * 100)}%`

export const report = (
  systems: readonly (readonly Result[])[],
  leftOut: readonly LeftOut[],
): string => {
  const all = systems.map((rounds) => ({ medians: mediansOf(rounds), rounds }))
  const count = systems[0]?.length ?? 0
  return [
    count === 1 ? 'one round' : `medians of ${count} rounds; spread: of the CPU`,
    layOut([
      columns.map(([head]) => head),
      ...all.map(({ medians, rounds }) => columns.map(([, show]) => show(medians, rounds))),
    ]),
    '',
    ...all.map(({ medians: { system, memoryIs } }) => `memory of ${system}: ${memoryIs}`),
    ...leftOut.map(({ name, why }) => `left out: ${name}: ${why}`),
    ...all.flatMap(({ medians: { system, faults } }) =>
      faults.map((fault) => `INVALID: ${system}: ${fault}`),
    ),
  ]
    .join('\n')
    .trimEnd()
}
