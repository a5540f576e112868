// An answer counts only for those who asked before its request was sent: else records of a new log
// could pass for those of the old one.

import t from 'tap'
import type { FoundLog } from '../domain/log-identity.ts'
import { shareProbe } from './share-probe.ts'

const setUp = () => {
  const answers: ((found: FoundLog | Error) => void)[] = []
  const ask = shareProbe({
    find: () =>
      new Promise((resolve, reject) => {
        answers.push((found) => (found instanceof Error ? reject(found) : resolve(found)))
      }),
  })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return { ask, answers, turn }
}
const log = (identity: string): FoundLog => ({ identity, partitions: 1 })

t.test('one request serves all who asked before it was sent, and nobody else', async (t) => {
  const { ask, answers, turn } = setUp()
  const first = [ask(), ask()]
  await turn()
  t.equal(answers.length, 1)
  const late = [ask(), ask(), ask()]
  await turn()
  t.equal(answers.length, 1, 'one at a time')
  answers[0]?.(log('old'))
  t.same(await Promise.all(first), [log('old'), log('old')])
  await turn()
  t.equal(answers.length, 2)
  answers[1]?.(log('new'))
  t.same(await Promise.all(late), [log('new'), log('new'), log('new')])
})

t.test('a request that fails is for those who asked, and the next is sent', async (t) => {
  const { ask, answers, turn } = setUp()
  const first = ask()
  await turn()
  const second = ask()
  answers[0]?.(new Error('no answer'))
  await t.rejects(first, /no answer/)
  await turn()
  answers[1]?.(log('log'))
  t.same(await second, log('log'))
})
