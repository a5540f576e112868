// What a todo is: its shape, its JSON, and the limits that the API, the worker and the database
// all hold it to.

import {
  boolean,
  described,
  matching,
  named,
  nullAs,
  object,
  string,
  text,
  time,
  type TypeOf,
} from './shape.ts'
import { uuid } from './team.ts'
import { withSomethingToSee } from './visible-text.ts'

export type Todo = TypeOf<typeof todoShape>

/** A todo, how many commands made it what it is, and who can see it. */
export type TodoRow = Todo & {
  readonly revision: number
  /** It is in no public list: only its owner can see it, or its team. */
  readonly is_personal: boolean
  readonly team_id: string | null
  readonly assignee_id: string | null
}
export type TeamTodo = TypeOf<typeof teamTodoShape>

export const titleLengthMax = 200
export const descriptionLengthMax = 2_000
export const userIdLengthMax = 128
/** Shown as the owner of public todos whose account was deleted. No token may name it. */
export const deletedUserId = 'deleted'
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
export const assigneeId = described(nullAs<string | null>(uuid, null), 'The account of a member.')

const ofDeletedAccount = `\`${deletedUserId}\`: that account was deleted.`
const userId = (description: string) =>
  string({ minLength: 1, maxLength: userIdLengthMax, description })
const membersOf = (user_id: ReturnType<typeof userId>) => ({
  id: described(todoId, 'Made by the server.'),
  title,
  description,
  completed,
  user_id,
  created_at: described(time, 'When the server took the `POST`.'),
  updated_at: described(time, 'When the server took the last change.'),
})
export const todoShape = named(
  'Todo',
  object(
    membersOf(userId(`Its owner: the \`sub\` of the token that made it. ${ofDeletedAccount}`)),
  ),
)
/** One that belongs to a team. */
export const teamTodoShape = named(
  'TeamTodo',
  object({
    ...membersOf(
      userId(`Who created it. Every member of the team changes it. ${ofDeletedAccount}`),
    ),
    team_id: uuid,
    assignee_id: described(assigneeId, 'The member who is to do it.'),
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

export const exampleTeamTodo: TeamTodo = {
  ...exampleTodo,
  user_id: '0b1ee3c8-6a37-4d38-8d0e-2b9f5f1a1c55',
  team_id: '5f0d3c1e-8f43-4c51-9a55-0e8a0d6f3b7a',
  assignee_id: '0b1ee3c8-6a37-4d38-8d0e-2b9f5f1a1c55',
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

/** The same of one that may be a team's. */
export const rowJson = (row: TodoRow): string =>
  row.team_id === null
    ? todoJson(row)
    : `${todoJson(row).slice(0, -1)},"team_id":${JSON.stringify(row.team_id)},"assignee_id":${JSON.stringify(row.assignee_id)}}`

export const parseTitle = (value: unknown): string => title.parse(value, 'title')

export const parseDescription = (value: unknown): string => description.parse(value, 'description')

export const parseCompleted = (value: unknown): boolean => completed.parse(value, 'completed')

export const parseTodoId = (value: unknown): string => todoId.parse(value, 'id')
