// Lists that go on from any place in them, at the same cost: what they take. What the place is, and the
// Link to the rest, is in cursor.ts.

import type { Position, Range } from '../../lib/domain/page.ts'
import { orElse } from '../../lib/domain/shape.ts'
import { count } from './contract/parameters.ts'
import { afterParameter } from './cursor.ts'

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

export const rangeOf = (query: {
  readonly limit: number
  readonly after: Position | undefined
}): Range => ({ after: query.after, count: query.limit })
