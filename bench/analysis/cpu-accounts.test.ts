// Cores that are counted once, twice or by nobody, on figures that can be checked on paper.

import t from 'tap'
import { parseInterrupts } from '../noise.ts'
import { accountsOf } from './cpu-accounts.ts'

const round = ({ interruptsInTiers, otherCores }: ReturnType<typeof accountsOf>) =>
  [interruptsInTiers, otherCores].map((one) => Number(one.toFixed(3)))

void t.test('interrupts are in the tiers, beside them, or half of each', async (t) => {
  const seen = { interrupts: 0.2, tiers: 1.7, own: 0.1, aside: 0 }
  t.same(
    round(accountsOf({ ...seen, busy: 1.6 })),
    [1, 0.1],
    'the tiers have 0.2 that is interrupts',
  )
  t.same(round(accountsOf({ ...seen, busy: 1.8 })), [0, 0.1], 'they have none of it')
  t.same(round(accountsOf({ ...seen, busy: 1.7 })), [0.5, 0.1])
  t.same(round(accountsOf({ ...seen, busy: 1.2 })), [1, 0.1], 'never more than there are')
  t.same(round(accountsOf({ ...seen, interrupts: 0, busy: 1.8 })), [1, 0.1])
})

void t.test('what no request meets takes cores: ours, the stores, strangers', async (t) => {
  const seen = { interrupts: 0.2, tiers: 1.5, own: 0.1, aside: 0.05 }
  t.same(round(accountsOf({ ...seen, busy: 1.9 })), [0, 0.45])
})

void t.test('interrupts of each core, in seconds', async (t) => {
  const stat =
    'cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 3 4 5 60 70 8 0 0\ncpu1 1 2 3 4 5 0 5 8 0 0\nintr 7\n'
  t.same(parseInterrupts(stat), [1.3, 0.05])
})
