// How the page gets access tokens, and what it keeps of them: nothing that outlives the tab. The one file that
// knows how a session is carried.

import { call } from '../api/call.ts'
import type { Tokens } from '../api/operations.ts'

export type Access = { readonly token: string; readonly lifeMs: number }

let refreshToken: string | undefined

const accessOf = ({ access_token, expires_in, refresh_token }: Tokens): Access => {
  refreshToken = refresh_token
  return { token: access_token, lifeMs: expires_in * 1_000 }
}

export const logIn = async (email: string, password: string): Promise<Access> =>
  accessOf((await call('POST /auth/login', { body: { email, password } })).body)

/** Undefined: the session is over. One tab at a time, since each refresh token is good once. */
export const renew = async (): Promise<Access | undefined> =>
  navigator.locks.request('todos.session', async () => {
    if (refreshToken === undefined) return undefined
    const { body } = await call('POST /auth/refresh', { body: { refresh_token: refreshToken } })
    return accessOf(body)
  })

export const logOut = async (): Promise<void> => {
  if (refreshToken !== undefined) {
    await call('POST /auth/logout', { body: { refresh_token: refreshToken } })
  }
  refreshToken = undefined
}
