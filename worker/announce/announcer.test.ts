// Announcements of many changes: few of them, and none that leaves the last change out.

import t from 'tap'
import { silentLog } from '../../testing/settings.ts'
import { createAnnouncer } from './announcer.ts'

const setUp = () => {
  let version = 0
  const announced: number[] = []
  let heard = () => {}
  const announcer = createAnnouncer(
    { listVersion: () => Promise.resolve(version) },
    {
      announce(one) {
        announced.push(one)
        heard()
        return Promise.resolve(one)
      },
      overrule: () => Promise.resolve(),
    },
    silentLog,
  )
  return {
    announcer,
    announced,
    change() {
      version++
      announcer.changed()
    },
    next: () => new Promise<void>((resolve) => (heard = resolve)),
  }
}

t.test('the first change is announced at once, and those that follow it together', async (t) => {
  const { announcer, announced, change, next } = setUp()
  const first = next()
  change()
  await first
  t.same(announced, [1])
  const second = next()
  for (let i = 0; i < 500; i++) change()
  await second
  t.same(announced, [1, 501])
  t.equal(announcer.counts.failed, 0)
})

t.test('what has changed last is announced before it closes', async (t) => {
  const { announcer, announced, change, next } = setUp()
  const first = next()
  announcer.start()
  await first
  for (let i = 0; i < 5; i++) change()
  await announcer.close()
  t.equal(announced.at(-1), 5)
})
