// How the page gets access tokens. The refresh token is in a cookie that no script can read; the access token is
// in memory and goes with the tab. The one file that knows how a session is carried.

import { call } from '../api/call.ts'

export type Access = { readonly token: string; readonly lifeMs: number }

const accessOf = (tokens: {
  readonly access_token: string
  readonly expires_in: number
}): Access => ({
  token: tokens.access_token,
  lifeMs: tokens.expires_in * 1_000,
})

export const logIn = async (email: string, password: string): Promise<Access> =>
  accessOf((await call('POST /auth/cookie/login', { body: { email, password } })).body)

/** One tab at a time: each refresh token is good once. */
export const renew = async (): Promise<Access> =>
  navigator.locks.request('todos.session', async () =>
    accessOf((await call('POST /auth/cookie/refresh', { body: {} })).body),
  )

/** Of every session of whose cookie it is. */
export const logOutEverywhere = async (): Promise<void> => {
  await call('POST /auth/cookie/logout-everywhere', { body: {} })
}

export const logOut = async (): Promise<void> => {
  await call('POST /auth/cookie/logout', { body: {} })
}
