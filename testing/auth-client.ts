// A server with accounts, and a client of them that keeps nothing. For tests.

import type { Test } from 'tap'
import postgres, { type Sql } from 'postgres'
import { startServer, type Running } from '../scripts/stack/processes.ts'
import { generousTimeouts, testSecret } from './settings.ts'
import { testDatabase, testTopic } from './services.ts'

export type AuthAnswer = {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The members of a JSON object; '' for what is not there. */
  member(name: string): string
}

export type AuthClient = {
  post(path: string, body: unknown): Promise<AuthAnswer>
  get(path: string, authorization?: string): Promise<AuthAnswer>
  /** Any method, as whoever has the token. */
  send(method: string, path: string, token: string, body?: object): Promise<AuthAnswer>
}

export const createAuthClient = (port: number): AuthClient => {
  const ask = async (path: string, init: RequestInit): Promise<AuthAnswer> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      text,
      member(name) {
        const { [name]: value } = JSON.parse(text) as Record<string, unknown>
        return typeof value === 'string' ? value : ''
      },
    }
  }
  return {
    post: (path, body) =>
      ask(path, {
        method: 'POST',
        // A connection of its own, so that each process gets its share.
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    get: (path, authorization) =>
      ask(path, { headers: { connection: 'close', ...(authorization && { authorization }) } }),
    send: (method, path, token, body) =>
      ask(path, {
        method,
        headers: {
          connection: 'close',
          authorization: `Bearer ${token}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      }),
  }
}

export type AuthServer = {
  readonly server: Running
  readonly client: AuthClient
  /** To look behind the server, and to let time pass there. */
  readonly sql: Sql
  readonly env: Readonly<Record<string, string>>
}

/** As an operator starts it, on a database of its own, with cheap hashes. */
export const startAuthServer = async (
  t: Test,
  settings: Readonly<Record<string, string>> = {},
): Promise<AuthServer> => {
  const url = await testDatabase(t)
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  t.teardown(() => sql.end())
  const env = {
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: url,
    KAFKA_TODO_TOPIC: testTopic(),
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    HTTP_PROCESSES: '1',
    JWT_SECRET: testSecret,
    LOG_LEVEL: 'debug',
    LIMIT_ADDRESS_BURST: '0',
    LIMIT_USER_REQUESTS: '0',
    AUTH_BCRYPT_COST: '4',
    AUTH_PASSWORD_QUEUE_MAX: '1000',
    AUTH_PASSWORD_WAIT_MAX_MS: '60000',
    ...generousTimeouts,
    ...settings,
  }
  const server = await startServer(env)
  t.teardown(() => server.stop())
  return { server, client: createAuthClient(server.port), sql, env }
}

export const password = 'correct horse battery'

/** Registered and logged in. */
export const loggedIn = async (client: AuthClient, email: string) => {
  await client.post('/auth/register', { email, password })
  const answer = await client.post('/auth/login', { email, password })
  return {
    accessToken: answer.member('access_token'),
    refreshToken: answer.member('refresh_token'),
  }
}
