// Query parameters that an endpoint does not know: refused, for a filter that is misspelled and then
// ignored gives an answer that was not asked for. Ready lists have no such parameters.

import { isNearly } from '../../../lib/domain/near-miss.ts'
import { collect, type FieldError } from '../../../lib/domain/shape.ts'
import { unknownParameter } from '../problems.ts'
import type { Endpoint } from './endpoint.ts'

/** Characters of a name that are repeated to the client. */
const nameLengthMax = 64
/** Names that are repeated: a short query can have thousands, each with its advice. */
const namedMax = 10

/** Adds to `errors` each name in `query` that is not one of the endpoint's. */
export const refuseUnknown = (
  query: string,
  { method, path, query: known }: Endpoint,
  errors: FieldError[],
): void => {
  for (const given of new URLSearchParams(query).keys()) {
    if (Object.hasOwn(known, given)) continue
    const names = Object.keys(known)
    const meant = names.find((name) => isNearly(given.toLowerCase(), name.toLowerCase()))
    const advice =
      meant === undefined
        ? `${method} ${path} takes ${names.join(', ') || 'none'}`
        : `did you mean ${meant}?`
    collect(errors, unknownParameter(given.slice(0, nameLengthMax), advice))
    if (errors.length === namedMax) return
  }
}
