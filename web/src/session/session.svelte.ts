// Who uses the page. The access token is in memory alone, and renewed before it expires; who was logged in last is
// remembered by name, so that the page opens as theirs without a network.

import { call, type Answer, type Ask, type Route } from '../api/call.ts'
import type { Account } from '../api/operations.ts'
import { ApiProblem } from '../api/problem.ts'
import * as tokens from './tokens.ts'

export type User = Pick<Account, 'id' | 'email'>

const userKey = 'todos.user'
/** Of a token's life: what is left is for slow networks. */
const renewAfter = 0.75
/** Timers of browsers end at 2^31 ms. */
const timerMaxMs = 86_400_000

let user = $state.raw<User | undefined>(rememberedUser())
let access: (tokens.Access & { readonly endsAtMs: number }) | undefined
let renewing: Promise<boolean> | undefined
let timer: ReturnType<typeof setTimeout> | undefined

/** What is to be done when somebody else uses the page, or there is a new token. */
const listeners = { userChanged: () => {}, tokenRenewed: () => {} }

export const session = {
  get user() {
    return user
  },
  on(given: Partial<typeof listeners>) {
    Object.assign(listeners, given)
  },
  async logIn(email: string, password: string) {
    take(await tokens.logIn(email, password))
    const { body } = await call('GET /api/profile', { token: access?.token ?? '' })
    become({ id: body.id, email: body.email })
  },
  /** Of this browser. It is over for the page, whether or not the server can be asked. */
  async logOut() {
    await tokens.logOut().catch(() => {})
    end()
  },
  /** Of every browser. Where the server can not be asked it throws, and nothing is over. */
  async logOutEverywhere() {
    await tokens.logOutEverywhere()
    end()
  },
  /** It is over already, everywhere: the account is gone, or all sessions were ended. */
  end: () => end(),
  /** A good one, renewed where it is about to expire. Undefined for whoever is logged out or offline. */
  async token(): Promise<string | undefined> {
    if (!user) return undefined
    if (!access || access.endsAtMs <= Date.now()) await renew().catch(() => false)
    return access?.token
  },
  /** The server refuses the one that we have. */
  async refused() {
    access = undefined
    if (user && (await renew().catch(() => false))) listeners.tokenRenewed()
  },
}

/** A request as whoever is logged in. A token that is refused is renewed once, without the user noticing. */
export const api = async <R extends Route>(route: R, ask: Ask<R>): Promise<Answer<R>> => {
  const token = await session.token()
  try {
    return await call(route, { ...ask, token })
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 401 || !user) throw error
    if (!(await renew())) throw error
    return call(route, { ...ask, token: access?.token })
  }
}

/** False: the session is over, and the user logged out. Throws where nobody answers. */
const renew = (): Promise<boolean> => {
  renewing ??= renewNow().finally(() => (renewing = undefined))
  return renewing
}

const renewNow = async (): Promise<boolean> => {
  try {
    take(await tokens.renew())
    listeners.tokenRenewed()
    return true
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.isPassing) throw error
  }
  end()
  return false
}

const take = (given: tokens.Access) => {
  access = { ...given, endsAtMs: Date.now() + given.lifeMs }
  clearTimeout(timer)
  const soonMs = Math.min(given.lifeMs * renewAfter, timerMaxMs)
  timer = setTimeout(() => void renew().catch(() => {}), soonMs)
}

const become = (next: User | undefined) => {
  user = next
  if (next) localStorage.setItem(userKey, JSON.stringify(next))
  else localStorage.removeItem(userKey)
  listeners.userChanged()
}

const end = () => {
  access = undefined
  clearTimeout(timer)
  if (user) become(undefined)
}

function rememberedUser(): User | undefined {
  try {
    const found = JSON.parse(localStorage.getItem(userKey) ?? 'null') as Partial<User> | null
    return found?.id && found.email ? { id: found.id, email: found.email } : undefined
  } catch {
    return undefined
  }
}
