// Which of several hosts takes writes, by what each of them says.

import t from 'tap'
import { choosePrimary, type HostReport } from './primary.ts'

const places = ['a:1', 'b:2', 'c:3']
const primary = (timeline: number, cluster = '7') =>
  ({ kind: 'primary', cluster, timeline }) satisfies HostReport
const standby: HostReport = { kind: 'read-only' }
const refused: HostReport = { kind: 'unavailable', reason: 'connect ECONNREFUSED' }

t.test('it is the one that takes writes, wherever it stands', async (t) => {
  t.match(choosePrimary([standby, refused, primary(3)], places), { index: 2, timeline: 3 })
  t.match(choosePrimary([primary(1), standby, standby], places), { index: 0 })
})

t.test('of two that take writes, it is the one that was promoted last', async (t) => {
  t.match(choosePrimary([primary(1), primary(2), standby], places), { index: 1 })
  t.match(choosePrimary([primary(2), primary(1), standby], places), { index: 0 })
})

t.test('one that was replaced is not gone back to while its successor is away', async (t) => {
  const earlier = { cluster: '7', timeline: 2 }
  t.throws(() => choosePrimary([primary(1), refused, standby], places, earlier), {
    code: '25006',
    message: /a:1: it is on timeline 1, the primary was on 2; b:2: connect ECONNREFUSED/,
  })
  t.match(choosePrimary([primary(2), refused], places, earlier), { index: 0 })
  t.match(
    choosePrimary([primary(1, '8'), refused], places, earlier),
    { index: 0 },
    'a cluster that was made anew begins again',
  )
})

t.test('where there is none, each says why', async (t) => {
  t.throws(() => choosePrimary([refused, refused], places), {
    code: 'CONNECTION_LOST',
    message: 'no host of it answers (a:1: connect ECONNREFUSED; b:2: connect ECONNREFUSED)',
  })
  t.throws(() => choosePrimary([standby, refused], places), {
    code: '25006',
    message: /a:1: takes no writes; b:2: connect ECONNREFUSED/,
  })
})

t.test('hosts of different clusters are refused', async (t) => {
  t.throws(
    () => choosePrimary([primary(1), primary(1, '8')], places),
    /a:1 and b:2 are of different clusters/,
  )
})
