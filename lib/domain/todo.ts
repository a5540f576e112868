// What a todo is: its shape, its JSON, and the limits that the API, the worker and the database
// all hold it to.

export type Todo = {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly completed: boolean
  readonly user_id: string
  readonly created_at: Date
  readonly updated_at: Date
}

/** A todo, how many commands made it what it is, and whether only its owner can see it. */
export type TodoRow = Todo & { readonly revision: number; readonly is_personal: boolean }

export const titleLengthMax = 200
export const descriptionLengthMax = 2_000
export const userIdLengthMax = 128
export const idPattern = /^[A-Za-z0-9_-]{1,64}$/

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

/** A field that is not what it must be; `message` reads as a sentence about that field. */
export class InvalidField extends Error {
  override readonly name = 'InvalidField'
  readonly field: string
  constructor(field: string, message: string) {
    super(message)
    this.field = field
  }
}

/** The title, or InvalidField. Lengths count Unicode code points, as Postgres's char_length does. */
export const parseTitle = (value: unknown): string => parseText('title', value, 1, titleLengthMax)

export const parseDescription = (value: unknown): string =>
  parseText('description', value, 0, descriptionLengthMax)

export const parseCompleted = (value: unknown): boolean => {
  if (typeof value !== 'boolean')
    throw new InvalidField('completed', 'completed must be true or false')
  return value
}

export const parseTodoId = (value: unknown): string => {
  if (typeof value !== 'string' || !idPattern.test(value)) {
    throw new InvalidField('id', 'id must be 1 to 64 letters, digits, - or _')
  }
  return value
}

const parseText = (field: string, value: unknown, min: number, max: number): string => {
  if (value === undefined) throw new InvalidField(field, `${field} is required`)
  if (typeof value !== 'string') throw new InvalidField(field, `${field} must be a string`)
  // Counting code points walks the string, so the cheap bound comes first.
  const length = value.length > max * 2 ? value.length : codePoints(value)
  if (length < min || length > max) {
    throw new InvalidField(field, `${field} must have ${min} to ${max} characters`)
  }
  // Postgres cannot store U+0000, and UTF-8 has no lone surrogates: either would not come back as sent.
  if (value.includes('\0') || !value.isWellFormed()) {
    throw new InvalidField(field, `${field} must not contain U+0000 or lone surrogates`)
  }
  return value
}

const codePoints = (text: string) => {
  let count = 0
  for (const _ of text) count++
  return count
}
