// How old a list of several shards is: as old as the oldest part of which nobody knows that it still holds.

import t from 'tap'
import type { Held } from './freshness.ts'
import { heldOf } from './merged-list.ts'

const part = (held: Held, isFailing = false) => ({ held: () => held, isFailing: () => isFailing })
const fresh = (asOfMs: number) => part({ kind: 'fresh', version: 7, asOfMs })
const stale = (asOfMs: number) => part({ kind: 'stale', version: 8, asOfMs })
const empty = (isFailing: boolean) => part({ kind: 'empty' }, isFailing)

t.test('a part that is fresh is true now, however long ago it was read', (t) => {
  t.same(heldOf([fresh(1_000), stale(9_000)]), { kind: 'stale', version: 7, asOfMs: 9_000 })
  t.same(heldOf([stale(9_000), fresh(1_000), stale(8_000)]), {
    kind: 'stale',
    version: 8,
    asOfMs: 8_000,
  })
  t.same(heldOf([fresh(2_000), fresh(1_000)]), { kind: 'fresh', version: 7, asOfMs: 1_000 })
  t.end()
})

t.test(
  'a part that fails is left out, and the list is not fresh; one that is to come is waited for',
  (t) => {
    t.match(heldOf([fresh(1_000), empty(true)]), { kind: 'stale' })
    t.same(heldOf([fresh(1_000), empty(false)]), { kind: 'empty' })
    t.end()
  },
)
