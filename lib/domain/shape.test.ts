// A shape's check takes exactly what its JSON Schema takes: what the document promises is what the
// server and the worker do. A compiled validator of the schema is the oracle.

import t from 'tap'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { seeded } from '../../testing/seeded.ts'
import { changeOf, todoChange } from './command.ts'
import {
  boolean,
  dictionary,
  InvalidField,
  list,
  object,
  oneOf,
  optional,
  orElse,
  string,
  text,
  wholeNumber,
  type Shape,
} from './shape.ts'
import { completed, description, newTitle, todoId } from './todo.ts'

const ajv = new Ajv2020({ allowUnionTypes: true, strictRequired: false })
formats.default(ajv)

const isTaken = ({ parse }: Shape<unknown>, value: unknown): boolean => {
  try {
    parse(value, 'body')
    return true
  } catch (error) {
    if (error instanceof InvalidField) return false
    throw error
  }
}

const shapes = {
  newTodo: object({ title: newTitle, description: orElse(description, '') }),
  patch: changeOf(newTitle),
  todoChange,
  status: object({ completed }),
  short: object({ a: text({ min: 3, max: 4 }), b: optional(text({ min: 0, max: 1 })) }),
  others: object({
    id: todoId,
    flag: boolean,
    kind: oneOf('x', 'y'),
    count: wholeNumber(1, 3),
    least: optional(wholeNumber(0)),
    names: list(string({})),
    states: dictionary(oneOf('ok')),
  }),
}

t.test('what the check takes, the schema takes, and nothing else', async (t) => {
  const random = seeded(t)
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)] as T
  const letters = [
    'x',
    'ü',
    ' ',
    '\u200b',
    '\u3164',
    '\u{1F600}',
    '\u0301',
    '\n',
    '"',
    '\0',
    '\ud83d',
    '\ude00',
    '-',
    '.',
  ]
  const textOf = () => {
    const count = pick([0, 1, 2, 3, 4, 5, 100, 199, 200, 201, 1_000, 2_000, 2_001, 4_001])
    // Mostly of letters that may be in it.
    const from = random.below(3) === 0 ? letters : letters.slice(0, 3)
    return pick(from).repeat(count - (count > 0 ? 1 : 0)) + (count > 0 ? pick(from) : '')
  }
  const valueOf = (): unknown =>
    pick<() => unknown>([
      textOf,
      textOf,
      textOf,
      () => pick([null, true, false, 0, 1, 1.5, 3, 4, -1, 'x', 'y', 'ok', [], {}]),
      () => ['x', pick([1, 'y', null])].slice(random.below(3)),
      () => ({ a: pick(['ok', 'no', 1]) }),
    ])()

  for (const [name, one] of Object.entries(shapes)) {
    const validate = ajv.compile(one.schema)
    const members = [...Object.keys(one.schema.properties ?? {}), 'other']
    let taken = 0
    for (let round = 0; round < 4_000; round++) {
      const good: Readonly<Record<string, unknown>> = {
        title: 'x',
        description: 'y',
        completed: true,
        a: 'abc',
        id: 'a',
        flag: false,
        kind: 'x',
        count: 2,
        names: ['a'],
        states: { a: 'ok' },
      }
      const body = Object.fromEntries(
        members
          .filter(() => random.below(2 * members.length) > 0)
          .map((member) => [
            member,
            random.below(members.length) === 0 ? valueOf() : (good[member] ?? textOf()),
          ]),
      )
      const isValid = validate(body)
      if (isValid) taken++
      if (isTaken(one, body) !== isValid) t.fail(`${name}: ${JSON.stringify(body).slice(0, 200)}`)
    }
    t.ok(taken > 20 && taken < 3_980, `${name}: ${taken} of 4,000 were taken`)
    for (const value of [null, [], 'x', 1, undefined]) t.notOk(isTaken(one, value))
  }
})

t.test('what is parsed has the members that are named, and no others', async (t) => {
  const { newTodo } = shapes
  t.same(newTodo.parse({ title: 'a', description: null, id: 'b' }, 'body'), {
    title: 'a',
    description: '',
  })
  t.same(todoChange.parse({ completed: false, user_id: 'eve' }, 'body'), { completed: false })
  t.throws(() => newTodo.parse([], 'body'), { message: 'the body must be a JSON object' })
  t.throws(() => newTodo.parse({}, 'body'), { field: 'title', message: 'title is required' })
})

t.test('each member that is wrong is named, the first as the error itself', async (t) => {
  const wrong = { title: 1, description: 'x'.repeat(2_001), completed: 'no' }
  t.throws(() => todoChange.parse(wrong, 'body'), {
    field: 'title',
    message: 'title must be a string',
    errors: [
      { field: 'title', message: 'title must be a string' },
      { field: 'description', message: 'description must have 0 to 2000 characters' },
      { field: 'completed', message: 'completed must be true or false' },
    ],
  })
  const nested = object({ one: object({ a: boolean, b: boolean }), two: list(boolean) })
  t.throws(() => nested.parse({ one: { a: 1 }, two: [true, 0] }, 'body'), {
    errors: [{ field: 'a' }, { field: 'b', message: 'b is required' }, { field: 'two' }],
  })
})

t.test('null, what is left out and a value are three things', async (t) => {
  const { patch } = shapes
  t.same(patch.parse({ description: null }, 'body'), { description: '' })
  t.same(patch.parse({ title: 'x' }, 'body'), { title: 'x' })
  t.throws(() => patch.parse({ title: null }, 'body'), {
    field: 'title',
    message: 'title must be a string',
  })
  t.throws(() => patch.parse({ completed: null, title: 'x' }, 'body'), {
    field: 'completed',
    message: 'completed must be true or false',
  })
})
