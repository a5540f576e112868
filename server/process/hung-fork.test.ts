// A process that answers is let be, however late; one that does not is reported, once.

import { EventEmitter } from 'node:events'
import { mock } from 'node:test'
import t from 'tap'
import { pingIntervalMs, unansweredMax, watchForHang } from './hung-fork.ts'

const watched = () => {
  let pings = 0
  let hung = 0
  const worker = Object.assign(new EventEmitter(), {
    send: () => {
      pings++
      return true
    },
  })
  watchForHang(worker as never, () => hung++)
  return { worker, pings: () => pings, hung: () => hung }
}

t.beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }))
t.afterEach(() => mock.timers.reset())
const pass = (intervals: number) => mock.timers.tick(intervals * pingIntervalMs)

void t.test('it answers late, again and again', async (t) => {
  const { worker, pings, hung } = watched()
  for (let i = 0; i < 5; i++) {
    pass(unansweredMax)
    worker.emit('message', { kind: 'pong' })
  }
  t.equal(hung(), 0)
  t.equal(pings(), 5, 'one at a time')
})

void t.test('it answers no more', async (t) => {
  const { worker, pings, hung } = watched()
  pass(1)
  worker.emit('message', { kind: 'pong' })
  worker.emit('message', { kind: 'metrics' })
  pass(unansweredMax)
  t.equal(hung(), 0)
  pass(unansweredMax * 3)
  t.equal(hung(), 1)
  t.equal(pings(), 2)
})

void t.test('it ends', async (t) => {
  const { worker, hung } = watched()
  pass(unansweredMax)
  worker.emit('exit')
  pass(unansweredMax)
  t.equal(hung(), 0)
})
