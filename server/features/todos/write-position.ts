// Where the log has a write that was not waited for, as its answer says it, and a reader brings it back: a
// version of his list there is none yet. A replica that has applied it, or else the primary, answers him.

import type { LogPosition, MustSee } from '../../../lib/domain/must-see.ts'
import { InvalidField, shape } from '../../../lib/domain/shape.ts'
import type { HeaderParameter } from '../../http/contract/parameters.ts'
import type { ResponseHeader } from '../../http/response-headers.ts'

const name = 'Write-Position'
/** One for each partition of the log that somebody has written to since he has read: most have one. */
const positionsMax = 16
const onePattern = '(0|[1-9]\\d{0,4})-(0|[1-9]\\d{0,14})'
const pattern = `^${onePattern}( *, *${onePattern}){0,${positionsMax - 1}}$`

export const writePosition: ResponseHeader = {
  name,
  description:
    'Where the log has the write. `Write-Position-Min` takes it: what is read then has it, as soon as it is applied.',
  schema: { type: 'string', pattern: `^${onePattern}$` },
  isRequired: false,
}

export const writePositionMin: HeaderParameter<readonly LogPosition[] | undefined> = {
  name: 'Write-Position-Min',
  description: `The \`Write-Position\` of your last write, or several, ${positionsMax} at most: the answer has these writes if they are applied. Of those with the same number before the dash the last is enough.`,
  example: '3-1042',
  component: 'WritePositionMin',
  shape: shape({ type: 'string', pattern }, (value, field) => {
    if (value === undefined) return undefined
    const parts = (value as string).split(',').map((part) => part.trim())
    const positions = parts.flatMap((part) => {
      const [, partition, offset] = one.exec(part) ?? []
      return offset === undefined ? [] : [{ partition: Number(partition), offset: Number(offset) }]
    })
    if (parts.length <= positionsMax && positions.length === parts.length) return positions
    throw new InvalidField(
      field,
      `${field} must be at most ${positionsMax} Write-Positions that you were given`,
    )
  }),
}
const one = new RegExp(`^${onePattern}$`)

/** As a header, where there is one: name, value. */
export const writePositionOf = (position: LogPosition | undefined): string[] =>
  position ? [name, `${position.partition}-${position.offset}`] : []

type Named = {
  readonly listVersionMin: number | undefined
  readonly writePositionMin: readonly LogPosition[] | undefined
}

/** What a reader's headers name. */
export const mustSeeOf = ({ listVersionMin, writePositionMin }: Named): MustSee => ({
  version: listVersionMin,
  positions: writePositionMin,
})
