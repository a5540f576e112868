// The part of OpenAPI 3.1 that our document uses, as types. Its operations are a list in which
// every reference is followed: the page reads it, and all who go through the document.

import type { JsonSchema } from '../../../lib/domain/shape.ts'

export type Reference = { readonly $ref: string }

export type Header = {
  readonly description: string
  /** It is always there. */
  readonly required?: true
  readonly schema: JsonSchema
}

export type Example = { readonly value: unknown }

export type Media<E = Example> = {
  readonly schema: JsonSchema
  readonly examples?: Readonly<Record<string, E>>
}
export type Content<E = Example> = Readonly<Record<string, Media<E>>>

export type Response<H = Header, E = Example> = {
  readonly description: string
  readonly headers?: Readonly<Record<string, H>>
  readonly content?: Content<E>
}

export type Parameter = {
  readonly name: string
  readonly in: 'query' | 'path' | 'header'
  readonly required?: true
  readonly description: string
  readonly schema: JsonSchema
  readonly example: string | number
}

export type Operation<P = Parameter, R = Response> = {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly deprecated?: true
  readonly tags: readonly string[]
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly P[]
  readonly requestBody?: {
    readonly required: boolean
    readonly description: string
    readonly content: Content
  }
  /** By status. */
  readonly responses: Readonly<Record<string, R>>
}

/** Who it speaks for is said by a bearer token. */
export const takesToken = ({ security }: Pick<Operation, 'security'>): boolean =>
  security.some((one) => 'bearer' in one)

export type Lower = 'get' | 'post' | 'put' | 'patch' | 'delete'
export type ResponseWithReferences = Response<Reference, Example | Reference>
export type OperationWithReferences = Operation<
  Parameter | Reference,
  ResponseWithReferences | Reference
>
export type PathItem = Readonly<Partial<Record<Lower, OperationWithReferences>>>

export type Info = {
  readonly title: string
  readonly version: string
  readonly summary: string
  readonly description: string
  readonly license: { readonly name: string; readonly identifier: string }
}

export type Components = {
  readonly schemas: Readonly<Record<string, JsonSchema>>
  readonly parameters: Readonly<Record<string, Parameter>>
  readonly headers: Readonly<Record<string, Header>>
  readonly examples: Readonly<Record<string, Example>>
  readonly responses: Readonly<Record<string, ResponseWithReferences>>
  readonly securitySchemes: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export type OpenApi = {
  readonly openapi: '3.1.0'
  readonly info: Info
  readonly servers: readonly { readonly url: string }[]
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: Components
}

export type DescribedOperation = {
  readonly path: string
  readonly method: Lower
  readonly operation: Operation
}

export const operationsOf = ({ paths, components }: OpenApi): DescribedOperation[] => {
  const follow = <T>(one: T | Reference, all: Readonly<Record<string, T>>): T => {
    if (!isReference(one)) return one
    const found = all[one.$ref.slice(one.$ref.lastIndexOf('/') + 1)]
    if (found === undefined) throw new Error(`${one.$ref} leads nowhere`)
    return found
  }
  const responseOf = (one: ResponseWithReferences | Reference): Response => {
    const { headers, content, ...response } = follow(one, components.responses)
    return {
      ...response,
      ...(headers && { headers: mapped(headers, (one) => follow(one, components.headers)) }),
      ...(content && { content: mapped(content, mediaOf) }),
    }
  }
  const mediaOf = ({ schema, examples }: Media<Example | Reference>): Media => {
    if (!examples) return { schema }
    return { schema, examples: mapped(examples, (one) => follow(one, components.examples)) }
  }
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { parameters, responses, ...operation }]) => ({
      path,
      method: method as Lower,
      operation: {
        ...operation,
        ...(parameters && {
          parameters: parameters.map((one) => follow(one, components.parameters)),
        }),
        responses: mapped(responses, responseOf),
      },
    })),
  )
}

const isReference = (one: unknown): one is Reference =>
  typeof one === 'object' && one !== null && '$ref' in one

const mapped = <T, U>(all: Readonly<Record<string, T>>, to: (one: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(all).map(([name, one]) => [name, to(one)]))
