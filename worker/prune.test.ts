// What is pruned again and again, whatever becomes of one of them.

import t from 'tap'
import { createPruning } from './prune.ts'

t.test('one that fails keeps neither the others nor itself from the next time', async (t) => {
  const calls: string[] = []
  let done = () => {}
  const twice = new Promise<void>((resolve) => (done = resolve))
  const pruning = createPruning(
    [
      () => Promise.reject(new Error(`${calls.push('failing')} times`)),
      () => {
        calls.push('other')
        if (calls.length >= 4) done()
        return Promise.resolve()
      },
    ],
    1,
  )
  pruning.start()
  const alive = setInterval(() => {}, 1_000) // the timer itself keeps no process from leaving
  await twice
  clearInterval(alive)
  pruning.stop()
  t.same(calls.slice(0, 4), ['failing', 'other', 'failing', 'other'])
  const seen = calls.length
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(calls.length, seen, 'and none after it was stopped')
})
