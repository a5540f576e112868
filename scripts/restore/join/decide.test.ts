// Who is believed of where a bucket is, and from where the log is applied, when databases are of different
// moments. Four partitions: a is the home of 0 and 2, b of 1 and 3, and c of none.

import t from 'tap'
import { decideOffsets } from './decide-offsets.ts'
import { decidePlaces, type Known, type Place } from './decide-places.ts'

const homes = ['a', 'b', 'a', 'b']

type Given = {
  restored?: string[]
  isMainRestored?: boolean
  moved?: [number, string][]
  begun?: [number, { from: string; to: string }][]
  elsewhere?: Record<string, [number, Place][]>
  guests?: Record<string, [number, string][]>
  positions?: Record<string, [number, number][]>
}
const decide = (given: Given) => {
  const of = <T>(rows: Record<string, [number, T][]> = {}) =>
    new Map(['a', 'b', 'c'].map((name) => [name, new Map(rows[name])]))
  const known: Known = {
    homes,
    restored: new Set(given.restored),
    isMainRestored: given.isMainRestored === true,
    moved: new Map(given.moved),
    begun: new Map(given.begun),
    elsewhere: of(given.elsewhere),
    guests: of(given.guests),
    positions: of(given.positions),
  }
  const { places, strays, refusals } = decidePlaces(known)
  return {
    places: Object.fromEntries([...places].map(([bucket, { shard }]) => [bucket, shard])),
    strays: strays.map(({ bucket, shard }) => `${bucket} in ${shard}`),
    refusals,
  }
}
const in_ = (shard: string, move = 'm'): Place => ({ shard, move })

t.test('a home that did not go back is believed', (t) => {
  const elsewhere = { a: [[4, in_('b')]] as [number, Place][] }
  t.same(decide({ isMainRestored: true, elsewhere, guests: { b: [[4, 'm']] } }), {
    places: { 4: 'b' },
    strays: [],
    refusals: [],
  })
  t.same(
    decide({ restored: ['c'], elsewhere, guests: { b: [[4, 'm']], c: [[4, 'old']] } }).strays,
    ['4 in c'],
    'what was there then is a stray',
  )
  t.end()
})

t.test('of a home that went back, DATABASE_URL is believed', (t) => {
  const guests = { b: [[4, 'm']] as [number, string][] }
  t.same(decide({ restored: ['a'], moved: [[4, 'b']], guests }), {
    places: { 4: 'b' },
    strays: ['4 in a'],
    refusals: [],
  })
  t.end()
})

t.test('a shard that lacks what came to it is refused', (t) => {
  const elsewhere = { a: [[4, in_('b', 'new')]] as [number, Place][] }
  t.match(decide({ restored: ['b'], elsewhere }).refusals, [/^bucket 4 came to b after/])
  const guests = { b: [[4, 'old']] as [number, string][] }
  t.match(decide({ restored: ['b'], elsewhere, guests }).refusals, [/^bucket 4 came to b after/])
  t.same(decide({ restored: ['b'], elsewhere, guests: { b: [[4, 'new']] } }).refusals, [])
  t.match(
    decide({
      restored: ['a'],
      elsewhere: {
        a: [
          [4, in_('b')],
          [8, in_('b')],
        ],
      },
    }).refusals,
    [/^buckets 4, 8 came to a after/],
    'they are at home now',
  )
  const older = { a: [[4, { shard: 'b', move: undefined }]] as [number, Place][] }
  t.match(decide({ restored: ['b'], elsewhere: older, guests }).refusals, [/by an older release/])
  t.end()
})

t.test('a move that is not finished is as its home decided, or did not', (t) => {
  const begun: Given['begun'] = [[4, { from: 'b', to: 'c' }]]
  const guests = { b: [[4, 'm']] as [number, string][], c: [[4, 'n']] as [number, string][] }
  const elsewhere = (shard: string) => ({ a: [[4, in_(shard)]] as [number, Place][] })
  t.same(decide({ begun, elsewhere: elsewhere('c'), guests }).strays, ['4 in b'])
  t.same(decide({ begun, elsewhere: elsewhere('b'), guests }).strays, ['4 in c'])
  const gone = { restored: ['a'], begun, moved: [[4, 'b']] as [number, string][], guests }
  t.same(decide({ ...gone, elsewhere: elsewhere('b') }), {
    places: { 4: 'b' },
    strays: ['4 in c'],
    refusals: [],
  })
  const ahead: Given = {
    ...gone,
    elsewhere: elsewhere('b'),
    guests: {
      b: [
        [4, 'm'],
        [8, 'o'],
      ],
      c: [[4, 'n']],
    },
    positions: { a: [[0, 5]], b: [[0, 9]] },
  }
  t.match(decide(ahead).refusals, [/^bucket 4 may have gone from b to c/])
  t.same(decide({ ...ahead, positions: { a: [[0, 9]], b: [[0, 9]] } }).refusals, [])
  t.end()
})

t.test('where neither is of now, copies say where it is', (t) => {
  const all = { restored: ['a', 'b', 'c'], isMainRestored: true }
  const elsewhere = { a: [[4, in_('b')]] as [number, Place][] }
  t.same(decide({ ...all, elsewhere, guests: { b: [[4, 'm']], c: [[4, 'n']] } }), {
    places: { 4: 'b' },
    strays: ['4 in c'],
    refusals: [],
  })
  const left = { ...all, elsewhere, guests: { c: [[4, 'n']] as [number, string][] } }
  t.same(decide({ ...left, restored: ['a'] }).places, { 4: 'c' })
  t.match(decide({ ...left, restored: ['a', 'b'] }).refusals, [/^bucket 4 came to b after/])
  t.same(decide({ ...all, guests: { b: [[4, 'm']] } }).strays, ['4 in b'], 'home has all of it')
  t.match(decide({ ...all, elsewhere }).refusals, [/^bucket 4 came to b after/])
  const guests = {
    b: [
      [4, 'm'],
      [8, 'o'],
    ] as [number, string][],
  }
  const positions = { a: [[0, 5]], b: [[0, 9]] } as Given['positions'] & object
  t.match(decide({ ...all, elsewhere, guests, positions }).refusals, [/^bucket 4 may have left b/])
  t.end()
})

t.test('what the log has lost is said', (t) => {
  const readers = [
    { shard: 'a', partition: 0, next: 5 },
    { shard: 'b', partition: 0, next: 9 },
  ]
  const range = (first: number, end: number) => new Map([[0, { first, end }]])
  t.same(decideOffsets(readers, range(5, 20), false).lost, [])
  t.match(decideOffsets(readers, range(7, 20), false), {
    lost: [/^partition 0: a goes on at 5, and the log has nothing before 7/],
    readers: [{ shard: 'a', partition: 0, next: 7 }],
  })
  t.same(
    decideOffsets(readers, range(0, 7), false).ends.size,
    0,
    'another log is not ours to change',
  )
  const ours = decideOffsets(readers, range(0, 7), true)
  t.same([...ours.ends], [[0, 9]], 'no new record has the number of one that was applied')
  t.match(ours.lost, [/^partition 0: a goes on at 5, and the log has nothing before 9/])
  t.end()
})
