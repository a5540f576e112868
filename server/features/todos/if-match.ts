// A todo's revision as its entity tag, and back: a write that is to happen only to the version that
// the client has seen (If-Match, RFC 9110 13.1.1). The worker compares it where the write is applied.

import { revisionMax, revisionsMax } from '../../../lib/domain/command.ts'
import { InvalidField, shape } from '../../../lib/domain/shape.ts'
import type { HeaderParameter } from '../../http/contract/parameters.ts'
import { Problem } from '../../http/problem.ts'
import type { Preferences } from '../../http/write-headers.ts'
import { waitSecOf, type Collection } from './parts.ts'
import { ifMatchRequired, ifMatchUnseen } from './problems.ts'

/** Strong: it names one todo's every byte. */
export const etagOf = ({ revision }: { readonly revision: number }): string => `"${revision}"`

export type IfMatch =
  | { readonly kind: 'any' }
  /** None of them may be a revision: then nothing matches. */
  | { readonly kind: 'revisions'; readonly revisions: readonly number[] }

/** Longer ones say nothing more, and are walked before anybody knows whether the todo exists. */
const lengthMax = 2_000
/** One element of the list, which may be empty (RFC 9110, 5.6.1), and what ends it. */
const element = /[ \t]*(?:(W\/)?"([!#-~\u0080-\uffff]*)")?[ \t]*(,|$)/y
const revisionPattern = /^[1-9]\d{0,9}$/

export const parseIfMatch = (text: string, field = 'If-Match'): IfMatch => {
  if (text.trim() === '*') return { kind: 'any' }
  const revisions: number[] = []
  let tags = 0
  if (text.length <= lengthMax) {
    for (let at = 0; ; at = element.lastIndex) {
      element.lastIndex = at
      const [, weak, tag, end] = element.exec(text) ?? []
      if (end === undefined) break
      if (tag !== undefined) tags++
      // A weak tag matches nothing here, nor does one that we never gave.
      if (tag !== undefined && weak === undefined && revisionPattern.test(tag)) {
        const revision = Number(tag)
        if (revision <= revisionMax) revisions.push(revision)
      }
      if (end === '' && tags > 0 && tags <= revisionsMax) return { kind: 'revisions', revisions }
      if (end === '') break
    }
  }
  throw new InvalidField(
    field,
    `${field} must be * or at most ${revisionsMax} entity tags, each in double quotes`,
  )
}

export const ifMatch: HeaderParameter<IfMatch | undefined> = {
  name: 'If-Match',
  description:
    'The `ETag` of the todo as the client knows it, several, or `*`: the write is applied only while the todo is at one of these, else it is a 412. It needs an answer that waits for the write. Weak tags never match.',
  example: '"3"',
  component: 'IfMatch',
  shape: shape({ type: 'string', maxLength: lengthMax }, (value, field) =>
    value === undefined ? undefined : parseIfMatch(value as string, field),
  ),
}

type Conditional = {
  readonly prefer: Preferences
  readonly ifMatch: IfMatch | undefined
}

/** What the command carries; a Problem where the condition is missing, or its outcome would be unseen. */
export const conditionOf = (
  { prefer, ifMatch }: Conditional,
  collection: Collection,
  isRequired: boolean,
): { readonly ifRevision?: readonly number[] } => {
  if (ifMatch === undefined) {
    if (isRequired) throw new Problem(ifMatchRequired)
    return {}
  }
  if (waitSecOf(prefer, collection) === 0) throw new Problem(ifMatchUnseen)
  // Any version there is: a todo that is not there is a 404 in any case.
  return ifMatch.kind === 'any' ? {} : { ifRevision: ifMatch.revisions }
}
