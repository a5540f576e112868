// From a request to its handler: what comes in is checked against the endpoint's definition, in one
// order for all: parameters that are not known, parameters, headers, body. All that is wrong is named,
// of what comes before the body and then of the body.

import { collect, errorOf, type FieldError } from '../../../lib/domain/shape.ts'
import type { Client } from '../client-address.ts'
import type { Body, Reply, Request } from '../engines/engine.ts'
import { readJson, type JsonBody } from '../json-body.ts'
import { Problem } from '../problem.ts'
import { invalidFields } from '../problems.ts'
import type { BodyOf, Endpoint, Method, Principal } from './endpoint.ts'
import { mediaTypesOf, wrongCharset, wrongMediaType } from './media-types.ts'
import type { Parameter } from './parameters.ts'
import { refuseUnknown } from './unknown-parameters.ts'

/** A request of which it is known who asks. */
export type Identified = {
  readonly request: Request
  readonly requestId: string
  readonly principal: Principal | undefined
  readonly client: Client | undefined
  /** What stands for `:id` in its path. */
  readonly id: string
  /** The body, where it is being read already. */
  readonly body?: Promise<Body>
}

export type Run = (identified: Identified) => Reply | Promise<Reply>

export const createRun = (endpoint: Endpoint): Run => {
  const params = Object.entries(endpoint.params)
  const query = Object.entries(endpoint.query)
  const headers = Object.entries(endpoint.headers).map(
    ([key, one]) => [key, one, one.name.toLowerCase()] as const,
  )
  const readBody = endpoint.body && bodyReaderOf(endpoint.method, endpoint.body)
  const refusedConditions = refusedConditionsOf(endpoint)
  // What it is given is what its definition says, whatever that is.
  const handler = endpoint.handler as (input: object) => Reply | Promise<Reply>

  const run: Run = (identified) => {
    const { request, requestId, principal, client } = identified
    const errors: FieldError[] = []
    if (request.query !== '') refuseUnknown(request.query, endpoint, errors)
    const paramValues: Record<string, unknown> = {}
    for (const [name, { shape }] of params)
      paramValues[name] = checked(shape.parse, identified.id, name, errors)
    const queryValues = query.length === 0 ? nothing : readQuery(request.query, query, errors)
    const headerValues: Record<string, unknown> = {}
    for (const [key, { shape, name }, lowerCase] of headers)
      headerValues[key] = checked(shape.parse, request.header(lowerCase), name, errors)
    for (const { name, lowerCase, message } of refusedConditions)
      if (request.header(lowerCase) !== undefined) errors.push({ field: name, message })
    refuseIfAny(errors)
    const input = {
      request,
      requestId,
      principal,
      client,
      params: paramValues,
      query: queryValues,
      headers: headerValues,
      body: undefined as unknown,
    }
    if (!readBody) return handler(input)
    return readBody(request, identified.body).then((value) => {
      input.body = value
      return handler(input)
    })
  }
  return run
}

const bodyReaderOf = (method: Method, body: BodyOf<unknown>) => {
  const { shape, whenEmpty } = body
  const json: JsonBody = {
    mediaTypes: mediaTypesOf(body),
    wrongType: wrongMediaType(method, body),
    wrongCharset: wrongCharset(method, body),
    isOptional: whenEmpty !== undefined,
  }
  return async (request: Request, begun: Promise<Body> | undefined): Promise<unknown> => {
    const value = await readJson(request, json, begun)
    if (value === undefined) return whenEmpty
    const errors: FieldError[] = []
    const parsed = checked(shape.parse, value, 'body', errors)
    refuseIfAny(errors)
    return parsed
  }
}

/** A condition that is not checked is refused: ignored, it would not protect what it was sent for. */
const refusedConditionsOf = ({ method, path, headers }: Endpoint) => {
  if (method === 'GET') return []
  const taken = Object.values(headers).map(({ name }) => name)
  const advice = taken.includes('If-Match') ? ': send If-Match' : ''
  return ['If-Match', 'If-None-Match']
    .filter((name) => !taken.includes(name))
    .map((name) => ({
      name,
      lowerCase: name.toLowerCase(),
      message: `${method} ${path} takes no ${name}${advice}`,
    }))
}

const nothing = {}

const readQuery = (
  text: string,
  parameters: readonly (readonly [string, Parameter<unknown>])[],
  errors: FieldError[],
) => {
  const given = new URLSearchParams(text)
  const values: Record<string, unknown> = {}
  for (const [name, { shape }] of parameters) {
    const texts = given.getAll(name)
    // More than one is not a text: no shape takes it.
    values[name] = checked(shape.parse, texts.length > 1 ? texts : texts[0], name, errors)
  }
  return values
}

/** Undefined, and added to `errors`, when it is refused. */
const checked = <T>(
  parse: (value: unknown, field: string) => T,
  value: unknown,
  field: string,
  errors: FieldError[],
): T | undefined => {
  try {
    return parse(value, field)
  } catch (error) {
    collect(errors, error)
    return undefined
  }
}

/** Fields that are refused are a 400 that names them. */
const refuseIfAny = (errors: readonly FieldError[]): void => {
  const error = errorOf(errors)
  if (error) throw new Problem(invalidFields(error))
}
