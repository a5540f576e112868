// How an endpoint refuses: what it says itself, and what follows from what it takes. One response for
// each status, with an example for each type.

import {
  described,
  InvalidField,
  list,
  named,
  object,
  oneOf,
  optional,
  string,
  wholeNumber,
  type Shape,
} from '../../../lib/domain/shape.ts'
import {
  invalidToken,
  noToken,
  notSystemAdmin,
  rolesUnavailable,
  tooManyRequests,
} from '../access-problems.ts'
import { bodyTooLarge, notJson, wrongCoding } from '../json-body.ts'
import {
  problemBody,
  problemsPath,
  problemTitles,
  type ProblemKind,
  type ProblemStatus,
} from '../problem.ts'
import {
  badHost,
  failed,
  headTooLarge,
  invalidFields,
  tooManyInFlight,
  tooManyStreams,
  tooSlow,
  unknownParameter,
} from '../problems.ts'
import { noStore, rateLimit, requestId, requestIdIfAny } from '../response-headers.ts'
import type { ComponentsInTheMaking } from './components.ts'
import { needsToken, type BodyOf, type Endpoint, type Method } from './endpoint.ts'
import { wrongCharset, wrongMediaType } from './media-types.ts'
import type { Reference, ResponseWithReferences } from './openapi.ts'

const problemShape = named(
  'Problem',
  object(
    {
      type: string({
        pattern: `^${problemsPath}/[a-z-]+$`,
        description: 'What went wrong, for programs: the address of its page on this server.',
      }),
      title: string({ description: "The status's name." }),
      status: wholeNumber(400, 599),
      detail: string({ minLength: 1, description: 'What is wrong, for people.' }),
      field: optional(
        string({
          minLength: 1,
          description:
            'The input at fault: a member of the body, `body` or `change` for all of it, a parameter or a header.',
        }),
      ),
      errors: optional(
        described(
          list(object({ field: string(), message: string({ description: 'For people.' }) })),
          'Each input at fault, `field` first.',
        ),
      ),
      publish: optional(
        described(
          oneOf('not-attempted', 'unknown'),
          'With a 503 to a write. `not-attempted`: nothing happened; `unknown`: it may yet happen, so read before you repeat.',
        ),
      ),
    },
    { description: 'An error (RFC 9457).' },
  ),
)

export const problemResponses = (
  endpoint: Endpoint,
  components: ComponentsInTheMaking,
): Record<string, ResponseWithReferences | Reference> => {
  const shared = sharedKindsOf(endpoint)
  const own = new Set(ownKindsOf(endpoint))
  const byStatus = new Map<ProblemStatus, ProblemKind[]>()
  for (const kind of [...own, ...shared]) {
    const { status } = kind.type
    byStatus.set(status, [...(byStatus.get(status) ?? []), kind])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, kinds]) => {
      const isShared = !kinds.some((kind) => own.has(kind))
      const name = isShared ? problemTitles[status].replaceAll(' ', '') : undefined
      const isCounted = isShared || endpoint.limit !== undefined
      return [status, components.response(name, responseOf(kinds, isCounted, components))]
    }),
  )
}

/** Each way in which an endpoint refuses. */
export const kindsOf = (endpoint: Endpoint): readonly ProblemKind[] => [
  ...ownKindsOf(endpoint),
  ...sharedKindsOf(endpoint),
]

const ownKindsOf = (endpoint: Endpoint): ProblemKind[] => [
  ...refusalsOf(endpoint),
  ...endpoint.problems,
]

/** What no endpoint lists: it follows from the rest of its definition. */
const sharedKindsOf = ({
  auth,
  limit,
  body,
  isProbe,
  isStreamed,
}: Endpoint): readonly ProblemKind[] => [
  ...(needsToken(auth) ? tokenProblems : []),
  ...(auth === 'system-admin' ? [notSystemAdmin, rolesUnavailable] : []),
  ...(body ? [notJson, bodyTooLarge, wrongCoding] : []),
  ...(limit ? limitProblems : []),
  ...(isProbe ? [] : [tooManyInFlight]),
  ...(isStreamed ? [tooManyStreams] : []),
  unknownInAll,
  badHost,
  tooSlow,
  headTooLarge,
  failed,
]
const tokenProblems = [noToken, invalidToken('the token has expired')]
const limitProblems = [tooManyRequests(3)]
const unknownInAll = invalidFields(unknownParameter('limt', 'did you mean limit?'))

/** What is refused before anybody counts it. */
const uncounted: readonly ProblemKind[] = [...tokenProblems, tooSlow, headTooLarge]
/** What is no request yet has no name. */
const unnamed: readonly ProblemKind[] = [tooSlow, headTooLarge]

const responseOf = (
  kinds: readonly ProblemKind[],
  isCounted: boolean,
  components: ComponentsInTheMaking,
): ResponseWithReferences => {
  const whens = new Set(kinds.map(({ type }) => type.when))
  const isAmong = (some: readonly ProblemKind[]) => kinds.every((kind) => some.includes(kind))
  return {
    description: [...whens].join(' '),
    headers: components.headers([
      noStore,
      ...kinds.flatMap(({ headers = [] }) => headers),
      ...(isCounted && !isAmong(uncounted) ? rateLimit : []),
      ...(isAmong(unnamed) ? [] : [kinds.includes(badHost) ? requestIdIfAny : requestId]),
    ]),
    content: {
      'application/problem+json': {
        schema: components.schema(problemShape),
        examples: components.namedExamples(
          firstOfEach(kinds).map((kind) => ({ name: kind.type.slug, value: problemBody(kind) })),
        ),
      },
    },
  }
}

/** One example for each type: its page has every detail. */
const firstOfEach = (kinds: readonly ProblemKind[]): ProblemKind[] => {
  const slugs = kinds.map(({ type }) => type.slug)
  return kinds.filter(({ type }, i) => slugs.indexOf(type.slug) === i)
}

/** What shapes say of input that none of them takes. */
const refusalsOf = ({ method, params, query, headers, body }: Endpoint): ProblemKind[] => [
  ...[...Object.entries(params), ...Object.entries(query)].flatMap(([name, { shape }]) =>
    refusalOf(shape, ' ', name),
  ),
  ...Object.values(headers).flatMap(({ shape, name }) => refusalOf(shape, ' ', name)),
  ...(body ? [...refusalOf(body.shape, {}, 'body'), ...typeProblems(method, body)] : []),
]

const typeProblems = (method: Method, body: BodyOf<unknown>): ProblemKind[] => [
  wrongMediaType(method, body),
  wrongCharset(method, body),
]

const refusalOf = ({ parse }: Shape<unknown>, value: unknown, field: string): ProblemKind[] => {
  try {
    parse(value, field)
    return []
  } catch (error) {
    if (!(error instanceof InvalidField)) throw error
    return [invalidFields(error)]
  }
}
