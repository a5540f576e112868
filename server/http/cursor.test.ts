// Cursors: what was made is read again, and nothing else is.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { afterParameter, cursorOf } from './cursor.ts'

const path = '/todos'
const { shape } = afterParameter(path)
const parse = (value: unknown) => shape.parse(value, 'after')
const refused = { name: 'InvalidField', field: 'after', message: /^after must be one cursor/ }
const place = { createdAt: new Date(1_795_000_000_123), id: 'kT5bJb9jQmWv3rVbQm1XqQ-0000000042' }

t.test('a place comes back as it was, whatever its todo is called', async (t) => {
  const random = seeded(t)
  const ids = ['a', '-', 'x'.repeat(64), 'a.b', 'é\u{1F600}', 'a b', '\r\nX: y', '%00', '0.0']
  for (const id of [place.id, ...ids]) {
    for (const ms of [0, 1, -1, 253_402_300_799_999, -62_135_596_800_000, random.below(2e12)]) {
      const one = { createdAt: new Date(ms), id }
      const cursor = cursorOf(path, one)
      t.match(cursor, /^[A-Za-z0-9_-]+$/)
      t.same(parse(cursor), one)
    }
  }
  t.ok(cursorOf(path, place).length <= 64, 'short')
  t.equal(parse(undefined), undefined)
})

t.test('what is no cursor, or of another list, is refused', async (t) => {
  const random = seeded(t)
  const cursor = cursorOf(path, place)
  const others = [
    '',
    ' ',
    'x',
    'null',
    '💥',
    `${cursor}=`,
    ` ${cursor}`,
    `${cursor}\n`,
    `${cursor}AAAA`,
  ]
  for (const value of [...others, 1, null, [cursor, cursor], cursorOf('/api/todos', place)]) {
    t.throws(() => parse(value), refused, JSON.stringify(value))
  }
  for (let length = 0; length < cursor.length; length++) {
    t.throws(() => parse(cursor.slice(0, length)), refused, 'cut short')
  }
  for (let i = 0; i < 500; i++) {
    const at = random.below(cursor.length)
    const letter = 'ABCxyz019_-'[random.below(11)] ?? ''
    const changed = `${cursor.slice(0, at)}${letter}${cursor.slice(at + 1)}`
    if (changed !== cursor) t.throws(() => parse(changed), refused, changed)
  }
})

t.test('a place that Postgres can not take is none, though its check is right', async (t) => {
  for (const [ms, id] of [
    [8_640_000_000_000_000, 'a'], // year 275760
    [253_402_300_800_000, 'a'], // year 10000
    [-62_135_596_800_001, 'a'], // year 0
    [0, ''],
    [0, 'a\0b'],
  ] as const) {
    t.throws(() => parse(cursorOf(path, { createdAt: new Date(ms), id })), refused)
  }
})
