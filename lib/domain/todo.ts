// What a todo is: its shape, its JSON, and the limits that the API, the worker and the database
// all hold it to.

import {
  boolean,
  described,
  matching,
  named,
  object,
  string,
  text,
  time,
  type TypeOf,
} from './shape.ts'
import { withSomethingToSee } from './visible-text.ts'

export type Todo = TypeOf<typeof todoShape>

/** A todo, how many commands made it what it is, and whether only its owner can see it. */
export type TodoRow = Todo & { readonly revision: number; readonly is_personal: boolean }

export const titleLengthMax = 200
export const descriptionLengthMax = 2_000
export const userIdLengthMax = 128
export const idPattern = /^[A-Za-z0-9_-]{1,64}$/

export const todoId = matching(idPattern, '1 to 64 letters, digits, - or _')
export const title = described(
  text({ min: 1, max: titleLengthMax }),
  'Unicode code points are counted; U+0000 and lone surrogates are refused.',
)
/** Of what comes in. Older todos, and commands in the log, may have titles that show nothing. */
export const newTitle = described(
  withSomethingToSee(title),
  'Unicode code points are counted. One can be seen at least: blanks and control and format characters alone are refused, and so are U+0000 and lone surrogates.',
)
export const description = text({ min: 0, max: descriptionLengthMax })
export const completed = boolean

export const todoShape = named(
  'Todo',
  object({
    id: described(todoId, 'Made by the server.'),
    title,
    description,
    completed,
    user_id: string({
      minLength: 1,
      maxLength: userIdLengthMax,
      description: 'Its owner: the `sub` of the token that made it. Only the owner changes it.',
    }),
    created_at: described(time, 'When the server took the `POST`.'),
    updated_at: described(time, 'When the server took the last change.'),
  }),
)

/** As documents show one. */
export const exampleTodo: Todo = {
  id: 'kT5bJb9jQmWv3rVbQm1XqQ-0000000042',
  title: 'Buy milk',
  description: 'Two litres',
  completed: false,
  user_id: 'ann',
  created_at: new Date('2026-01-31T12:00:00.000Z'),
  updated_at: new Date('2026-01-31T12:00:00.000Z'),
}

/** One todo as the API shows it, members in the documented order, times to the millisecond. */
export const todoJson = (todo: Todo): string =>
  JSON.stringify({
    id: todo.id,
    title: todo.title,
    description: todo.description,
    completed: todo.completed,
    user_id: todo.user_id,
    created_at: todo.created_at,
    updated_at: todo.updated_at,
  })

export const parseTitle = (value: unknown): string => title.parse(value, 'title')

export const parseDescription = (value: unknown): string => description.parse(value, 'description')

export const parseCompleted = (value: unknown): boolean => completed.parse(value, 'completed')

export const parseTodoId = (value: unknown): string => todoId.parse(value, 'id')
