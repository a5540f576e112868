// What is right and wrong in a history of reads of single todos.

import t from 'tap'
import { singleReadsGoOn, type SingleRead } from './single-reads.ts'

/** Begun and ended at these times. */
const read = (revision: SingleRead['revision'], startMs: number, endMs: number): SingleRead => ({
  path: '/todos/a',
  revision,
  startMs,
  endMs,
})

t.test('reads may show anything of what changes while they last', async (t) => {
  t.same(
    singleReadsGoOn([
      read('none', 0, 1),
      read(1, 2, 3),
      read(3, 4, 10),
      read(2, 5, 6),
      read(3, 11, 12),
      read('none', 13, 14),
      { ...read(1, 15, 16), path: '/todos/b' },
    ]),
    [],
  )
})

t.test('a todo that goes back, or comes again, is found', async (t) => {
  t.match(singleReadsGoOn([read(3, 0, 1), read(2, 2, 3)]), [/went back from revision 3 to 2/])
  t.match(singleReadsGoOn([read(2, 2, 3), read(3, 0, 1)]), [/went back/], 'in whatever order')
  t.match(singleReadsGoOn([read(1, 0, 1), read('none', 2, 3), read(1, 4, 5)]), [/there again/])
})
