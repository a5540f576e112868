// A refusal has no stack, and leaves those of faults as they were.

import t from 'tap'
import { Refusal, withoutStacks } from './refusal.ts'

const fault = () => new Error('broken')

t.test('a refusal is an error without a stack, with its cause', async (t) => {
  const cause = fault()
  const refusal = new Refusal('no', { cause })
  t.ok(refusal instanceof Error)
  t.match(refusal, { message: 'no', cause })
  t.equal(refusal.stack, 'Error: no')
  t.match(fault().stack, /refusal\.test/, 'a fault after it has one')
})

t.test('what is thrown without stacks has none, and what comes after it has', async (t) => {
  const thrown = t.throws(() =>
    withoutStacks(() => {
      throw fault()
    }),
  ) as Error
  t.equal(thrown.stack, 'Error: broken')
  t.equal(
    withoutStacks(() => 7),
    7,
  )
  t.match(fault().stack, /refusal\.test/)
})
