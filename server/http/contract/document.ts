// The OpenAPI document of a list of endpoints: what each takes and answers, as its definition says.
// A test asks a running server for each of them, and holds every answer to what is said here.

import type { Shape } from '../../../lib/domain/shape.ts'
import { bodyBytesMax } from '../json-body.ts'
import { deprecationHeaders } from '../deprecation.ts'
import { rateLimit, type ResponseHeader } from '../response-headers.ts'
import type { AnswerDescription } from './answer.ts'
import { createComponents, type ComponentsInTheMaking } from './components.ts'
import { needsToken, templateOf, type Endpoint } from './endpoint.ts'
import type {
  Content,
  Info,
  Lower,
  OpenApi,
  OperationWithReferences,
  Parameter as DocumentParameter,
  PathItem,
  Reference,
  ResponseWithReferences,
} from './openapi.ts'
import { mediaTypesOf } from './media-types.ts'
import type { Parameter } from './parameters.ts'
import { problemResponses } from './problem-responses.ts'
import { requestId, requestIdIfAny } from '../response-headers.ts'

/** Of a page that came by HTTPS. */
export const refreshCookieName = '__Secure-todos-refresh'

export const documentOf = (endpoints: readonly Endpoint[], info: Info): OpenApi => {
  const components = createComponents()
  const paths: Record<string, PathItem> = {}
  for (const endpoint of endpoints) {
    const path = templateOf(endpoint.path)
    const method = endpoint.method.toLowerCase() as Lower
    paths[path] = { ...paths[path], [method]: operationOf(endpoint, components) }
  }
  shareResponses(Object.values(paths), components)
  const tags = new Map(endpoints.map(({ tag }) => [tag.name, tag]))
  return {
    openapi: '3.1.0',
    info,
    servers: [{ url: '/' }],
    tags: [...tags.values()].map(({ name, description }) => ({ name, description })),
    paths,
    components: {
      ...components.made(),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'HS256, with a `sub` that names the user. `exp` and `nbf` are honoured when present. `POST /auth/login` gives one.',
        },
        refreshCookie: {
          type: 'apiKey',
          in: 'cookie',
          name: refreshCookieName,
          description:
            'The refresh token of a page of this server. `POST /auth/cookie/login` sets it, and its browser sends it to `/auth/cookie` alone.',
        },
      },
    },
  }
}

const operationOf = (
  endpoint: Endpoint,
  components: ComponentsInTheMaking,
): OperationWithReferences => {
  const { operationId, summary, description, tag, body } = endpoint
  const parameters = parametersOf(endpoint, components)
  return {
    operationId,
    summary,
    ...(description !== '' && { description }),
    tags: [tag.name],
    security: securityOf(endpoint),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        required: body.whenEmpty === undefined,
        description: `At most ${bodyBytesMax} bytes of JSON in UTF-8.`,
        content: Object.assign(
          {},
          ...mediaTypesOf(body).map((one) => contentOf(one, body.shape, body.examples, components)),
        ) as Content,
      },
    }),
    ...(endpoint.deprecation && { deprecated: true as const }),
    responses: deprecatedIf(endpoint, components, {
      ...Object.fromEntries(
        endpoint.responses.map((one) => [one.status, answerOf(one, endpoint, components)]),
      ),
      ...problemResponses(endpoint, components),
    }),
  }
}

const securityOf = ({ auth, needsCookie }: Endpoint): OperationWithReferences['security'] => {
  if (needsToken(auth)) return [{ bearer: [] }]
  return needsCookie ? [{ refreshCookie: [] }] : []
}

/** What an endpoint that is deprecated says in each of its answers. */
const deprecatedIf = (
  { deprecation }: Endpoint,
  components: ComponentsInTheMaking,
  responses: Readonly<Record<string, ResponseWithReferences | Reference>>,
): Readonly<Record<string, ResponseWithReferences | Reference>> => {
  if (!deprecation) return responses
  const added = components.headers(deprecationHeaders)
  return Object.fromEntries(
    Object.entries(responses).map(([status, one]) => {
      const response = components.resolved(one)
      return [status, { ...response, headers: { ...response.headers, ...added } }]
    }),
  )
}

/** What several operations answer alike is called after the first of them. */
const shareResponses = (items: readonly PathItem[], components: ComponentsInTheMaking): void => {
  const alike = new Map<string, { operation: OperationWithReferences; status: string }[]>()
  for (const operation of items.flatMap((item) => Object.values(item))) {
    for (const [status, response] of Object.entries(operation.responses)) {
      if ('$ref' in response) continue
      const text = JSON.stringify(response)
      alike.set(text, [...(alike.get(text) ?? []), { operation, status }])
    }
  }
  for (const [text, uses] of alike) {
    const [first] = uses
    if (!first || uses.length === 1) continue
    const name = `${first.operation.operationId}-${first.status}`
    const reference = components.response(name, JSON.parse(text) as ResponseWithReferences)
    for (const { operation, status } of uses)
      Object.assign(operation.responses, { [status]: reference })
  }
}

const parametersOf = (
  { params, query, headers }: Endpoint,
  components: ComponentsInTheMaking,
): (DocumentParameter | Reference)[] => {
  const entry = (place: DocumentParameter['in']) => (name: string, one: Parameter<unknown>) =>
    components.parameter(one.component, {
      name,
      in: place,
      ...(place === 'path' && { required: true }),
      description: one.description,
      schema: components.schema(one.shape),
      example: one.example,
    })
  return [
    ...Object.entries(params).map(([name, one]) => entry('path')(name, one)),
    ...Object.entries(query).map(([name, one]) => entry('query')(name, one)),
    ...Object.values(headers).map((one) => entry('header')(one.name, one)),
  ]
}

const answerOf = (
  { description, component, content, others = [], isReady, headers = [] }: AnswerDescription,
  { limit }: Endpoint,
  components: ComponentsInTheMaking,
): ResponseWithReferences | Reference => {
  const all: ResponseHeader[] = [
    ...headers,
    ...(limit ? rateLimit : []),
    isReady ? requestIdIfAny : requestId,
  ]
  return components.response(component, {
    description,
    headers: components.headers(all),
    ...(content && {
      content: Object.assign(
        {},
        ...[content, ...others].map(({ mediaType, shape, examples }) =>
          contentOf(mediaType, shape, examples, components),
        ),
      ) as Content,
    }),
  })
}

const contentOf = (
  mediaType: string,
  shape: Shape<unknown>,
  values: readonly unknown[],
  components: ComponentsInTheMaking,
) => ({
  [mediaType]: {
    schema: components.schema(shape),
    ...(values.length > 0 && { examples: components.examples(values) }),
  },
})
