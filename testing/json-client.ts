// A client that sends and reads JSON as one user, or as nobody. For tests.

import { signToken } from '../lib/accounts/access-token.ts'
import { testSecret } from './settings.ts'

export type Json = Record<string, unknown>
export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Json }
export type Client = (
  method: string,
  path: string,
  body?: Json,
  headers?: Record<string, string>,
) => Promise<Answer>

export const clientOf = (port: number, user: string | undefined): Client => {
  const token = user === undefined ? undefined : signToken(testSecret, user, 3_600)
  return async (method, path, body, headers = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const json = (text === '' ? {} : JSON.parse(text)) as Json
    return { status: response.status, headers: response.headers, body: json }
  }
}
