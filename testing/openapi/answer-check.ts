// Holds answers of a running server to the document, and remembers which of those that it describes
// were seen. For tests.

import type { Test } from 'tap'
import type { Answer } from '../engines/harness.ts'
import { createFaults } from './document-schemas.ts'
import type { JsonSchema } from '../../lib/domain/shape.ts'
import {
  operationsOf,
  type Header,
  type Media,
  type OpenApi,
  type Response,
} from '../../server/http/contract/openapi.ts'

export type AnswerCheck = {
  /** The answer is as described for its operation and status, and says nothing besides. */
  check(t: Test, operationId: string, answer: Answer, isHead?: boolean): void
  /** `operationId status` of all that is described and was not seen. */
  unseen(): string[]
}

/** A problem. */
type Typed = { readonly type: string }

/** The transport's own. */
const isTransport =
  /^(date|connection|keep-alive|uwebsockets|content-length|transfer-encoding|content-type)$/
/** Documented for all answers alike, in the document's description. */
const isDocumentedForAll =
  /^(x-content-type-options|content-security-policy|vary|access-control-(allow-origin|expose-headers))$/

export const createAnswerCheck = (document: OpenApi): AnswerCheck => {
  const faults = createFaults(document)
  const operations = operationsOf(document)
  const byId = new Map(operations.map((one) => [one.operation.operationId, one]))
  const seen = new Set<string>()

  const faultsOfHeaders = (described: Response, values: Map<string, string>): string[] => {
    const headers = Object.entries(described.headers ?? {})
    const names = new Set(headers.map(([name]) => name.toLowerCase()))
    const isKnown = (name: string) =>
      isTransport.test(name) || isDocumentedForAll.test(name) || names.has(name)
    return [
      ...headers.flatMap(([name, header]) =>
        faultsOfHeader(header, values.get(name.toLowerCase())).map((fault) => `${name}: ${fault}`),
      ),
      ...[...values.keys()]
        .filter((name) => !isKnown(name))
        .map((name) => `${name} is not documented`),
    ]
  }

  const faultsOfHeader = ({ required, schema }: Header, value: string | undefined): string[] =>
    value === undefined
      ? required
        ? ['it is missing']
        : []
      : faults(schema, valueOf(schema, value))

  const faultsOfBody = ({ content }: Response, mediaType: string, body: string): string[] => {
    if (!content) return body === '' ? [] : ['it has a body']
    const media = content[mediaType]
    if (!media) return [`${mediaType} is not described`]
    const value = mediaType.endsWith('json') ? (JSON.parse(body) as unknown) : body
    return [
      ...faults(media.schema, value).map((fault) => `the body: ${fault}`),
      ...(mediaType === 'application/problem+json' ? faultsOfType(media, value as Typed) : []),
    ]
  }

  const faultsOfType = ({ examples = {} }: Media, { type }: Typed): string[] => {
    const described = Object.values(examples).map(({ value }) => (value as Typed).type)
    return described.includes(type) ? [] : [`${type} is not described`]
  }

  return {
    check(t, operationId, answer, isHead = false) {
      const status = String(answer.status)
      const what = byId.get(operationId)
      const described = what?.operation.responses[status]
      if (!described) {
        t.fail(`${operationId} ${status} is not described`, { body: answer.body })
        return
      }
      seen.add(`${operationId} ${status}`)
      const values = headersOf(answer)
      const mediaType = values.get('content-type')?.split(';', 1)[0] ?? ''
      const found = faultsOfHeaders(described, values)
      if (!isHead) found.push(...faultsOfBody(described, mediaType, answer.body))
      else if (answer.body !== '') found.push('a HEAD has a body')
      if (mediaType !== '') {
        if (values.get('x-content-type-options') !== 'nosniff') found.push('it may be sniffed')
        const isList = what.path === '/todos' && status === '200'
        if (values.has('content-security-policy') === isList) {
          found.push(`Content-Security-Policy is ${isList ? 'there' : 'missing'}`)
        }
      }
      // One assertion for an answer: of a score each, tap's bookkeeping took as long as the asking.
      t.same(found, [], `${operationId} ${status} is as described`)
    },
    unseen: () =>
      operations
        .flatMap(({ operation }) =>
          Object.keys(operation.responses).map((status) => `${operation.operationId} ${status}`),
        )
        .filter((one) => !seen.has(one)),
  }
}

/** By lower-case name; those that came more than once joined. */
const headersOf = ({ head }: Answer): Map<string, string> => {
  const values = new Map<string, string>()
  for (const line of head.slice(1)) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const earlier = values.get(name)
    values.set(name, earlier === undefined ? value : `${earlier}, ${value}`)
  }
  return values
}

const valueOf = ({ type }: JsonSchema, text: string): string | number =>
  type === 'integer' && /^\d+$/.test(text) ? Number(text) : text
