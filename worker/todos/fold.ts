// Pure: what a run of commands makes of the rows it finds. Every todo ends as one change at most,
// because a set-based statement with one id twice fails or picks an arbitrary winner.

import { isPublic, type Command, type CommandOutcome } from '../../lib/domain/command.ts'
import type { PageOwner } from '../../lib/domain/page.ts'
import type { TodoChanges } from '../../lib/todo-store/todo-store.ts'
import type { TodoRow } from '../../lib/domain/todo.ts'
import { noAccess, refusalOf, type Access } from './access.ts'

export type Effect = {
  readonly command: Command
  readonly outcome: CommandOutcome
  /** It made an open todo a completed one. */
  readonly completes: boolean
  /** As it is after the command, or was before it was deleted; undefined without an effect. */
  readonly todo?: TodoRow | undefined
}

export type Folded = {
  readonly changes: TodoChanges
  /** One for each command, in their order. */
  readonly effects: readonly Effect[]
}

/** `rows`: the todos as they are before, for every id that the commands name and that exists. */
export const fold = (
  rows: ReadonlyMap<string, TodoRow>,
  commands: readonly Command[],
  access: Access = noAccess,
): Folded => {
  const effects: Effect[] = []
  const after = new Map<string, TodoRow | undefined>()
  for (const command of commands) {
    const { todoId } = command
    const current = after.has(todoId) ? after.get(todoId) : rows.get(todoId)
    const step = applyOne(current, command, access)
    const isApplied = step.outcome === 'applied'
    if (isApplied) after.set(todoId, step.row)
    const completes = isApplied && step.row?.completed === true && current?.completed === false
    const todo = isApplied ? (step.row ?? current) : undefined
    effects.push({ command, outcome: step.outcome, completes, todo })
  }
  return { changes: difference(rows, after), effects }
}

type Step =
  | { readonly outcome: 'applied'; readonly row: TodoRow | undefined }
  | { readonly outcome: Exclude<CommandOutcome, 'applied'> }

/** Whose pages show it: none of a public todo. */
export const pagesOf = ({ team_id, is_personal, user_id }: TodoRow): PageOwner | undefined => {
  if (team_id !== null) return `team:${team_id}`
  return is_personal ? `user:${user_id}` : undefined
}

const applyOne = (row: TodoRow | undefined, command: Command, access: Access): Step => {
  const refusal = refusalOf(command, row, access)
  if (refusal !== undefined) return { outcome: refusal }
  if (command.kind === 'create') {
    if (row) return { outcome: 'exists' }
    const at = new Date(command.atMs)
    return {
      outcome: 'applied',
      row: {
        id: command.todoId,
        title: command.title,
        description: command.description,
        completed: false,
        user_id: command.userId,
        created_at: at,
        updated_at: at,
        revision: 1,
        is_personal: !isPublic(command),
        team_id: command.teamId ?? null,
        assignee_id: command.assigneeId ?? null,
      },
    }
  }
  if (!row) return { outcome: 'not-found' }
  // Last: to whom it is none of his business, its version is none either (RFC 9110, 13.2.1).
  if (command.ifRevision?.includes(row.revision) === false) {
    return { outcome: 'precondition-failed' }
  }
  if (command.kind === 'delete') return { outcome: 'applied', row: undefined }
  const change = command.kind === 'toggle' ? { completed: !row.completed } : command.change
  return {
    outcome: 'applied',
    row: {
      ...row,
      ...change,
      // Servers' clocks differ; a todo's own time must not go back.
      updated_at: new Date(Math.max(row.updated_at.getTime(), command.atMs)),
      revision: row.revision + 1,
    },
  }
}

const difference = (
  before: ReadonlyMap<string, TodoRow>,
  after: ReadonlyMap<string, TodoRow | undefined>,
): TodoChanges => {
  const inserts: TodoRow[] = []
  const updates: TodoRow[] = []
  const deletes: string[] = []
  for (const [id, row] of after) {
    if (row) (before.has(id) ? updates : inserts).push(row)
    else if (before.has(id)) deletes.push(id)
  }
  return { inserts, updates, deletes }
}
