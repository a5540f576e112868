// From a request to its handler: what comes in is checked against the endpoint's definition, in one
// order for all: parameters that are not known, parameters, headers, body.

import { InvalidField } from '../../../lib/domain/shape.ts'
import type { Client } from '../client-address.ts'
import type { Body, Reply, Request } from '../engines/engine.ts'
import { readJson } from '../json-body.ts'
import { Problem } from '../problem.ts'
import { invalid } from '../problems.ts'
import type { Endpoint, Principal } from './endpoint.ts'
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
  const { body } = endpoint
  // What it is given is what its definition says, whatever that is.
  const handler = endpoint.handler as (input: object) => Reply | Promise<Reply>

  const run: Run = (identified) => {
    const { request, requestId, principal, client } = identified
    if (request.query !== '') refuseUnknown(request.query, endpoint)
    const paramValues: Record<string, unknown> = {}
    for (const [name, { shape }] of params)
      paramValues[name] = checked(shape.parse, identified.id, name)
    const queryValues = query.length === 0 ? nothing : readQuery(request.query, query)
    const headerValues: Record<string, unknown> = {}
    for (const [key, { shape, name }, lowerCase] of headers)
      headerValues[key] = checked(shape.parse, request.header(lowerCase), name)
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
    if (!body) return handler(input)
    return readJson(request, identified.body).then((json) => {
      input.body = checked(body.shape.parse, json, 'body')
      return handler(input)
    })
  }
  return run
}

const nothing = {}

const readQuery = (
  text: string,
  parameters: readonly (readonly [string, Parameter<unknown>])[],
) => {
  const given = new URLSearchParams(text)
  const values: Record<string, unknown> = {}
  for (const [name, { shape }] of parameters) {
    const texts = given.getAll(name)
    // More than one is not a text: no shape takes it.
    values[name] = checked(shape.parse, texts.length > 1 ? texts : texts[0], name)
  }
  return values
}

/** A field that is refused is a 400 that names it. */
const checked = <T>(
  parse: (value: unknown, field: string) => T,
  value: unknown,
  field: string,
): T => {
  try {
    return parse(value, field)
  } catch (error) {
    if (error instanceof InvalidField) throw new Problem(invalid(error.message, error.field))
    throw error
  }
}
