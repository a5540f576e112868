// Ids of todos: what stands in them can be read back, and is never another.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { idPattern } from './todo.ts'
import {
  bucketCount,
  bucketOf,
  bucketOfOwner,
  idAlphabet,
  idOfHash,
  idStart,
  todoIdLength,
  uniqueLength,
} from './todo-id.ts'

const unique = 'kT5bJb9jQmWv3rVbQm1XqQ-0000000042'

t.test('each bucket is read back, whatever the last character is', (t) => {
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const last = idAlphabet.charAt(bucket % idAlphabet.length)
    const id = idStart(unique, bucket) + last
    if (bucketOf(id) !== bucket) t.fail(`${id}: ${bucketOf(id)} instead of ${bucket}`)
    if (id.length !== todoIdLength || !idPattern.test(id)) t.fail(`${id} is no id`)
  }
  t.equal(unique.length, uniqueLength)
  t.end()
})

t.test('an id says its bucket for good', (t) => {
  t.equal(bucketOf(`${unique}AAx`), 0)
  t.equal(bucketOf(`${unique}ABx`), 1)
  t.equal(bucketOf(`${unique}BAx`), 64)
  t.equal(bucketOf(`${unique}-_x`), 62 * 64 + 63)
  t.equal(bucketOf(`${unique}__x`), bucketCount - 1)
  t.end()
})

t.test('ids from before, and what is none, have no bucket', (t) => {
  const fromKey = 'Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyMTI'
  t.equal(fromKey.length, 43)
  for (const id of [unique, fromKey, '', 'a', 'x'.repeat(64), `${unique}AA`, `${unique}AAAA`]) {
    t.equal(bucketOf(id), undefined, id)
  }
  for (const wrong of ['A ', ' A', '+A', 'A/', 'A=', 'Aé', '\u{1F600}', '\0A', 'A\u007f']) {
    t.equal(bucketOf(`${unique}${wrong}x`), undefined, JSON.stringify(wrong))
  }
  t.end()
})

t.test("an owner's bucket is the same for good, and owners are spread over all", (t) => {
  t.equal(bucketOfOwner('ann'), 3_729)
  t.equal(bucketOfOwner('bob'), 3_128)
  t.equal(bucketOfOwner('jörg \u{1F600}'), 3_265)
  const random = seeded(t)
  for (const name of [
    (i: number) => `user-${i}`,
    (i: number) => String(i),
    () => Array.from({ length: 22 }, () => idAlphabet.charAt(random.below(64))).join(''),
  ]) {
    const counts = new Array<number>(bucketCount).fill(0)
    for (let i = 0; i < bucketCount * 100; i++) {
      const bucket = bucketOfOwner(name(i))
      counts[bucket] = (counts[bucket] as number) + 1
    }
    t.ok(Math.min(...counts) > 20, `none has fewer than ${Math.min(...counts)}`)
    t.ok(Math.max(...counts) < 250, `none has more than ${Math.max(...counts)}`)
  }
  t.end()
})

t.test('an id of a hash is the same for the same owner, and in its bucket', (t) => {
  const hash = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABCxyzxyzxy'
  t.equal(idOfHash(hash), idOfHash(hash))
  t.equal(bucketOf(idOfHash(hash)), 66, 'without an owner the hash says it')
  t.equal(bucketOf(idOfHash(hash, 'ann')), bucketOfOwner('ann'))
  t.not(idOfHash(hash, 'ann'), idOfHash(hash, 'bob'))
  t.match(idOfHash(hash, 'ann'), idPattern)
  t.end()
})
