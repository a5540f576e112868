// What an endpoint is: one definition. From it come its route, the check of what comes in, its
// limit, its metrics' labels, the methods that CORS allows and its place in the OpenAPI document.

import type { Shape } from '../../../lib/domain/shape.ts'
import type { Client } from '../client-address.ts'
import type { Reply, Request } from '../engines/engine.ts'
import type { ProblemKind } from '../problem.ts'
import type { AnswerDescription } from './answer.ts'
import type { HeaderParameters, Parameters, ValuesOf } from './parameters.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Who a bearer token speaks for. */
export type Principal = {
  readonly userId: string
  /** The session of a token that a login gave. */
  readonly sessionId: string | undefined
}

/** `system-admin`: a token of one who administers all accounts, as it stands when it is asked for. */
export type Auth = 'bearer' | 'system-admin' | 'none'

export const needsToken = (auth: Auth): boolean => auth !== 'none'

/** Requests with a token are counted by user, others by the client's address. */
export type LimitName = 'user' | 'write' | 'address' | 'read' | 'list' | 'probe'
type LimitOf<A> = A extends 'none' ? 'address' | 'read' | 'list' | 'probe' : 'user' | 'write'

/** A chapter of the document. */
export type Tag = {
  readonly name: string
  readonly description: string
  /** For whoever runs or reads about the API: no part of what its versions promise. */
  readonly isUnversioned?: true
}

/** RFC 9745 and RFC 8594. It goes on working until `sunset`, which is known once it is decided. */
export type Deprecation = { readonly since: Date; readonly sunset?: Date }

/** What a handler is given: found and checked before it is called. */
export type EndpointRequest<A, P, Q, H, B> = {
  readonly request: Request
  /** What the request is called in the answer, in logs and in the command that it becomes. */
  readonly requestId: string
  readonly principal: A extends 'none' ? undefined : Principal
  /** Where nobody needs a token: else the principal is who asks. */
  readonly client: A extends 'none' ? Client : undefined
  readonly params: ValuesOf<P>
  readonly query: ValuesOf<Q>
  readonly headers: ValuesOf<H>
  readonly body: B
}

export type BodyOf<T> = {
  readonly shape: Shape<T>
  readonly examples: readonly object[]
  /** In which it is taken: each of them JSON, and `application/json` alone without this. */
  readonly mediaTypes?: readonly string[]
  /** What no body stands for; without this there must be one. */
  readonly whenEmpty?: NoInfer<T>
}

type About = {
  readonly method: Method
  /**
   * Literal, or its last or last but one part is a parameter, or its last and last but two are. One that
   * ends with a star stands for all that follows, slashes included, where no other path is asked for.
   */
  readonly path: string
  /** What clients that are made from the document call it. */
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tag: Tag
  /** A probe for supervisors and load balancers: it is answered however many wait. */
  readonly isProbe?: boolean
  /** Its body may be made while it is sent; there may be only so many of those. */
  readonly isStreamed?: boolean
  /** It reads the refresh token's cookie. */
  readonly needsCookie?: boolean
  /** For people, to whom links come with parameters of others: those it does not know are ignored. */
  readonly takesAnyQuery?: boolean
  /** Every answer of it says so. */
  readonly deprecation?: Deprecation | undefined
  readonly responses: readonly AnswerDescription[]
  /** How it refuses, besides what follows from the rest of its definition. */
  readonly problems?: readonly ProblemKind[]
}

export type Definition<A extends Auth, P, Q, H, B> = About & {
  readonly auth: A
  readonly limit?: LimitOf<A>
  /** The limit counts only requests with this parameter in their query; all without it. */
  readonly limitedWith?: string
  /** The limit of requests without that parameter. */
  readonly limitWithout?: LimitOf<A>
  readonly params?: P
  readonly query?: Q
  readonly headers?: H
  readonly body?: BodyOf<B>
  readonly handler: (input: EndpointRequest<A, P, Q, H, B>) => Reply | Promise<Reply>
}

/** An endpoint whatever it takes, as the router and the document see it. */
export type Endpoint = Required<About> & {
  readonly auth: Auth
  readonly limit: LimitName | undefined
  readonly limitedWith: string | undefined
  readonly limitWithout: LimitName | undefined
  readonly params: Parameters
  readonly query: Parameters
  readonly headers: HeaderParameters
  readonly body: BodyOf<unknown> | undefined
  readonly handler: (
    input: EndpointRequest<never, never, never, never, never>,
  ) => Reply | Promise<Reply>
}

export const endpoint = <
  A extends Auth,
  P extends Parameters = never,
  Q extends Parameters = never,
  H extends HeaderParameters = never,
  B = undefined,
>(
  definition: Definition<A, P, Q, H, B>,
): Endpoint => {
  const { params = {}, query = {}, headers = {}, description = '', problems = [] } = definition
  const inPath = [...definition.path.matchAll(/:(\w+)/g)].map(([, name]) => name)
  if (inPath.join() !== Object.keys(params).join()) {
    throw new Error(
      `${definition.path}: its parameters are ${Object.keys(params).join() || 'none'}`,
    )
  }
  return {
    ...definition,
    description,
    isProbe: definition.isProbe ?? false,
    isStreamed: definition.isStreamed ?? false,
    needsCookie: definition.needsCookie ?? false,
    takesAnyQuery: definition.takesAnyQuery ?? false,
    deprecation: definition.deprecation,
    problems,
    params,
    query,
    headers,
    limit: definition.limit,
    limitedWith: definition.limitedWith,
    limitWithout: definition.limitWithout,
    body: definition.body,
  }
}

/** `/app/:path*` as `/app/{path}` */
export const templateOf = (path: string): string => path.replaceAll(/:(\w+)\*?/g, '{$1}')

export const probePathsOf = (endpoints: readonly Endpoint[]): string[] =>
  endpoints.filter(({ isProbe }) => isProbe).map(({ path }) => path)

/** What every versioned path may begin with. Without it, it is the same path of the same version. */
export const versionPrefix = '/v1'

/** The methods that a list of endpoints takes, in the order that they are always named in. */
export const methodsOf = (endpoints: readonly Endpoint[]): string[] =>
  ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) =>
    endpoints.some((one) => one.method === (method === 'HEAD' ? 'GET' : method)),
  )
