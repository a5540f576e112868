// A list's version is read once for all who ask before the read begins, and never before they ask.

import t from 'tap'
import type { ChannelName } from '../../lib/domain/event.ts'
import { createListVersions } from './list-versions.ts'

const setUp = () => {
  const reads: {
    readonly channel: ChannelName
    readonly end: (version: number | Error) => void
  }[] = []
  const versionOf = createListVersions(
    (channel) =>
      new Promise((resolve, reject) => {
        const end = (version: number | Error) =>
          version instanceof Error ? reject(version) : resolve(version)
        reads.push({ channel, end })
      }),
  )
  return { reads, versionOf }
}

t.test('who asks during a read gets the next one, with all others who do', async (t) => {
  const { reads, versionOf } = setUp()
  const first = versionOf('todos', 'todos')
  const later = [versionOf('todos', 'todos'), versionOf('todos', 'todos')]
  t.equal(reads.length, 1)
  reads[0]?.end(1)
  t.equal(await first, 1)
  await Promise.resolve()
  t.equal(reads.length, 2)
  reads[1]?.end(2)
  t.same(await Promise.all(later), [2, 2])
})

t.test('a read that fails fails for those who asked for it alone', async (t) => {
  const { reads, versionOf } = setUp()
  const first = versionOf('todos', 'todos')
  const next = versionOf('todos', 'todos')
  reads[0]?.end(new Error('down'))
  await t.rejects(first, { message: 'down' })
  await Promise.resolve()
  reads[1]?.end(7)
  t.equal(await next, 7)
})

t.test('four channels are read at once, the others after them', async (t) => {
  const { reads, versionOf } = setUp()
  const asked = Array.from({ length: 6 }, (_, i) => versionOf(`user:${i}`, 'mine'))
  t.equal(reads.length, 4)
  for (let i = 0; i < 6; i++) {
    reads[i]?.end(i)
    t.equal(await asked[i], i)
    await Promise.resolve()
  }
  t.same(
    reads.map(({ channel }) => channel),
    Array.from({ length: 6 }, (_, i) => `user:${i}`),
  )
})
