// Asks a running server for operations of the document, and holds the answers to it. For tests.

import type { Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { testSecret } from '../settings.ts'
import { exchange, type Answer } from '../engines/harness.ts'
import type { AnswerCheck } from './answer-check.ts'
import { operationsOf } from '../../server/http/contract/openapi.ts'
import { document } from './document.ts'

/** The origin of a page that may call. */
export const page = 'https://app.example'
export const environmentOf = (engine: string, databaseUrl: string) => ({
  COMMAND_LOG: 'postgres',
  LIST_CACHE: 'postgres',
  DATABASE_URL: databaseUrl,
  HTTP_ENGINE: engine,
  HTTP_PROCESSES: '1',
  HTTP_HOST: '127.0.0.1',
  HTTP_PORT: '0',
  HTTP_HEADERS_TIMEOUT_MS: '1000',
  HTTP_REQUEST_TIMEOUT_MS: '1000',
  JWT_SECRET: testSecret,
  LOG_LEVEL: 'silent',
  CORS_ORIGINS: page,
  // On, so that answers carry their headers, and too high to be reached.
  LIMIT_ADDRESS_BURST: '100000',
  LIMIT_USER_REQUESTS: '100000',
  LIMIT_WRITE_BURST: '100000',
  AUTH_BCRYPT_COST: '4',
  TEAMS_PER_USER_MAX: '2',
  SHARES_PER_TODO_MAX: '2',
})

/** A header. */
export const bearerOf = (user: string): string =>
  `Authorization: Bearer ${signToken(testSecret, user, 3_600)}`

const operations = operationsOf(document)
const json = 'Content-Type: application/json'

type RequestParts = {
  readonly lines?: readonly string[]
  readonly body?: unknown
  readonly host?: string
}

/** Sends what an operation takes, and returns the answer when it was as described. */
export type Ask = (
  operationId: string,
  status: number,
  target: string,
  parts?: RequestParts,
) => Promise<Answer>

export const createAsk = (t: Test, port: number, check: AnswerCheck): Ask => {
  const send = async (
    method: string,
    operationId: string,
    status: number,
    target: string,
    { lines = [], body, host = 'a' }: RequestParts,
  ) => {
    const isHead = method === 'HEAD'
    const bytes = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
    const head = [
      `${method} ${target} HTTP/1.1`,
      `Host: ${host}`,
      ...lines,
      ...(body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(bytes)}`]),
      ...(body === undefined || /content-type/i.test(lines.join()) ? [] : [json]),
    ].join('\r\n')
    const [answer] = await exchange(port, `${head}\r\n\r\n${bytes}`, { isHead })
    if (!answer) throw new Error(`no answer: ${operationId} ${target}`)
    await t.test(`${operationId} ${status}: ${method} ${target}`, (t) => {
      t.equal(answer.status, status, answer.body.slice(0, 500))
      check.check(t, operationId, answer, isHead)
      t.end()
    })
    return answer
  }
  return async (operationId, status, target, parts = {}) => {
    const found = operations.find(({ operation }) => operation.operationId === operationId)
    if (!found) throw new Error(`no such operation: ${operationId}`)
    const answer = await send(found.method.toUpperCase(), operationId, status, target, parts)
    // What is got can be had without its body.
    if (found.method === 'get') await send('HEAD', operationId, status, target, parts)
    return answer
  }
}
