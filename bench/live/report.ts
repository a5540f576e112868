// The results of npm run bench:live in words: every round in one table. Pure.

import { layOut } from '../engines/table.ts'
import type { Result } from './result.ts'

export type LeftOut = { readonly name: string; readonly why: string }

const columns: readonly (readonly [string, (result: Result) => string])[] = [
  ['', ({ system }) => system],
  ['KiB a socket', (one) => one.memoryKibPerSocket.toFixed(1)],
  ['CPU us a delivery', (one) => one.cpuUsPerDelivery.toFixed(2)],
  ['clients us', (one) => one.generatorUsPerDelivery.toFixed(2)],
  ['deliveries/s', (one) => Math.round(one.deliveriesPerSecond).toLocaleString('en')],
  ['p99 ms from the answer', (one) => one.p99FromAcknowledgedMs.toFixed(1)],
  ['from sending', (one) => one.p99FromSentMs.toFixed(1)],
  ['lost', (one) => String(one.lost)],
  ['doubled', (one) => String(one.doubled)],
]

export const report = (results: readonly Result[], leftOut: readonly LeftOut[]): string =>
  [
    layOut([
      columns.map(([head]) => head),
      ...results.map((one) => columns.map(([, show]) => show(one))),
    ]),
    '',
    ...leftOut.map(({ name, why }) => `left out: ${name}: ${why}`),
    ...results.flatMap(({ system, faults }) =>
      faults.map((fault) => `INVALID: ${system}: ${fault}`),
    ),
  ]
    .join('\n')
    .trimEnd()
