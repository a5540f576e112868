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

  const checkHeaders = (t: Test, described: Response, values: Map<string, string>) => {
    const names = new Set<string>()
    for (const [name, header] of Object.entries(described.headers ?? {})) {
      names.add(name.toLowerCase())
      t.same(faultsOfHeader(header, values.get(name.toLowerCase())), [], name)
    }
    for (const name of values.keys()) {
      t.ok(
        isTransport.test(name) || isDocumentedForAll.test(name) || names.has(name),
        `${name} is documented`,
      )
    }
  }

  const faultsOfHeader = ({ required, schema }: Header, value: string | undefined): string[] =>
    value === undefined
      ? required
        ? ['it is missing']
        : []
      : faults(schema, valueOf(schema, value))

  const checkBody = (t: Test, { content }: Response, mediaType: string, body: string) => {
    if (!content) {
      t.equal(body, '', 'no body')
      return
    }
    const media = content[mediaType]
    if (!media) {
      t.fail(`${mediaType} is not described`)
      return
    }
    const value = mediaType.endsWith('json') ? (JSON.parse(body) as unknown) : body
    t.same(faults(media.schema, value), [], 'the body is as described')
    if (mediaType === 'application/problem+json') checkType(t, media, value as Typed)
  }

  const checkType = (t: Test, { examples = {} }: Media, { type }: Typed) => {
    const described = Object.values(examples).map(({ value }) => (value as Typed).type)
    t.ok(described.includes(type), `${type} is described`)
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
      checkHeaders(t, described, values)
      const mediaType = values.get('content-type')?.split(';', 1)[0] ?? ''
      if (isHead) t.equal(answer.body, '', 'a HEAD has no body')
      else checkBody(t, described, mediaType, answer.body)
      if (mediaType === '') return
      t.equal(values.get('x-content-type-options'), 'nosniff')
      const isList = what.path === '/todos' && status === '200'
      t.equal(values.has('content-security-policy'), !isList, 'Content-Security-Policy')
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
