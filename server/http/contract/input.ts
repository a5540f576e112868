// From a request to its handler: what comes in is checked against the endpoint's definition, in one
// order for all: parameters that are not known, parameters, headers, body. All that is wrong is named,
// of what comes before the body and then of the body.

import { collect, errorOf, type FieldError } from '../../../lib/domain/shape.ts'
import type { Client } from '../client-address.ts'
import type { Body, Reply, Request } from '../engines/engine.ts'
import { bodyBytesMax, createJsonReader, type JsonBody } from '../json-body.ts'
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
  /** What stands for the first parameter of its path, and for the second. */
  readonly id: string
  readonly innerId: string
  /** The body, where it is being read already. */
  body: Promise<Body> | undefined
}

export type Run = (identified: Identified) => Reply | Promise<Reply>

export const createRun = (endpoint: Endpoint): Run => {
  const params = Object.entries(endpoint.params)
  const query = Object.entries(endpoint.query)
  const readHeaders = headerReaderOf(endpoint)
  const { body } = endpoint
  const json = body && createJsonReader(jsonBodyOf(endpoint.method, body))
  const refusedConditions = refusedConditionsOf(endpoint)
  // What it is given is what its definition says, whatever that is.
  const handler = endpoint.handler as (input: Input) => Reply | Promise<Reply>

  /** All but the body, checked. */
  const readHead = (identified: Identified): Input => {
    const { request, requestId, principal, client } = identified
    const errors: FieldError[] = []
    if (request.query !== '' && !endpoint.takesAnyQuery)
      refuseUnknown(request.query, endpoint, errors)
    const input = {
      request,
      requestId,
      principal,
      client,
      params: params.length === 0 ? nothing : readParams(identified, params, errors),
      query: query.length === 0 ? nothing : readQuery(request.query, query, errors),
      headers: readHeaders(request, errors),
      body: undefined,
    }
    for (const { name, lowerCase, message } of refusedConditions)
      if (request.header(lowerCase) !== undefined) errors.push({ field: name, message })
    refuseIfAny(errors)
    return input
  }

  if (!body || !json) return (identified) => handler(readHead(identified))

  const withBody = async (
    input: Input,
    read: Promise<Body>,
    fault: Problem | undefined,
  ): Promise<Reply> => {
    const value = json.read(await read, fault)
    input.body = value === undefined ? body.whenEmpty : readBody(value, body)
    return await handler(input)
  }
  return (identified) => {
    const input = readHead(identified)
    const { request } = identified
    const fault = json.faultOf(request)
    if (fault && body.whenEmpty === undefined) throw fault
    return withBody(input, identified.body ?? request.body(bodyBytesMax), fault)
  }
}

/** What a handler is given, whatever its endpoint takes. */
type Input = Omit<Identified, 'id' | 'innerId' | 'body'> & {
  readonly params: Values
  readonly query: Values
  readonly headers: Values
  body: unknown
}

type Values = Readonly<Record<string, unknown>>

const nothing: Values = {}

const jsonBodyOf = (method: Method, body: BodyOf<unknown>): JsonBody => ({
  mediaTypes: mediaTypesOf(body),
  wrongType: wrongMediaType(method, body),
  wrongCharset: wrongCharset(method, body),
  isOptional: body.whenEmpty !== undefined,
})

const readBody = (value: unknown, { shape }: BodyOf<unknown>): unknown => {
  const errors: FieldError[] = []
  const parsed = checked(shape.parse, value, 'body', errors)
  refuseIfAny(errors)
  return parsed
}

const readParams = (
  { id, innerId }: Identified,
  parameters: readonly (readonly [string, Parameter<unknown>])[],
  errors: FieldError[],
): Values => {
  const values: Record<string, unknown> = {}
  let value = id
  for (const [name, { shape }] of parameters) {
    values[name] = checked(shape.parse, value, name, errors)
    value = innerId
  }
  return values
}

/** Most requests have none of the headers: what that means is found out once. */
const headerReaderOf = ({ headers }: Endpoint) => {
  const whenAbsent: Record<string, unknown> = {}
  const readers = Object.entries(headers).map(([key, { shape, name }]) => {
    const errors: FieldError[] = []
    whenAbsent[key] = checked(shape.parse, undefined, name, errors)
    const lowerCase = name.toLowerCase()
    return { key, name, lowerCase, parse: shape.parse, isRequired: errors.length > 0 }
  })
  return (request: Request, errors: FieldError[]): Values => {
    let values = whenAbsent
    for (const { key, name, lowerCase, parse, isRequired } of readers) {
      const given = request.header(lowerCase)
      if (given === undefined && !isRequired) continue
      if (values === whenAbsent) values = { ...whenAbsent }
      values[key] = checked(parse, given, name, errors)
    }
    return values
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
  if (errors.length === 0) return
  const error = errorOf(errors)
  if (error) throw new Problem(invalidFields(error))
}
