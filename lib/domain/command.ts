// A command: what a write asks for, as it travels through the log. The server encodes it, the
// worker decodes it strictly: a record that does not decode can never apply.

import {
  described,
  InvalidField,
  nullAs,
  object,
  optional,
  type Shape,
  type TypeOf,
} from './shape.ts'
import { uuid } from './team.ts'
import {
  assigneeId,
  completed,
  description,
  parseDescription,
  parseTitle,
  parseTodoId,
  title,
  userIdLengthMax,
} from './todo.ts'

type Envelope = {
  /** Unique for each request: the sink applies a command id once, however often it is logged. */
  readonly commandId: string
  readonly todoId: string
  readonly userId: string
  /** When the server took the command, ms since the epoch. */
  readonly atMs: number
  /** What the request is called in the logs. Came later: records may lack it, readers ignore it. */
  readonly requestId?: string
  /** The todo is one that only its owner can see. Left out for the others, which are most. */
  readonly isPersonal?: true
  /** The todo is one of this team. Whether its author is in the team is found out as it is applied. */
  readonly teamId?: string
  /** The todo is another's personal one, and its author relies on a share of it. */
  readonly isShared?: true
  /**
   * The database keeps what came of it: somebody will ask, or it can come again under another stamp.
   * Of the others only their stamp is known, so asking for their outcome finds nothing.
   */
  readonly keepsOutcome?: true
}

/** Who published a record, and which of that publisher's records it is, from 1 on. */
export type Stamp = {
  readonly by: string
  readonly number: number
}
export const publisherIdLength = 16

/** `assignee_id`: of todos of a team. */
export type TodoChange = TypeOf<typeof teamTodoChange>
export type CreateTodo = Envelope & {
  readonly kind: 'create'
  readonly title: string
  readonly description: string
  /** Of a team's todo: who is to do it. */
  readonly assigneeId?: string
}
/** Of a todo that is there already. */
type Condition = {
  /** To be applied only while the todo is at one of these revisions. */
  readonly ifRevision?: readonly number[]
}
export type UpdateTodo = Envelope &
  Condition & { readonly kind: 'update'; readonly change: TodoChange }
/** Completed becomes not completed, and the reverse. */
export type ToggleTodo = Envelope & Condition & { readonly kind: 'toggle' }
export type DeleteTodo = Envelope & Condition & { readonly kind: 'delete' }
export type Command = CreateTodo | UpdateTodo | ToggleTodo | DeleteTodo

/** What came of a command. */
export type CommandOutcome =
  | 'applied'
  | 'not-found'
  | 'forbidden'
  | 'exists'
  | 'precondition-failed'
  /** Who is to do it is not in the team. */
  | 'assignee-not-a-member'

/** The todo is one that anybody can see. */
export const isPublic = ({ isPersonal, teamId }: Command): boolean =>
  isPersonal !== true && teamId === undefined

// A worker must know all that a command means. One that only knows lower versions makes a dead letter
// of it, which can be replayed: better than a personal todo made public, or a condition ignored.
const publicSchema = 1
/** May be personal. */
const personalSchema = 2
/** May have a condition, may toggle. Only such commands are, so that others need no newer worker. */
const conditionalSchema = 3
/** May be of a team, or by somebody with whom the todo is shared: to be refused if he may not (any more). */
const accessSchema = 4

// A stamp, and that an outcome is kept, need no schema of their own: workers that know neither are
// refused by the database (sql/009). Nothing else in a command is for them alone.

/** A record that is published again keeps its stamp. Not in the command: one can be published twice. */
export const encodeCommand = (command: Command, stamp?: Stamp): string => {
  const stamped = stamp ? `"by":"${stamp.by}","n":${stamp.number},` : ''
  return `{"schema":${schemaOf(command)},${stamped}${JSON.stringify(command).slice(1)}`
}

const schemaOf = (command: Command): number => {
  if (command.teamId !== undefined || command.isShared) return accessSchema
  if (command.kind === 'toggle') return conditionalSchema
  if (command.kind !== 'create' && command.ifRevision) return conditionalSchema
  return command.isPersonal ? personalSchema : publicSchema
}

export type Decoded =
  | { readonly kind: 'command'; readonly command: Command; readonly stamp?: Stamp }
  | {
      readonly kind: 'poison'
      readonly reason: string
      readonly requestId?: string
      /** Poison is dealt with once, too. */
      readonly stamp?: Stamp
    }

// Lenient, it would turn broken bytes into U+FFFD: a command that nobody sent.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The command in `bytes`, or why it can never be one. Never throws. */
export const decodeCommand = (bytes: Buffer | null): Decoded => {
  if (bytes === null) return { kind: 'poison', reason: 'the record has no value' }
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(bytes))
  } catch {
    return { kind: 'poison', reason: 'not JSON in UTF-8' }
  }
  try {
    const command = parseCommand(json)
    const stamp = stampIn(json as Record<string, unknown>)
    return stamp ? { kind: 'command', command, stamp } : { kind: 'command', command }
  } catch (error) {
    if (!(error instanceof InvalidField)) throw error
    const requestId = requestIdIn(json)
    return {
      kind: 'poison',
      reason: error.message,
      ...(requestId !== undefined && { requestId }),
      ...readableStampIn(json),
    }
  }
}

const parseCommand = (json: unknown): Command => {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new InvalidField('record', 'the record must be a JSON object')
  }
  const record = json as Record<string, unknown>
  const { schema } = record
  if (typeof schema !== 'number' || !schemas.includes(schema)) {
    throw new InvalidField('schema', 'schema must be 1, 2, 3 or 4')
  }
  // Written out: spreads were a quarter of what a record costs here.
  const commandId = parseShortText('commandId', record['commandId'], 64)
  const todoId = parseTodoId(record['todoId'])
  const userId = parseShortText('userId', record['userId'], userIdLengthMax)
  const atMs = parseTime(record['atMs'])
  const command = parseWanted(record, schema, { commandId, todoId, userId, atMs })
  const requestId = requestIdIn(record)
  if (requestId !== undefined) command.requestId = requestId
  if (schema !== publicSchema && isIn(record, 'isPersonal')) command.isPersonal = true
  if (schema === accessSchema) readAccess(record, command)
  if (isIn(record, 'keepsOutcome')) command.keepsOutcome = true
  return command
}

const schemas: readonly number[] = [publicSchema, personalSchema, conditionalSchema, accessSchema]

const readAccess = (record: Record<string, unknown>, command: Draft<Command>): void => {
  if (isIn(record, 'isShared')) command.isShared = true
  if (record['teamId'] !== undefined) command.teamId = uuid.parse(record['teamId'], 'teamId')
  if (command.teamId === undefined) return
  if (command.isPersonal) throw new InvalidField('teamId', 'a personal todo is of no team')
  if (command.kind === 'create' && record['assigneeId'] !== undefined) {
    command.assigneeId = uuid.parse(record['assigneeId'], 'assigneeId')
  }
}

type Draft<C> = C extends unknown ? { -readonly [K in keyof C]: C[K] } : never

const parseWanted = (
  record: Record<string, unknown>,
  schema: number,
  { commandId, todoId, userId, atMs }: Envelope,
): Draft<Command> => {
  const { kind } = record
  if (kind === 'create') {
    const title = parseTitle(record['title'])
    const description = parseDescription(record['description'])
    return { commandId, todoId, userId, atMs, kind, title, description }
  }
  const envelope = { commandId, todoId, userId, atMs }
  const condition = schema >= conditionalSchema ? conditionIn(record) : {}
  switch (kind) {
    case 'update':
      return { ...envelope, kind, change: changeIn(record, schema), ...condition }
    case 'toggle':
    case 'delete':
      return { ...envelope, kind, ...condition }
    default:
      throw new InvalidField('kind', 'kind must be create, update, toggle or delete')
  }
}

const changedMembers = (title: Shape<string>) => ({
  title: optional(title),
  description: optional(nullAs(described(description, 'Empty when it is null.'), '')),
  completed: optional(completed),
})
const changeDescription =
  'At least one of these; what is left out stays as it is. Members that are not named here are ignored.'

/** Any subset of the fields that can be changed, but at least one. */
export const changeOf = (title: Shape<string>) =>
  object(changedMembers(title), {
    description: changeDescription,
    ifEmpty: { message: 'give at least one of title, description and completed' },
  })

/** The same of a team's todo. */
export const teamChangeOf = (title: Shape<string>) =>
  object(
    { ...changedMembers(title), assignee_id: optional(assigneeId) },
    {
      description: changeDescription,
      ifEmpty: { message: 'give at least one of title, description, completed and assignee_id' },
    },
  )

/** As the log has it. What comes in is held to more. */
export const todoChange = changeOf(title)
const teamTodoChange = teamChangeOf(title)

export const parseChange = (value: unknown): TodoChange => todoChange.parse(value, 'change')

const changeIn = ({ teamId, change }: Record<string, unknown>, schema: number): TodoChange =>
  schema === accessSchema && teamId !== undefined
    ? teamTodoChange.parse(change, 'change')
    : parseChange(change)

const parseShortText = (field: string, value: unknown, max: number): string => {
  if (typeof value !== 'string' || value.length < 1 || value.length > max || value.includes('\0')) {
    throw new InvalidField(field, `${field} must be a string of 1 to ${max} characters`)
  }
  // In Postgres all lone surrogates are one U+FFFD: two users, or two commands, would become one.
  if (!value.isWellFormed()) {
    throw new InvalidField(field, `${field} must not contain lone surrogates`)
  }
  return value
}

/** More that a client could know of make no sense, and would be compared with each. */
export const revisionsMax = 100
/** What the database's column holds. */
export const revisionMax = 2 ** 31 - 1

const conditionIn = ({ ifRevision }: Record<string, unknown>): Condition => {
  if (ifRevision === undefined) return {}
  if (Array.isArray(ifRevision) && ifRevision.length <= revisionsMax) {
    const revisions = ifRevision.filter(isRevision)
    if (revisions.length === ifRevision.length) return { ifRevision: revisions }
  }
  throw new InvalidField(
    'ifRevision',
    `ifRevision must be a list of at most ${revisionsMax} revisions`,
  )
}

const isRevision = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= revisionMax

type Mark = 'isPersonal' | 'isShared' | 'keepsOutcome'
const isIn = (record: Record<string, unknown>, field: Mark): boolean => {
  const value = record[field]
  if (value === undefined || typeof value === 'boolean') return value === true
  throw new InvalidField(field, `${field} must be true or false`)
}

const publisherIdPattern = new RegExp(`^[A-Za-z0-9_-]{${publisherIdLength}}$`)

/** None in records of servers from before there were stamps. */
const stampIn = ({ by, n }: Record<string, unknown>): Stamp | undefined => {
  if (by === undefined && n === undefined) return undefined
  if (typeof by !== 'string' || !publisherIdPattern.test(by)) {
    throw new InvalidField('by', `by must be ${publisherIdLength} letters, digits, - or _`)
  }
  if (!Number.isSafeInteger(n) || (n as number) < 1) {
    throw new InvalidField('n', 'n must be a whole number of at least 1')
  }
  return { by, number: n as number }
}

const readableStampIn = (json: unknown): { stamp?: Stamp } => {
  try {
    const stamp = stampIn((json ?? {}) as Record<string, unknown>)
    return stamp ? { stamp } : {}
  } catch {
    return {}
  }
}

/** A bad one is no reason to refuse a command: it only ever goes to a log. */
const requestIdIn = (record: unknown): string | undefined => {
  const requestId = (record as { requestId?: unknown } | null)?.requestId
  if (typeof requestId === 'string' && /^[!-~]{1,128}$/.test(requestId)) return requestId
  return undefined
}

/** The end of the year 9999: later ones are written with a sign in JSON, and sort as text no more. */
const timeMsMax = 253_402_300_799_999

const parseTime = (value: unknown): number => {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > timeMsMax) {
    throw new InvalidField('atMs', 'atMs must be a time in ms since the epoch')
  }
  return value as number
}
