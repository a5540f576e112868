// What several endpoints of shares accept and answer: each once, for the handlers and for the document.

import { newEmail } from '../../../lib/domain/credentials.ts'
import {
  described,
  InvalidField,
  list,
  named,
  object,
  oneOf,
  optional,
  shape,
  string,
  time,
} from '../../../lib/domain/shape.ts'
import {
  shareRoles,
  type Grantee,
  type Share,
  type SharedTodo,
  type ShareRole,
} from '../../../lib/domain/share.ts'
import { uuid } from '../../../lib/domain/team.ts'
import { exampleTodo, todoId, todoShape } from '../../../lib/domain/todo.ts'
import { answer } from '../../http/contract/answer.ts'
import type { Parameter } from '../../http/contract/parameters.ts'
import { linkToNext, noStore } from '../../http/response-headers.ts'

export const tag = {
  name: 'Shares',
  description:
    'Personal todos that their owner lets others see, or change: users, teams, or whoever has an address.',
}

const exampleShareId = '3d5f8a52-1a0d-4d92-9c3e-5c1f4f0c7b6e'
const exampleUserId = '0b1ee3c8-6a37-4d38-8d0e-2b9f5f1a1c55'
const exampleTeamId = '5f0d3c1e-8f43-4c51-9a55-0e8a0d6f3b7a'
const exampleTime = new Date('2026-01-31T12:00:00.000Z')

// What requests carry.

export const id: Parameter<string> = {
  shape: todoId,
  description: 'The id of a personal todo.',
  example: exampleTodo.id,
  component: 'PersonalTodoId',
}
export const shareId: Parameter<string> = {
  shape: uuid,
  description: 'The id of a share.',
  example: exampleShareId,
}

const role = described(
  oneOf(...shareRoles),
  'A viewer reads the todo. An editor changes it, too, but does not delete or share it.',
)
const members = object({
  role,
  user_id: optional(described(uuid, 'The id of an account.')),
  email: optional(newEmail),
  team_id: optional(described(uuid, 'The id of a team that you are in.')),
})
/** Whom to share with, and as what. */
export type NewShare = { readonly grantee: Grantee; readonly role: ShareRole }
const newShare = shape<NewShare>(
  {
    ...members.schema,
    description:
      'The role, and exactly one of `user_id`, `email` and `team_id`. Members that are not named are ignored.',
  },
  (value, field) => {
    const { role, user_id: userId, email, team_id: teamId } = members.parse(value, field)
    const grantees: Grantee[] = []
    if (userId !== undefined) grantees.push({ kind: 'user', userId })
    if (email !== undefined) grantees.push({ kind: 'address', email })
    if (teamId !== undefined) grantees.push({ kind: 'team', teamId })
    const [grantee, second] = grantees
    if (grantee && !second) return { grantee, role }
    throw new InvalidField('user_id', 'give exactly one of user_id, email and team_id')
  },
)
export const shareBody = {
  shape: named('NewShare', newShare),
  examples: [
    { email: 'bob@example.com', role: 'editor' },
    { team_id: exampleTeamId, role: 'viewer' },
  ],
}

// What is answered.

const email = string({ pattern: '@', description: 'In lower case.' })

const shareShape = named(
  'Share',
  object(
    {
      id: uuid,
      role,
      user_id: optional(uuid),
      email: optional(email),
      team_id: optional(uuid),
      created_at: time,
    },
    { description: 'One of `user_id`, `email` and `team_id` is there: as it was named.' },
  ),
)
const exampleShare = {
  id: exampleShareId,
  role: 'editor',
  email: 'bob@example.com',
  created_at: exampleTime,
} as const
export const shownShare = ({ id, role, grantee, createdAt: created_at }: Share) => {
  switch (grantee.kind) {
    case 'user':
      return { id, role, user_id: grantee.userId, created_at }
    case 'address':
      return { id, role, email: grantee.email, created_at }
    case 'team':
      return { id, role, team_id: grantee.teamId, created_at }
  }
}
export const oneShare = answer({
  status: 200,
  description:
    'The share. There is one for each whom the todo is shared with: another role replaces the first.',
  headers: [noStore],
  body: shareShape,
  examples: [exampleShare],
})
export const sharePage = answer({
  status: 200,
  description:
    'Whom the todo is shared with, the newest first. `Link` says where the list goes on.',
  headers: [noStore, linkToNext],
  body: named('ShareList', object({ shares: list(shareShape) })),
  examples: [{ shares: [exampleShare] }],
})

const sharedShape = named(
  'SharedTodo',
  object({
    todo: todoShape,
    role: described(role, 'The strongest, where it is shared with you in several ways.'),
    shared_by: described(
      object({ user_id: uuid, email }),
      'The owner of the todo, who has shared it.',
    ),
    shared_at: time,
  }),
)
export const shownTodo = ({ todo, role, sharedBy, sharedAt }: SharedTodo) => ({
  todo,
  role,
  shared_by: { user_id: sharedBy.userId, email: sharedBy.email },
  shared_at: sharedAt,
})
export const sharedPage = answer({
  status: 200,
  description:
    'What others have shared with you, or with a team that you are in. Each todo once, the newest share first. `Link` says where the list goes on.',
  headers: [noStore, linkToNext],
  body: named('SharedTodoList', object({ todos: list(sharedShape) })),
  examples: [
    {
      todos: [
        {
          todo: { ...exampleTodo, user_id: exampleUserId },
          role: 'viewer',
          shared_by: { user_id: exampleUserId, email: 'ann@example.com' },
          shared_at: exampleTime,
        },
      ],
    },
  ],
})
