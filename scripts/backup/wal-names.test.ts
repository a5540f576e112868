// Segments are named as Postgres names them, and a hole in an archive is found.

import t from 'tap'
import {
  archivedFrom,
  lsnText,
  parseLsn,
  parseSegment,
  segmentName,
  segmentsBetween,
} from './wal-names.ts'

const segmentBytes = 16 * 1024 * 1024

t.test('a name and its segment are one', (t) => {
  for (const name of ['000000010000000000000001', '0000000A00000003000000FF']) {
    const segment = parseSegment(name, segmentBytes)
    t.ok(segment)
    if (segment) t.equal(segmentName(segment, segmentBytes), name)
  }
  for (const name of ['00000002.history', '000000010000000000000002.00000028.backup', 'x']) {
    t.equal(parseSegment(name, segmentBytes), undefined, name)
  }
  t.end()
})

t.test('the last segment before the next group is followed by its first', (t) => {
  t.same(segmentsBetween(1, '0/FF000028', '1/100', segmentBytes), [
    '0000000100000000000000FF',
    '000000010000000100000000',
  ])
  t.same(
    segmentsBetween(1, '0/2000028', '0/3000000', segmentBytes),
    ['000000010000000000000002'],
    'an end between two is the end of the first',
  )
  t.equal(lsnText(parseLsn('1/ab')), '1/AB')
  t.throws(() => parseLsn('latest'))
  t.end()
})

t.test('an archive goes on to its first hole', (t) => {
  const name = (number: number, timeline = 1) =>
    segmentName({ timeline, number: BigInt(number) }, segmentBytes)
  const from = (numbers: readonly number[]) =>
    archivedFrom([...numbers.map((one) => name(one)), name(9, 2)], 1, '0/2000128', segmentBytes)
  t.same(from([1, 2, 3]), { endLsn: '0/4000000', missing: undefined })
  t.same(from([1, 2, 3, 5]), { endLsn: '0/4000000', missing: name(4) })
  t.same(from([2]), { endLsn: '0/3000000', missing: undefined }, 'nothing of after the backup')
  t.end()
})
