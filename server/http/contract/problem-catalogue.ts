// Every type of problem that a list of endpoints can answer: what the pages of problems are made from.

import { isDeepStrictEqual } from 'node:util'
import { tooManyAtOnce, tooManyMessages, tooManySubscriptions } from '../access-problems.ts'
import { bodyCutShort } from '../json-body.ts'
import type { ProblemKind, ProblemType } from '../problem.ts'
import { malformed, notAllowed, nothingAt, noTunnel, unexpected } from '../problems.ts'
import type { Endpoint } from './endpoint.ts'
import { kindsOf } from './problem-responses.ts'

export type DescribedProblem = {
  readonly type: ProblemType
  /** As they are answered: one for each detail. */
  readonly kinds: readonly ProblemKind[]
  /** The endpoints that may answer it: none where it is no request, or one for none of them. */
  readonly endpoints: readonly Endpoint[]
}

/** What the document does not say at each operation. */
const whateverIsAsked: readonly ProblemKind[] = [
  malformed,
  bodyCutShort,
  nothingAt('/nowhere'),
  notAllowed('GET, HEAD, OPTIONS'),
  unexpected,
  tooManyAtOnce,
  tooManySubscriptions,
  tooManyMessages,
  noTunnel,
]

/** In the order of their status, then of their slug. */
export const problemCatalogue = (endpoints: readonly Endpoint[]): DescribedProblem[] => {
  const bySlug = new Map<string, DescribedProblem>()
  const add = (kind: ProblemKind, from: readonly Endpoint[]) => {
    const { type, detail } = kind
    const known = bySlug.get(type.slug) ?? { type, kinds: [], endpoints: [] }
    if (!isDeepStrictEqual(known.type, type)) {
      throw new Error(`two differing problems are called ${type.slug}`)
    }
    const isKnown = known.kinds.some((one) => one.detail === detail)
    bySlug.set(type.slug, {
      type,
      kinds: isKnown ? known.kinds : [...known.kinds, kind],
      endpoints: [...new Set([...known.endpoints, ...from])],
    })
  }
  for (const kind of whateverIsAsked) add(kind, [])
  for (const endpoint of endpoints) {
    for (const kind of kindsOf(endpoint)) add(kind, [endpoint])
  }
  return [...bySlug.values()].sort(
    ({ type: a }, { type: b }) => a.status - b.status || (a.slug < b.slug ? -1 : 1),
  )
}
