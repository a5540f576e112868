// Cores of each tier between two looks, and of all but the generator where it says them at its end only.

import t from 'tap'
import { coresBetween, withoutGenerator } from './window.ts'

t.test('cores are CPU seconds a second, and never fewer than none', async (t) => {
  const at = (generator: number, server: number) => ({
    tiers: new Map([
      ['generator', generator],
      ['server', server],
    ]),
  })
  const cores = coresBetween(at(5, 1), at(4, 4), 2)
  t.same(cores, { generator: 0, server: 1.5 })
  t.same(withoutGenerator(cores), { server: 1.5 }, 'one that is not known is not drawn as idle')
})
