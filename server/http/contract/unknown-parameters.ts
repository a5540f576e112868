// Query parameters that an endpoint does not know: refused, for a filter that is misspelled and then
// ignored gives an answer that was not asked for. Ready lists have no such parameters.

import { isNearly } from '../../../lib/domain/near-miss.ts'
import { Problem } from '../problem.ts'
import { unknownParameter } from '../problems.ts'
import type { Endpoint } from './endpoint.ts'

/** Characters of a name that are repeated to the client. */
const nameLengthMax = 64

/** Throws for the first name in `query` that is not one of the endpoint's. */
export const refuseUnknown = (query: string, { method, path, query: known }: Endpoint): void => {
  for (const given of new URLSearchParams(query).keys()) {
    if (Object.hasOwn(known, given)) continue
    const names = Object.keys(known)
    const meant = names.find((name) => isNearly(given.toLowerCase(), name.toLowerCase()))
    const advice =
      meant === undefined
        ? `${method} ${path} takes ${names.join(', ') || 'none'}`
        : `did you mean ${meant}?`
    throw new Problem(unknownParameter(given.slice(0, nameLengthMax), advice))
  }
}
