// Each check of bench:writes can fail, and a sound round passes all.

import t from 'tap'
import { sound } from './fixtures.ts'
import { faultsOf, type Counted } from './validity.ts'

const { closed, open } = sound
const { visibility } = open

t.test('a sound round has no faults, nor has one without an open loop', async (t) => {
  t.same(faultsOf(sound), [])
  t.same(faultsOf({ ...sound, open: null, rowsAtEnd: 100_150 }), [])
  t.same(faultsOf({ ...sound, closed: { ...closed, handledInAll: null } }), [])
})

/** What makes a round invalid, and the one line that says so. */
const invalid: readonly (readonly [string, Counted])[] = [
  ['3 writes were not answered 202', { ...sound, closed: { ...closed, failed: 3 } }],
  [
    '3 writes of the open loop were not answered 202',
    { ...sound, open: { ...open, refusedInAll: 3 } },
  ],
  [
    '2 writes of the open loop were not answered',
    { ...sound, open: { ...open, unansweredInAll: 2 } },
  ],
  [
    'the generator was the bottleneck: 99% busy',
    { ...sound, closed: { ...closed, generatorShare: 0.99 } },
  ],
  [
    'the generator was the bottleneck: NaN% busy',
    { ...sound, closed: { ...closed, generatorShare: NaN } },
  ],
  [
    'the generator of the open loop was the bottleneck: 96% busy',
    { ...sound, open: { ...open, generatorLoop: 0.96 } },
  ],
  [
    'the generator counts 4.0 s in a window of 15.1 s: its average times the window is not its total',
    { ...sound, closed: { ...closed, generatorSeconds: 4 } },
  ],
  [
    'the generator counts 100000 answers, the server 3000',
    { ...sound, closed: { ...closed, handledInAll: 3_000 } },
  ],
  [
    'too few samples: 99 writes of the closed loop',
    {
      ...sound,
      closed: { ...closed, acknowledged: 99, handledInAll: null },
      rowsAtEnd: 21_099,
    },
  ],
  [
    'too few samples: 99 writes were watched',
    { ...sound, open: { ...open, visibility: { ...visibility, samples: 99 } } },
  ],
  [
    '101 writes were due and not sent: 200 connections are too few for 1000 a second',
    { ...sound, open: { ...open, unsentAtEnd: 101 } },
  ],
  [
    '1 todos were never in a list',
    { ...sound, open: { ...open, visibility: { ...visibility, unseen: 1 } } },
  ],
  ['110999 todos for 111000 acknowledged', { ...sound, rowsAtEnd: 110_999 }],
  ['111401 todos for 111000 acknowledged', { ...sound, rowsAtEnd: 111_401 }],
  ['4 dead letters', { ...sound, deadLetters: 4 }],
  [
    'processes ended or began meanwhile: server, worker',
    { ...sound, restarted: ['server', 'worker'] },
  ],
]

t.test('each check fails alone, with its reason', async (t) => {
  for (const [reason, counted] of invalid) t.same(faultsOf(counted), [reason])
})
