// The version of one's own list, or of a team's, as a client is given it, and gives it back to see no less.
// Then a replica that has it is enough, and nobody asks the primary.

import { InvalidField, shape } from '../../../lib/domain/shape.ts'
import type { HeaderParameter } from '../../http/contract/parameters.ts'
import type { ResponseHeader } from '../../http/response-headers.ts'

const versionMax = Number.MAX_SAFE_INTEGER
const name = 'List-Version'

export const listVersion: ResponseHeader = {
  name,
  description:
    "The version of the list that this answer is of: yours, or the team's. It grows with each change. `List-Version-Min` takes it.",
  schema: { type: 'integer', minimum: 1, maximum: versionMax },
  isRequired: false,
}

export const listVersionMin: HeaderParameter<number | undefined> = {
  name: 'List-Version-Min',
  description:
    'The highest `List-Version` that you were given of this list: the answer is of this version or a later one. Without it, of all that is committed.',
  example: 1_795_000_000_000_042,
  component: 'ListVersionMin',
  shape: shape({ type: 'integer', minimum: 1, maximum: versionMax }, (value, field) => {
    if (value === undefined) return undefined
    const version = /^[1-9]\d{0,15}$/.test(value as string) ? Number(value) : NaN
    if (version <= versionMax) return version
    throw new InvalidField(field, `${field} must be a List-Version that you were given`)
  }),
}

/** As a header, where there is one: name, value. */
export const listVersionOf = (version = 0): string[] => (version > 0 ? [name, String(version)] : [])
