// Where a list goes on: a place in it, as a text for URLs. Clients take it from a Link and send it back
// as `after`. It is checked, so that one cut short, changed, or of another list is not believed.

import { createHash } from 'node:crypto'
import type { Position } from '../../lib/domain/page.ts'
import { InvalidField, optional, shape, type Shape } from '../../lib/domain/shape.ts'
import { exampleTodo } from '../../lib/domain/todo.ts'
import type { Parameter } from './contract/parameters.ts'

/** A list is named by its path. */
export const cursorOf = (path: string, { createdAt, id }: Position): string => {
  const place = Buffer.from(`${createdAt.getTime().toString(36)}.${id}`)
  return Buffer.concat([checkOf(path, place), place]).toString('base64url')
}

/**
 * The header that says where the list goes on, if it does: the next `limit`. `route`: the endpoint's path,
 * where that names the list and has a parameter.
 */
export const nextLink = (
  path: string,
  limit: number,
  next: Position | undefined,
  route = path,
): string[] => (next ? ['Link', link('next', targetAfter(path, limit, next, route))] : [])

/** RFC 8288. */
export const link = (rel: 'first' | 'prev' | 'next' | 'last', target: string): string =>
  `<${target}>; rel="${rel}"`

export const targetAfter = (path: string, limit: number, place: Position, route = path): string =>
  `${path}?limit=${limit}&after=${cursorOf(route, place)}`

export const afterParameter = (path: string): Parameter<Position | undefined> => ({
  shape: optional(cursorShape(path)),
  description:
    'Begins after this place in the list: the cursor of a `Link` with `rel="next"`. It goes on working when the todo at that place is gone.',
  example: cursorOf(path, { createdAt: exampleTodo.created_at, id: exampleTodo.id }),
})

/** Not against forgery: whoever makes one finds a place in a list that he may read anyway. */
const checkBytes = 4
const checkOf = (path: string, place: Buffer): Buffer =>
  createHash('sha256').update(path).update('\0').update(place).digest().subarray(0, checkBytes)

const cursorShape = (path: string): Shape<Position> =>
  shape({ type: 'string', pattern: '^[A-Za-z0-9_-]+$' }, (value, field) => {
    const place = typeof value === 'string' ? placeIn(value) : undefined
    // Made again, it is the same: its check is right, for this list, and it is spelled in the one way.
    if (place && cursorOf(path, place) === value) return place
    throw new InvalidField(field, `${field} must be one cursor from a Link of ${path}`)
  })

const placeIn = (cursor: string): Position | undefined => {
  const text = Buffer.from(cursor, 'base64url').subarray(checkBytes).toString()
  // What Postgres can't take is no place: U+0000, and years that it has not.
  const [, time = '', id = ''] = /^(-?[0-9a-z]{1,11})\.([^\0]+)$/.exec(text) ?? []
  const createdAt = new Date(Number.parseInt(time, 36))
  const isKnown =
    !Number.isNaN(createdAt.getTime()) && /^(?!0000)\d{4}-/.test(createdAt.toISOString())
  return isKnown ? { createdAt, id } : undefined
}
