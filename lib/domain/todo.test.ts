// What a todo may hold: each field's limits, to the character, and the JSON that comes of it.

import t from 'tap'
import { seeded } from '../../testing/seeded.ts'
import { InvalidField } from './shape.ts'
import {
  parseCompleted,
  parseDescription,
  parseTitle,
  parseTodoId,
  todoJson,
  type Todo,
} from './todo.ts'

const smile = '\u{1F600}'

/** What is wrong with a value, or undefined. */
const faultOf = (parse: (value: unknown) => unknown, value: unknown) => {
  try {
    parse(value)
    return undefined
  } catch (error) {
    if (!(error instanceof InvalidField)) throw error
    return { field: error.field, message: error.message }
  }
}

const texts = [
  { field: 'title', parse: parseTitle, min: 1, max: 200 },
  { field: 'description', parse: parseDescription, min: 0, max: 2_000 },
] as const

for (const { field, parse, min, max } of texts) {
  t.test(`a ${field} has ${min} to ${max} code points`, async (t) => {
    for (const one of ['x', 'ü', smile, '\u0301', '\u{10FFFF}', '\uFFFF', '"', '\\', '\n']) {
      for (const count of [min, 1, max - 1, max]) {
        const text = one.repeat(count)
        t.equal(parse(text), text, `${count} of ${JSON.stringify(one)}`)
      }
      for (const count of [max + 1, max * 2, max * 2 + 1, max * 10]) {
        t.same(faultOf(parse, one.repeat(count)), {
          field,
          message: `${field} must have ${min} to ${max} characters`,
        })
      }
    }
    if (min > 0) t.match(faultOf(parse, ''), { field, message: /^title must have 1 to/ })
    // As much UTF-16 as a text of the right length can have, and one more.
    t.equal(parse(smile.repeat(max)), smile.repeat(max))
    t.ok(faultOf(parse, `${smile.repeat(max)}x`))
    t.ok(faultOf(parse, `x${smile.repeat(max)}`))
  })

  t.test(`a ${field} is text that Postgres and UTF-8 can hold`, async (t) => {
    const halves = ['\0', '\ud83d', '\ude00', '\ude00\ud83d']
    for (const half of halves) {
      for (const text of [half, `a${half}`, `${half}a`, `${smile}${half}${smile}`]) {
        t.same(faultOf(parse, text), {
          field,
          message: `${field} must not contain U+0000 or lone surrogates`,
        })
      }
    }
  })

  t.test(`a ${field} of another type is told so`, async (t) => {
    for (const value of [
      null,
      0,
      1,
      true,
      [],
      ['x'],
      {},
      new String('x'),
      Symbol('x'),
      () => 'x',
    ]) {
      t.same(faultOf(parse, value), { field, message: `${field} must be a string` })
    }
    t.same(faultOf(parse, undefined), { field, message: `${field} is required` })
  })
}

t.test('any text is either refused or comes back from UTF-8 as it went', async (t) => {
  const random = seeded(t)
  let taken = 0
  for (let round = 0; round < 20_000; round++) {
    // Around the surrogates, where it can go wrong.
    const units = Array.from({ length: random.below(6) }, () => 0xd700 + random.below(0x1000))
    const text = String.fromCharCode(...units)
    const isWhole = Buffer.from(text).toString() === text
    const isTaken = faultOf(parseDescription, text) === undefined
    if (isTaken !== isWhole) t.fail(JSON.stringify(text))
    if (isTaken) taken++
  }
  t.ok(taken > 1_000 && taken < 19_000, `${taken} of 20,000 were taken`)
})

t.test('completed is true or false and nothing like it', async (t) => {
  t.equal(parseCompleted(true), true)
  t.equal(parseCompleted(false), false)
  t.same(faultOf(parseCompleted, undefined), {
    field: 'completed',
    message: 'completed is required',
  })
  for (const value of [null, 0, 1, '', 'true', 'false', [], [true], {}]) {
    t.same(faultOf(parseCompleted, value), {
      field: 'completed',
      message: 'completed must be true or false',
    })
  }
})

t.test('an id is 1 to 64 letters, digits, - or _', async (t) => {
  for (const id of ['a', 'Z', '0', '-', '_', 'x'.repeat(64), '__proto__', 'constructor']) {
    t.equal(parseTodoId(id), id)
  }
  const wrong = ['', 'x'.repeat(65), 'a b', 'a.b', '../a', 'a/b', 'a%20', 'ü', 'a\n', '\na', 'a\0']
  for (const id of [...wrong, undefined, null, 1, ['a'], {}]) {
    t.same(faultOf(parseTodoId, id), {
      field: 'id',
      message: 'id must be 1 to 64 letters, digits, - or _',
    })
  }
})

t.test('a todo is its seven members in their order, on one line', async (t) => {
  const todo: Todo & { readonly revision: number } = {
    // In another order, and with a member that is nobody's business.
    updated_at: new Date(1_795_000_000_123),
    user_id: 'ann',
    revision: 7,
    created_at: new Date(0),
    completed: false,
    description: 'a\r\nb\u2028',
    title: smile,
    id: 'some-id',
  }
  const json = todoJson(todo)
  t.equal(
    json,
    `{"id":"some-id","title":"${smile}","description":"a\\r\\nb\u2028","completed":false,` +
      '"user_id":"ann","created_at":"1970-01-01T00:00:00.000Z","updated_at":"2026-11-18T11:06:40.123Z"}',
  )
  t.notMatch(json, /[\r\n]/, 'lists are cut at line ends')
})
