// Lists that go on from any place in them, at the same cost: what they take. What the place is, and the
// Link to the rest, is in cursor.ts.

import type { Position, Range } from '../../lib/domain/page.ts'
import { InvalidField, orElse } from '../../lib/domain/shape.ts'
import { count } from './contract/parameters.ts'
import { afterParameter, cursorOf } from './cursor.ts'

export const limitMax = 100
export const limitDefault = 20

/** `route`: the endpoint's path, which names the list. */
export const pageQuery = (route: string) => ({
  limit: {
    shape: orElse(count(limitMax), limitDefault),
    description: `How many at most; ${limitDefault} without it.`,
    example: limitDefault,
  },
  after: {
    ...afterParameter(route),
    description:
      'Begins after this place in the list: the cursor of a `Link` with `rel="next"`. It goes on working when what is at that place is gone.',
  },
})

/** Of a list in which a place is an id that is a number. `example`: of such a place. */
export const numberedPageQuery = (route: string, example: Position) => {
  const { limit, after } = pageQuery(route)
  const parse = (value: unknown, field: string): Position | undefined => {
    const place = after.shape.parse(value, field)
    // As many digits as a bigint has for sure.
    if (place === undefined || /^\d{1,18}$/.test(place.id)) return place
    throw new InvalidField(field, `${field} must be one cursor from a Link of ${route}`)
  }
  const cursor = cursorOf(route, example)
  return { limit, after: { ...after, example: cursor, shape: { ...after.shape, parse } } }
}

export const rangeOf = (query: {
  readonly limit: number
  readonly after: Position | undefined
}): Range => ({ after: query.after, count: query.limit })
